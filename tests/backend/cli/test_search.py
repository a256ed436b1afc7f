"""`poolscope search` and `target`."""

import numpy as np
import pytest


def test_search_by_word(poolscope, tiny_pool):
    content = poolscope("search", "CHAT noir", "--limit", 3, "--pool", tiny_pool.path, "--json").json
    assert content["total"] == sum(
        "chat noir" in text for text in tiny_pool.take(range(200), ["text"])["text"].to_pylist()
    )
    assert len(content["pairs"]) == 3
    assert all("chat noir" in pair["text"] for pair in content["pairs"])
    assert len(content["pairs"][0]["uid"]) == 32
    assert "pairs found" in poolscope("search", "chat", "--pool", tiny_pool.path).out
    assert poolscope("search", "zzz", "--pool", tiny_pool.path, "--json").json == {
        "total": 0,
        "by_index": False,
        "pairs": [],
    }


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("",), "nothing to search for"),
        (("cat", "--by", "smell"), "'smell'"),
        (("cat", "--by", "meaning", "--model", "x9"), "x9"),
        (("cat", "--by", "meaning"), "l14_img"),
        (("cat", "--limit", "0"), "--limit"),
    ],
)
def test_wrong_search(argv, said, poolscope, tiny_pool):
    assert said in poolscope("search", *argv, "--pool", tiny_pool.path).refused()


def test_target_set(poolscope, tiny_pool, tmp_path):
    np.save(tmp_path / "t.npy", np.random.default_rng(0).normal(size=(30, 16)).astype(np.float32))
    argv = ("target", "mine", tmp_path / "t.npy", "--model", "l14", "--pool", tiny_pool.path)
    assert poolscope(*argv, "--json").json == {"target": "mine", "model": "l14", "vectors": 30}
    made = np.load(tiny_pool.path / "targets" / "mine" / "l14.npy").astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_wrong_target(content, poolscope, tiny_pool, tmp_path):
    path = tmp_path / "t.npy"
    if content is not None:
        path.write_bytes(content)
    argv = ("target", "mine", path, "--model", "l14", "--pool", tiny_pool.path)
    assert "t.npy" in poolscope(*argv).refused()
    assert not (tiny_pool.path / "targets" / "mine").exists()

"""`poolscope bias`."""

import json

import pytest

QUICK = ("--families", "original,mean_rgb,caption_words", "--size", "32", "--per-set", "60")


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "half.yaml"
    path.write_text("name: half\nkeep:\n  - {score: clip_b32, top: 0.5}\n")
    return path


def test_kept_against_dropped(poolscope, tiny_pool, recipe, tmp_path):
    out = tmp_path / "report.html"
    content = poolscope("bias", recipe, "--pool", tiny_pool.path, *QUICK, "--out", out, "--json").json
    assert [part["name"] for part in content["sets"]] == ["kept by half", "dropped"]
    assert content["chance"] == 0.5
    for one in content["families"]:
        assert {"family", "accuracy", "low", "high"} <= one.keys()
    assert "kept by half" in out.read_text()
    written = json.loads(out.with_suffix(".json").read_text())["families"]
    assert [one["accuracy"] for one in written] == [one["accuracy"] for one in content["families"]]
    assert any(one["strips"] for one in written)
    assert not any("strips" in one for one in content["families"])
    shown = poolscope("bias", recipe, "--pool", tiny_pool.path, *QUICK).out
    assert "Mean colour" in shown
    assert "null control" in shown


def test_two_recipes(poolscope, tiny_pool, recipe, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("name: other\nkeep:\n  - {flag: sharp}\n")
    words = ("bias", recipe, other, "--pool", tiny_pool.path, *QUICK, "--json")
    both = poolscope(*words).json
    assert both["overlap"] > 0
    assert [part["name"] for part in both["sets"]] == ["kept by half", "kept by other"]
    assert poolscope(*words, "--only").json["overlap"] == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "nothing to compare"),
        (("nope",), "'nope'"),
        (("--by", "nope"), "'nope'"),
        (("--by", "sharp", "--target", "x"), "--target"),
        (("--by", "sharp", "--families", "x"), "'x'"),
        (("--by", "sharp", "--families", ","), "names no family"),
        (("--by", "sharp", "--size", "63"), "63"),
        (("--by", "sharp", "--folds", "1"), "folds"),
        (("--by", "sharp", "--out", "r.pdf"), "r.pdf"),
        (("--by", "sharp", "--classes", "none.txt"), "none.txt"),
        (("--by", "sharp", "--weights", "depth"), "'depth'"),
        (("--by", "sharp", "--weights", "colour=x"), "'colour'"),
        (("--by", "sharp", "--classifier", "x"), "'x'"),
        (("--target", "nope"), "nope"),
        (("--other-pool", "nowhere"), "nowhere"),
        (("--run", "nope"), "nope"),
    ],
)
def test_wrong_words(argv, said, poolscope, tiny_pool):
    assert said in poolscope("bias", *argv, "--pool", tiny_pool.path).refused()
    assert not list((tiny_pool.path / "reports").glob("bias-*"))

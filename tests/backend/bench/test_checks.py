import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from poolscope.bench import checks, preflight
from poolscope.bench.launch import Launch
from poolscope.bench.scales import SCALES
from poolscope.errors import InputError


def words(problems: list[checks.Problem]) -> list[tuple[str, str]]:
    return [(problem.level, problem.what) for problem in problems]


def test_nothing_is_wrong_with_a_normal_run() -> None:
    assert preflight(20_000, "demo") == []


@pytest.mark.parametrize(("pairs", "reason"), [(0, "keeps 0 pairs"), (100, "fewer than one batch of 256")])
def test_empty_and_tiny_selections_are_refused_with_the_reason(pairs: int, reason: str) -> None:
    problems = preflight(pairs, "demo")
    assert words(problems) == [("error", "selection")]
    with pytest.raises(InputError, match=reason):
        checks.refuse(problems)


def test_many_repeats_warn() -> None:
    problems = preflight(300, "demo")
    assert words(problems) == [("warning", "selection")]
    checks.refuse(problems)


def test_a_world_that_cannot_share_the_batch_is_refused() -> None:
    assert Launch(gpus=8, nodes=2, accum=2).device_batch(SCALES["small"]) == 128
    with pytest.raises(InputError, match=r"3 devices x 1 .* 4096 .*for example [24] devices"):
        Launch(gpus=3).device_batch(SCALES["small"])
    assert words(preflight(10_000_000, "small", launch=Launch(gpus=3)))[0] == ("error", "devices")


def test_gpus_that_are_not_there_are_refused() -> None:
    problems = preflight(10_000_000, "small", launch=Launch(gpus=64), look_at_gpus=True)
    assert any("64 GPUs were asked for" in problem.text for problem in problems if problem.level == "error")


def test_a_batch_that_does_not_fit_names_the_accumulation_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("M", (), {"available": 4 * 2**30})())
    problems = preflight(12_800_000, "small", launch=Launch(gpus=0), look_at_gpus=True)
    memory = next(problem for problem in problems if problem.what == "memory")
    assert memory.level == "error"
    assert "accumulation steps" in memory.text
    assert any("days here" in problem.text for problem in problems)


def test_a_full_disk_is_found_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("D", (), {"free": 1e9})())
    problems = preflight(12_800_000, "small")
    assert words(problems) == [("error", "disk")]
    assert "POOLSCOPE_HOME" in problems[0].text


def shard(path: Path, names: list[str]) -> None:
    with tarfile.open(path, "w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"abc"))


def test_shards_are_opened_and_matched_with_the_selection(tmp_path: Path) -> None:
    uids = np.array([(0, 1), (0, 2)], dtype="u8,u8")
    shards = tmp_path / "shards"
    shards.mkdir()
    assert words(preflight(20_000, "demo", shards=shards)) == [("error", "shards")]
    for number in range(2):
        shard(shards / f"{number:08d}.tar", ["a.txt", "a.png"])
    np.save(shards / "sample_ids.npy", uids)
    (shards / "meta.json").write_text("{}")
    assert preflight(20_000, "demo", shards=shards, uids=uids) == []
    few = preflight(20_000, "demo", shards=shards, uids=uids, launch=Launch(workers=4))
    assert words(few) == [("warning", "shards")]

    stale = preflight(20_000, "demo", shards=shards, uids=uids[:1])
    assert "selection has changed" in stale[0].text
    whole = (shards / "00000001.tar").read_bytes()
    (shards / "00000001.tar").write_bytes(whole[:1500])
    (shards / "meta.json").unlink()
    texts = " ".join(problem.text for problem in preflight(20_000, "demo", shards=shards, uids=uids))
    assert "1 of 2 shards are not readable, the first is 00000001.tar" in texts
    assert "did not finish" in texts


def test_in_place_needs_the_tars_of_the_pool_and_no_others(tiny_pool, tmp_path) -> None:
    assert preflight(20_000, "demo", pool=tiny_pool, in_place=True) == []
    both = preflight(20_000, "demo", pool=tiny_pool, in_place=True, shards=tmp_path)
    assert "leave out the other shards" in " ".join(problem.text for problem in both)
    tiny_pool.drop_column("image")
    unindexed = preflight(20_000, "demo", pool=tiny_pool, in_place=True)
    assert "no index of its shards" in unindexed[0].text


def test_tars_that_are_gone_are_named(tiny_pool) -> None:
    tiny_pool.add_columns({"image": ["/gone/1.tar"] * 100 + ["/gone/0.tar"] * 100}, kind="metadata", made_by={}, replace=True)  # fmt: skip
    (problem,) = preflight(20_000, "demo", pool=tiny_pool, in_place=True)
    assert (problem.level, problem.what) == ("error", "shards")
    assert problem.text.startswith("2 of the 2 tars of the pool are gone, the first is /gone/0.tar")

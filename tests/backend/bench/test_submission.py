import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from poolscope.bench import submission
from poolscope.bench.submission import check, check_subset, submit
from poolscope.bench.tasks.datacomp import TASKS
from poolscope.errors import InputError
from poolscope.export import export_subset
from poolscope.pool import Pool
from poolscope.recipe import Recipe, select
from poolscope.runs import Run, write_results


def run_on(pool: Pool, **more: object) -> Run:
    selection = select(Recipe(name="half", keep=[{"score": "clip_b32", "top": 0.5}]), pool)
    run = Run(id="mine", scale="small", recipe="half", pool=str(pool.path), kept=selection.kept, pool_pairs=len(pool),
              settings={"tasks": "datacomp", "batch": 4096, "lr": 5e-4}, model="ViT-B-32", **more)  # type: ignore[arg-type]  # fmt: skip
    run.step_to("done")
    export_subset(pool, selection, run.path / "subset.npy")
    lines = [
        {"key": task.key, "dataset": task.name, "examples": task.size, "skipped": 0,
         "metrics": {"acc1": 0.5, "main_metric": 0.5 if task.averaged else None}} for task in TASKS
    ]  # fmt: skip
    write_results(run.path / "results.jsonl", lines)
    return run


def test_a_whole_run_makes_a_valid_submission(tiny_pool: Pool, tmp_path: Path) -> None:
    run = run_on(tiny_pool)
    found = submit(run, tmp_path / "out", author="A. Person", email="a@example.org")
    assert (found.errors, found.warnings, found.valid) == ([], [], True)
    assert len((tmp_path / "out/small_scale/results.jsonl").read_text().splitlines()) == 40
    assert np.array_equal(np.load(tmp_path / "out/small_scale/samples/subset.npy"), np.load(run.path / "subset.npy"))
    record = json.loads((tmp_path / "out/record.json").read_text())
    assert (record["dataset_size"], record["batch_size"], record["ImageNet 1k"]) == ("100", 4096, 0.5)
    assert record["FairFace"] is None
    assert "| Camelyon17 | 0.5000 |" in (tmp_path / "out/README.md").read_text()
    with pytest.raises(InputError, match="not empty"):
        submit(run, tmp_path / "out")
    with pytest.raises(InputError, match="'other' is unknown"):
        submit(run, tmp_path / "new", track="other")


def test_a_submission_is_whole_or_not_there(tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_on(tiny_pool)
    with monkeypatch.context() as killed:
        killed.setattr(submission, "card", lambda *_: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            submit(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    monkeypatch.chdir(tmp_path / "empty")
    for out in (".", tmp_path / "link"):
        assert submit(run, out).written[-1] == "README.md"
        assert (tmp_path / "empty" / "README.md").is_file()
        shutil.rmtree(tmp_path / "empty")
        (tmp_path / "empty").mkdir()


def test_every_broken_rule_is_named(tiny_pool: Pool) -> None:
    run = run_on(tiny_pool, not_comparable=["lr is 1 instead of 0.0005"])
    lines = [line for line in run.results() if line["key"] != "mnist"]
    lines[0]["examples"] = 17
    write_results(run.path / "results.jsonl", lines)
    uids = np.concatenate([np.load(run.path / "subset.npy"), np.array([(1, 2)], dtype="u8,u8")])
    np.save(run.path / "subset.npy", uids)
    errors, _ = check(run)
    text = "\n".join(errors)
    assert "the training is fixed: lr is 1 instead of 0.0005" in text
    assert "1 of 38 averaged tasks have no result, the first is mnist" in text
    assert "evaluated on 17 examples, it has 6,085" in text
    assert "not sorted: entry 100" in text
    assert "101 uids, the run says 100" in text
    assert "1 uids of the subset are not in the pool" in text
    errors, _ = check(run, track="byod")
    assert "not in the pool" not in "\n".join(errors)


def test_demo_runs_and_other_files_are_no_submission(tiny_pool: Pool, tmp_path: Path) -> None:
    run = run_on(tiny_pool)
    run.scale = "demo"
    assert "scale 'demo' is not one of DataComp's" in check(run)[0][0]
    np.save(tmp_path / "a.npy", np.arange(3))
    assert "dtype int64" in check_subset(tmp_path / "a.npy", run, track="byod")[0][0]
    twice = np.array([(1, 1), (1, 1)], dtype="u8,u8")
    np.save(tmp_path / "b.npy", twice)
    run.kept = 1
    assert check_subset(tmp_path / "b.npy", run, track="byod") == (
        [],
        ["1 entries repeat a uid; the rules allow it"],
    )
    empty = Run(id="empty")
    empty.step_to("done")
    with pytest.raises(InputError, match="has no results"):
        submit(empty, tmp_path / "out")


def test_a_subset_that_repeats_uids_counts_its_pairs_once_and_keeps_its_track(tiny_pool: Pool, tmp_path: Path) -> None:
    uids = np.sort(tiny_pool.uids()[[1, 1, 1, 5, 9]])
    np.save(tmp_path / "twice.npy", uids)
    recipe = Recipe(name="twice", keep=[{"subset": str(tmp_path / "twice.npy")}])
    selection = select(recipe, tiny_pool)
    run = run_on(tiny_pool, track="byod")
    run.kept = selection.kept
    run.save()
    export_subset(tiny_pool, selection, run.path / "subset.npy", recipe=recipe, force=True)
    found = submit(run, tmp_path / "out", author="A", email="e")
    assert np.array_equal(np.load(tmp_path / "out/small_scale/samples/subset.npy"), uids)
    assert (found.errors, found.warnings) == ([], ["2 entries repeat a uid; the rules allow it"])
    record = json.loads((tmp_path / "out/record.json").read_text())
    assert (record["dataset_size"], record["track"]) == ("3", "byod")

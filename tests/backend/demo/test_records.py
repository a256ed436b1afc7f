"""The records that come with the demo: packed from one home, unpacked in another, as the leaderboard had them."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolscope import bench, deletion, paths
from poolscope.bench import sweep
from poolscope.bench.board import summaries
from poolscope.bench.evaluation import keep_predictions, predictions_of
from poolscope.bench.scales import SCALES
from poolscope.bench.significance import compare
from poolscope.bench.tasks import tasks_list
from poolscope.bench.training import _create
from poolscope.demo import records
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.runs import Run, runs, write_results

RECIPES: dict[str, list[dict[str, Any]]] = {
    "No filter": [], "CLIP 30 %": [{"score": "clip_l14", "top": 0.3}], "Sharp": [{"flag": "sharp"}],
}  # fmt: skip


def trained(pool: Pool, name: str, seed: int) -> Run:
    """A finished run of the demo scale with made-up results on the demo's own tasks."""
    recipe = load({"name": name, "keep": RECIPES[name]})
    chosen = select(recipe, pool)
    run = _create(None, recipe, pool, chosen, SCALES["demo"], seed, "cpu", None, "filtering")
    rng, lines = np.random.default_rng([seed, *name.encode()]), []
    for task in (task for task in tasks_list() if task.suite == "demo"):
        lines.append({"key": task.key, "dataset": task.name, "metrics": {"main_metric": float(rng.random())}})
        if task.kind == "classification":
            label = np.arange(40, dtype=np.int16) % 5
            keep_predictions(run.path / "predictions", task.key, {"label": label, "top": rng.integers(0, 5, (40, 5))})
    write_results(run.path / "results.jsonl", lines)
    (run.path / "metrics.jsonl").write_text(
        '{"step": 1, "samples": 256, "loss": 5.0, "lr": 0.1, "samples_per_s": 9.0}\n'
    )
    (run.path / "model.safetensors").write_bytes(b"weights" * 999)
    run.samples_seen, run.command = (
        SCALES["demo"].steps() * SCALES["demo"].batch,
        ["/usr/bin/python", "--logs", str(run.path)],
    )
    run.step_to("done")
    return run


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    sets = [
        {"name": name, "pairs": 9, "sampled": 9, "pool": "/home/me/pool", "version": 1} for name in ("kept", "dropped")
    ]
    path.write_text(
        json.dumps(
            {
                "kind": "bias",
                "sets": sets,
                "made": "2026-01-01T00:00:00",
                "families": [{"model": f"poolscope-demo/{paths.ASSETS}/demo/x"}],
            }
        )
    )
    return path


@pytest.fixture
def packed(tiny_pool: Pool, tmp_path: Path, report: Path) -> Path:
    for name in RECIPES:
        for seed in (0, 1):
            trained(tiny_pool, name, seed)
    Run(id="half", scale="demo", pool=str(tiny_pool.path.resolve()), state="failed").save()
    assert records.pack(tiny_pool, tmp_path / "records.zip", report=report) == 6
    return tmp_path / "records.zip"


@pytest.fixture
def moved(tiny_pool: Pool, tmp_path: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """The same pool elsewhere, with an empty home."""
    monkeypatch.setenv("POOLSCOPE_HOME", str(tmp_path / "other"))
    shutil.copytree(tiny_pool.path, tmp_path / "elsewhere")
    return Pool.open(tmp_path / "elsewhere")


def test_a_new_home_has_the_board_the_sweep_and_the_report(
    tiny_pool: Pool, packed: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {run.recipe + str(run.seed): run for run in runs() if run.finished}
    board = summaries(bench.leaderboard("demo", published=False))
    curves = {name: bench.curves(run) for name, run in before.items()}
    monkeypatch.setenv("POOLSCOPE_HOME", str(tmp_path / "other"))
    shutil.copytree(tiny_pool.path, tmp_path / "elsewhere")
    pool = Pool.open(tmp_path / "elsewhere")
    assert records.unpack(pool, pool.path, packed) == 6
    rows = bench.leaderboard("demo", pool=str(pool.path), published=False)
    after = summaries(rows)
    assert [(one.recipe, one.mean, one.sd, one.kept, one.gap) for one in after] == [
        (one.recipe, one.mean, one.sd, one.kept, one.gap) for one in board
    ]
    assert all(row.comparable and records.CAME in row.notes for row in rows)
    for run in runs():
        old = before[run.recipe + str(run.seed)]
        old_file = home / "runs" / old.id / "subset.npy"
        assert (run.path / "subset.npy").read_bytes() == old_file.read_bytes()
        assert run.subset_sha256 == old.subset_sha256
        assert bench.curves(run) == curves[run.recipe + str(run.seed)]
        assert predictions_of(run, "digits") is not None
        assert not run.weights_path.exists()
    ids = {name: [run.id for run in runs() if run.recipe == name] for name in RECIPES}
    assert compare(ids["No filter"], ids["Sharp"], draws=20)[0].examples == 40
    points = {(point.axis, point.value): point for point in sweep.response(records.SWEEP)}
    assert set(points) == {("clip_l14", 0.3), ("clip_l14", 1.0)}
    assert points["clip_l14", 0.3].mean == pytest.approx(next(one.mean for one in board if one.recipe == "CLIP 30 %"))
    assert sweep.progress(sweep.Sweep.load(records.SWEEP)) == {"done": 4}
    shown = json.loads((pool.path / "reports" / "bias-demo.json").read_text())
    assert (shown["note"], {part["pool"] for part in shown["sets"]}) == (records.CAME, {str(pool.path)})


def test_what_ships_names_no_path_machine_or_process(tiny_pool: Pool, packed: Path, home: Path, tmp_path: Path) -> None:
    import platform
    import sys

    with zipfile.ZipFile(packed) as archive:
        assert not any(name.endswith((".safetensors", "subset.npy", ".log")) for name in archive.namelist())
        text = b"\n".join(archive.read(name) for name in archive.namelist() if not name.endswith(".npz")).decode(
            "latin1"
        )
        record = json.loads(archive.read("runs/demo-sharp-s1/run.json"))
    secrets = (
        str(home),
        str(tmp_path),
        str(Path.home()),
        sys.prefix,
        "/usr/bin",
        "/home/",
        platform.release(),
        str(Path.cwd()),
    )
    assert [secret for secret in secrets if secret in text] == []
    assert (record["command"], record["machine"], record["pid"], record["pool"]) == ([], None, None, "")
    again = tmp_path / "again.zip"
    records.pack(tiny_pool, again, report=tmp_path / "report.json")
    assert again.read_bytes() == packed.read_bytes()


def test_nothing_that_exists_is_replaced_and_all_of_it_can_be_deleted(moved: Pool, packed: Path) -> None:
    mine = Run(id="demo-sharp-s0", recipe="mine", scale="demo")
    mine.save()
    (moved.path / "reports").mkdir(exist_ok=True)
    (moved.path / "reports" / "bias-demo.json").write_text('{"mine": 1}')
    assert records.unpack(moved, moved.path, packed) == 5
    assert Run.load("demo-sharp-s0").recipe == "mine"
    assert json.loads((moved.path / "reports" / "bias-demo.json").read_text()) == {"mine": 1}
    assert records.unpack(moved, moved.path, packed) == 0
    for kind, name in (("run", "demo-sharp-s1"), ("sweep", records.SWEEP), ("report", "bias-demo")):
        deletion.delete(deletion.find(kind, name, moved))
    assert "demo-sharp-s1" not in {run.id for run in runs()}
    assert (sweep.Sweep.every(), list((moved.path / "reports").glob("bias-*"))) == ([], [])
    deletion.undo(moved, "sweep", records.SWEEP)
    assert [one.note for one in sweep.Sweep.every()] == [records.CAME]
    deletion.delete(deletion.find("run", "demo-clip-30-s0"))
    assert sweep.progress(sweep.Sweep.load(records.SWEEP)) == {"done": 3, "gone": 1}


def test_a_home_without_runs_and_too_large_a_file_are_refused(
    tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="no finished run of scale demo"):
        records.pack(tiny_pool, tmp_path / "records.zip")
    trained(tiny_pool, "Sharp", 0)
    monkeypatch.setattr(records, "LARGEST", 1000)
    with pytest.raises(InputError, match="more than 1,000"):
        records.pack(tiny_pool, tmp_path / "records.zip")
    assert not (tmp_path / "records.zip").exists()
    assert records.unpack(tiny_pool, tiny_pool.path, tmp_path / "records.zip") == 0
    assert paths.runs().is_dir()


@pytest.mark.parametrize(
    "name", ["runs/a/../../../evil.json", "reports/../../evil.json", "sweeps//../../evil.json", "/evil"]
)
def test_no_name_in_the_records_leads_out_of_the_home(tiny_pool: Pool, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "records.zip", "w") as archive:
        archive.writestr("sweeps/s.json", "{}")
        archive.writestr(name, '{"sets": []}')
    with pytest.raises(InputError, match="leads out"):
        records.unpack(tiny_pool, tiny_pool.path, tmp_path / "records.zip")
    assert not list(tmp_path.rglob("evil*"))

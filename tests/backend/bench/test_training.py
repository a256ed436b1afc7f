import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from poolscope import bench, engine, paths
from poolscope.bench import launch as launching
from poolscope.bench import weights
from poolscope.bench.fitting import brace
from poolscope.bench.launch import Launch
from poolscope.bench.metrics import resumed_at
from poolscope.bench.training import shard_size
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import Recipe, load
from poolscope.runs import Run
from poolscope.scores import build
from tests.backend.bench.conftest import SETTINGS

ALL = Recipe(name="no filter")


class Seen:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, str, dict[str, float]]] = []

    def __call__(self, done: int, total: int, message: str = "", **figures: float) -> None:
        self.calls.append((done, total, message, figures))


@pytest.fixture(scope="module")
def finished(_tiny_pool_source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run from start to end on the tiny pool, with its home."""
    home = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POOLSCOPE_HOME", str(home))
        (home / "models").mkdir()
        from tests.backend.bench.conftest import png, write_tar
        from tests.conftest import TINY

        (home / "models" / "tiny.json").write_text(json.dumps(TINY))
        root = home / "tasks" / "few"
        write_tar(root / "test" / "0.tar", [(f"{i}", {"png": png(i), "cls": b"1"}) for i in range(8)])
        (root / "test" / "nshards.txt").write_text("1")
        (root / "classnames.txt").write_text("dog\ncat\n")
        (root / "zeroshot_classification_templates.txt").write_text("a {c}\n")
        (root / "task.json").write_text('{"key": "few", "kind": "classification", "metric": "acc1"}')
        seen = Seen()
        run = bench.train(ALL, Pool.open(_tiny_pool_source / "pool"), scale="demo", seed=3, settings=SETTINGS,
                          tasks=["few"], progress=seen)  # fmt: skip
        return {"run": run, "home": home, "seen": seen, "board": bench.leaderboard(), "curves": bench.curves(run)}


def test_a_run_ends_with_weights_results_and_a_whole_record(finished: dict[str, Any]) -> None:
    run: Run = finished["run"]
    directory = finished["home"] / "runs" / run.id
    record = json.loads((directory / "run.json").read_text())
    assert record["state"] == "done"
    assert (record["kept"], record["pool_pairs"], record["seed"]) == (200, 200, 3)
    assert record["samples_seen"] == 12 * 64
    assert record["settings"]["model"] == "tiny"
    assert {"torch", "open_clip_torch", "python"} <= set(record["versions"])
    assert record["hardware"]["cores"] == os.cpu_count()
    assert record["command"][1:3] == ["-m", "poolscope.bench.worker"]
    assert record["not_comparable"][0] == "model is tiny instead of poolscope-mini"
    assert len(np.load(directory / "subset.npy")) == 200
    assert len(record["subset_sha256"]) == 64
    assert load(directory / "recipe.yaml").name == "no filter"
    assert not list(directory.rglob("*.pt"))
    assert not (directory / "shards").exists()
    assert json.loads((directory / "results.jsonl").read_text())["key"] == "few"


def test_training_in_place_writes_no_shards_and_ends_in_the_same_weights(finished: dict[str, Any], home: Path) -> None:
    (home / "models").symlink_to(finished["home"] / "models")
    before: Run = finished["run"]
    run = bench.train(
        ALL, Pool.open(before.pool), scale="demo", seed=3, settings=SETTINGS, evaluate=False, in_place=True
    )
    assert not list(run.path.rglob("*.tar"))
    mine = load_file(run.weights_path)
    theirs = load_file(finished["home"] / "runs" / before.id / before.weights_path.name)
    assert list(mine) == list(theirs)
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_its_weights_load_and_its_curve_falls(finished: dict[str, Any]) -> None:
    from safetensors import safe_open

    run: Run = finished["run"]
    with safe_open(finished["home"] / "runs" / run.id / "model.safetensors", "np") as weights:
        assert weights.metadata()["model"] == "tiny"
        assert "logit_scale" in weights.keys()  # noqa: SIM118
    curves = finished["curves"]
    assert curves["step"] == list(range(1, 13))
    assert curves["loss"][-1] < curves["loss"][0]
    assert curves["lr"][1] == pytest.approx(1e-3)


def test_a_run_is_a_data_filtering_network(
    finished: dict[str, Any], tiny_pool: Pool, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("POOLSCOPE_HOME", str(finished["home"]))
    monkeypatch.setattr("poolscope.bench.training.train", lambda *_, **__: finished["run"])
    (tmp_path / "clean.yaml").write_text("name: clean\nkeep:\n  - {flag: sharp}\n")
    pool = engine.run(tiny_pool, build("dfn", clean=str(tmp_path / "clean.yaml"), folds=1, device="cpu"))
    network = str(finished["home"] / "runs" / finished["run"].id)
    pool = engine.embed(pool, network, name="filter", device="cpu")
    pool = engine.run(pool, build("clip_score", model="filter"))
    np.testing.assert_allclose(pool.array("dfn"), pool.array("clip_score"), atol=2e-3)
    assert pool.array("dfn").std() > 0


def test_progress_rises_to_the_end_with_live_figures(finished: dict[str, Any]) -> None:
    calls = finished["seen"].calls
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert (done[-1], calls[-1][1]) == (1000, 1000)
    live = [figures for _, _, _, figures in calls if "loss" in figures]
    assert {"lr", "samples_per_s", "data_s", "logit_scale", "seconds_left"} <= set(live[0])
    assert live[-1]["seconds_left"] == 0


def test_it_is_on_the_leaderboard_and_says_why_it_is_not_comparable(finished: dict[str, Any]) -> None:
    row = finished["board"][0]
    assert (row.run, row.recipe, row.scale, row.kept) == (finished["run"].id, "no filter", "demo", 200)
    assert not row.comparable
    assert set(row.as_json()) >= {"run", "recipe", "scale", "seed", "kept", "average", "tasks"}


@contextmanager
def started(home: Path, pool: Path, run_id: str, settings: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """`bench.train` in a process group of its own, gone at the end whatever happens."""
    code = (
        "import json, sys; from poolscope import bench; from poolscope.recipe import Recipe;"
        "bench.train(Recipe(name='no filter'), sys.argv[1], scale='demo', run_id=sys.argv[2],"
        "settings=json.loads(sys.argv[3]), evaluate=False)"
    )
    argv = [sys.executable, "-c", code, str(pool), run_id, json.dumps(settings)]
    environment = os.environ | {"POOLSCOPE_HOME": str(home)}
    process = subprocess.Popen(argv, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(condition: Any, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.05)


def test_cancel_ends_every_process_and_resume_goes_on_from_the_checkpoint(
    home: Path, tiny_model: str, tiny_pool: Pool
) -> None:
    settings = SETTINGS | {"samples_seen": 64 * 16, "checkpoints": 16}
    latest = paths.runs() / "mine" / "train" / "open_clip" / "checkpoints" / "epoch_latest.pt"
    with started(home, tiny_pool.path, "mine", settings) as process:
        wait_for(lambda: latest.exists() or process.poll() is not None)
        family = psutil.Process(process.pid).children(recursive=True)
        assert any("poolscope.bench.worker" in " ".join(child.cmdline()) for child in family)
        with pytest.raises(InputError, match="being worked on"):
            bench.train(ALL, tiny_pool, scale="demo", run_id="mine", settings=settings, resume=True)

        os.killpg(process.pid, signal.SIGTERM)
        start_time = time.monotonic()
        process.wait(10)
        gone, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
        assert time.monotonic() - start_time < 10
    stopped = Run.load("mine")
    assert (stopped.state, stopped.resumable) == ("stopped", True)

    with pytest.raises(InputError, match="another batch"):
        bench.train(ALL, tiny_pool, scale="demo", run_id="mine", settings=settings | {"batch": 32}, resume=True)
    with pytest.raises(InputError, match="another selection"):
        bench.train(Recipe(name="a", keep=[{"where": "width > 0 and url not like '%7.png'"}]), tiny_pool,
                    scale="demo", run_id="mine", settings=settings, resume=True)  # fmt: skip
    with pytest.raises(InputError, match="exists"):
        bench.train(ALL, tiny_pool, scale="demo", run_id="mine", settings=settings)

    run = bench.train(ALL, tiny_pool, scale="demo", run_id="mine", settings=settings, resume=True, evaluate=False)
    assert (run.state, run.resumed) == ("done", 1)
    log = run.log_path.read_text()
    assert "resuming checkpoint" in log
    curves = bench.curves(run)
    assert curves["step"] == list(range(1, 17))
    assert bench.leaderboard()[0].notes[-1] == "resumed 1 time from a checkpoint"
    assert 64 <= resumed_at(run)[0] < 64 * 16
    whole = bench.train(ALL, tiny_pool, scale="demo", settings=settings, evaluate=False)
    mine, theirs = load_file(run.weights_path), load_file(whole.weights_path)
    assert all(torch.equal(mine[name], theirs[name]) for name in mine), "as if it had never been stopped"


def test_the_launcher_killed_outright_leaves_no_training_process(home: Path, tiny_model: str, tiny_pool: Pool) -> None:
    figures = paths.runs() / "mine" / "metrics.jsonl"
    with started(home, tiny_pool.path, "mine", SETTINGS | {"samples_seen": 64 * 640}) as process:
        wait_for(lambda: (figures.exists() and figures.stat().st_size) or process.poll() is not None)
        family = psutil.Process(process.pid).children(recursive=True)
        assert family
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(family, timeout=20)
        assert not alive
    assert Run.load("mine").state == "stopped"


def test_one_seed_sees_the_same_batches_and_accumulation_keeps_them_exact(
    home: Path, tiny_model: str, tiny_pool: Pool, finished: dict[str, Any]
) -> None:
    """Half batches with all features in the loss give the same curve but for bfloat16; another seed is 0.8 off."""
    run = bench.train(ALL, tiny_pool, scale="demo", seed=3, settings=SETTINGS, evaluate=False, launch=Launch(accum=2))
    assert run.command[run.command.index("--batch-size") + 1] == "32"
    assert run.samples_seen == finished["run"].samples_seen
    assert bench.curves(run)["loss"] == pytest.approx(finished["curves"]["loss"], abs=0.02)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch, tiny_model: str) -> list[list[str]]:
    """Stands for the training process where only what is around it matters: leaves the checkpoint of an untrained model.
    Gives the command lines it was started with."""
    lines: list[list[str]] = []

    def supervise(run: Run, argv: list[str], launch: Launch, *, steps: int, progress: Any) -> None:
        import open_clip
        import torch

        from poolscope.models import register_configs

        register_configs()
        lines.append(argv)
        latest = run.path / "train" / "open_clip" / "checkpoints" / "epoch_latest.pt"
        latest.parent.mkdir(parents=True)
        state = open_clip.create_model(tiny_model).state_dict()
        torch.save({"epoch": run.settings["checkpoints"], "name": "x", "state_dict": state}, latest)

    monkeypatch.setattr(launching, "supervise", supervise)
    return lines


def test_nothing_is_left_of_a_refused_run(tiny_model: str, tiny_pool: Pool) -> None:
    for keep, reason in (
        ([{"score": "clip_l14", "min": 99}], "0 pairs"),
        ([{"score": "clip_b32", "top": 0.1}], "one batch of 64"),
    ):
        with pytest.raises(InputError, match=reason):
            bench.train(Recipe(name="few", keep=keep), tiny_pool, scale="demo", settings=SETTINGS)
    with pytest.raises(InputError, match="'huge' is unknown"):
        bench.train(ALL, tiny_pool, scale="huge")
    assert bench.runs() == []


def test_a_training_process_that_fails_says_why_and_stays_resumable(
    tiny_model: str, tiny_pool: Pool, home: Path
) -> None:
    config = json.loads((home / "models" / "tiny.json").read_text())
    config["vision_cfg"]["head_width"] = 5
    (home / "models" / "tiny.json").write_text(json.dumps(config))
    with pytest.raises(RuntimeError, match=r"exit code 1: .*embed_dim must be divisible"):
        bench.train(ALL, tiny_pool, scale="demo", run_id="broken", settings=SETTINGS)
    run = Run.load("broken")
    assert (run.state, run.resumable) == ("failed", True)
    assert "embed_dim" in run.error


def test_a_job_started_again_resumes_its_own_run(
    tiny_pool: Pool, monkeypatch: pytest.MonkeyPatch, no_training: list[list[str]]
) -> None:
    monkeypatch.setenv("POOLSCOPE_JOB", "7")
    settings = SETTINGS | {"samples_seen": 64 * 2, "checkpoints": 1}
    first = bench.train(ALL, tiny_pool, scale="demo", settings=settings, evaluate=False, sweep="s", track="byod")
    assert (first.job, first.sweep, first.track) == ("7", "s", "byod")
    first.step_to("stopped")
    again = bench.train(ALL, tiny_pool, scale="demo", settings=settings, evaluate=False)
    assert (again.id, again.state) == (first.id, "done")
    assert len(bench.runs()) == len(no_training) == 1


def test_loader_workers_are_recorded_and_a_resume_keeps_them(tiny_pool: Pool, no_training: list[list[str]]) -> None:
    settings = SETTINGS | {"samples_seen": 64 * 2, "checkpoints": 1}
    first = bench.train(ALL, tiny_pool, scale="demo", settings=settings, evaluate=False, launch=Launch(workers=3))
    assert (first.settings["workers"], first.samples_seen) == (3, 128)
    for workers, said in ((3, None), (None, None), (2, "started with another workers")):
        first.step_to("stopped")
        first.weights_path.unlink()
        again = {"run_id": first.id, "resume": True, "evaluate": False, "launch": Launch(workers=workers)}
        if said:
            with pytest.raises(InputError, match=said):
                bench.train(ALL, tiny_pool, scale="demo", settings=settings, **again)
        else:
            assert bench.train(ALL, tiny_pool, scale="demo", settings=settings, **again).settings["workers"] == 3
    assert {argv[argv.index("--workers") + 1] for argv in no_training} == {"3"}


def test_devices_and_accumulation_are_recorded_and_a_half_trained_run_keeps_them(
    tiny_pool: Pool, no_training: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS | {"samples_seen": 64 * 2, "checkpoints": 2}
    first = bench.train(ALL, tiny_pool, scale="demo", settings=settings, evaluate=False, launch=Launch(accum=2))
    assert Run.load(first.id).devices == {"world": 1, "accum": 2}
    again = {"scale": "demo", "settings": settings, "run_id": first.id, "resume": True, "evaluate": False}
    first.step_to("stopped")
    assert bench.train(ALL, tiny_pool, **again).finished  # trained to its end, so it may go on anywhere
    first.step_to("stopped")
    first.weights_path.unlink()
    latest = first.path / "train" / "open_clip" / "checkpoints" / "epoch_latest.pt"
    latest.parent.mkdir(parents=True, exist_ok=True)
    latest.touch()
    monkeypatch.setattr(weights, "parts_of", lambda latest: 1)  # as if the first of two parts were there
    with pytest.raises(InputError, match="on 1 devices with 2 accumulation steps so far, not 1 with 1"):
        bench.train(ALL, tiny_pool, **again)
    assert Run.load(first.id).state == "stopped"


def test_a_run_of_other_steps_than_its_scale_is_not_comparable() -> None:
    """As `--workers 8` made them once."""
    for name, seen in (("rounded", 41 * 256 * 4), ("exact", 36 * 256 * 4)):
        run = Run(id=name, scale="demo", samples_seen=seen)
        run.step_to("done")
    reasons = {row.run: row.reasons for row in bench.leaderboard("demo", published=False)}
    assert reasons == {"rounded": ("41,984 samples seen instead of 36,864",), "exact": ()}


def test_shards_written_before_are_used_and_checked(
    tiny_pool: Pool, tmp_path: Path, no_training: list[list[str]]
) -> None:
    from poolscope.export import export_shards
    from poolscope.recipe import select

    export_shards(tiny_pool, select(ALL, tiny_pool), tmp_path / "shards", shard_size=100)
    half = Recipe(name="half", keep=[{"score": "clip_b32", "top": 0.5}])
    with pytest.raises(InputError, match="the selection has changed since"):
        bench.train(half, tiny_pool, scale="demo", settings=SETTINGS, shards=tmp_path / "shards")
    settings = SETTINGS | {"samples_seen": 64 * 2, "checkpoints": 1}
    run = bench.train(ALL, tiny_pool, scale="demo", settings=settings, shards=tmp_path / "shards", evaluate=False)
    assert run.finished
    assert str(tmp_path / "shards" / "{00000000..00000001}.tar") in no_training[0]
    assert (tmp_path / "shards" / "meta.json").exists()


def test_a_subset_file_that_names_pairs_twice_is_trained_on_twice(tiny_pool: Pool, tmp_path: Path) -> None:
    from poolscope.export import export_shards
    from poolscope.export.subset import kept_uids
    from poolscope.recipe import select

    uids = np.sort(tiny_pool.uids()[[1, 1, 5, 9]])
    np.save(tmp_path / "twice.npy", uids)
    recipe = Recipe(name="twice", keep=[{"subset": str(tmp_path / "twice.npy")}])
    selection = select(recipe, tiny_pool)
    made = export_shards(tiny_pool, selection, tmp_path / "shards", recipe=recipe)
    assert (selection.kept, made.written) == (3, 4)
    assert np.array_equal(kept_uids(tiny_pool, selection.mask, selection.wanted), uids)
    assert np.array_equal(np.load(tmp_path / "shards" / "sample_ids.npy"), uids)


def test_small_selections_get_enough_shards_to_shuffle(tmp_path: Path) -> None:
    assert shard_size(12_800_000) == 10_000
    assert shard_size(20_000) == 1250
    assert shard_size(300) == 100
    for name in ("00.tar", "01.tar", "03.tar"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="without holes"):
        brace(tmp_path)


def test_a_run_killed_between_its_weights_and_its_checkpoint_keeps_the_rest(home: Path) -> None:
    """The weights are there, but neither what was seen nor the room of the checkpoint would ever come back."""
    from poolscope.bench.cluster import Evaluation
    from poolscope.bench.fitting import fit, latest_checkpoint
    from poolscope.bench.scales import scale_named
    from poolscope.progress import silent

    run, scale = Run(id="half", scale="demo", settings={"batch": 64}), scale_named("demo").changed(**SETTINGS)
    latest_checkpoint(run).parent.mkdir(parents=True)
    run.weights_path.write_bytes(b"weights")
    assert fit(run, scale, Launch(gpus=0), run.path / "shards", silent, evaluation=Evaluation(None, None))
    assert Run.load("half").samples_seen == scale.steps() * scale.batch
    assert not latest_checkpoint(run).parent.exists()
    assert run.weights_path.read_bytes() == b"weights"

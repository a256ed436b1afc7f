"""The Slurm scripts run here with simulated ranks: killed, given notice, requeued, and evaluated as a dependent job."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import poolscope
from poolscope import bench
from poolscope.bench import checkpoints
from poolscope.bench.launch import Launch
from poolscope.bench.metrics import resumed_at
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import Recipe, dump
from poolscope.runs import Run
from tests.backend.bench.conftest import SETTINGS

SRUN = """
import os, signal, sys, time
words = sys.argv[1:]
while words[0].startswith("--"):
    words.pop(0)
assert words[1:3] == ["-m", "poolscope.bench.worker"], words
import open_clip_train.main  # once, for all ranks
from poolscope.bench import worker

ranks = []
for rank in range(int(os.environ["SLURM_NTASKS"])):
    ranks.append(os.fork())
    if not ranks[-1]:
        os.environ |= {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)}
        sys.argv = words[2:]
        code = worker.main(words[3:])
        sys.stdout.flush()
        os._exit(code)
signal.signal(signal.SIGUSR1, lambda *_: [os.kill(rank, signal.SIGUSR1) for rank in ranks])
codes = {}
while len(codes) < len(ranks) and not any(codes.values()):
    rank, status = os.waitpid(-1, os.WNOHANG)
    if rank:
        codes[rank] = abs(os.waitstatus_to_exitcode(status))
    time.sleep(0.02)
for rank in ranks:
    if rank not in codes:
        os.kill(rank, signal.SIGKILL)
        os.waitpid(rank, 0)
sys.exit(max(codes.values()))
"""
SBATCH = """
import json, os, sys
with open(os.environ["FAKE_SLURM"] + "/submitted", "a") as file:
    print(json.dumps(sys.argv[1:]), file=file)
    print(40 + file.tell() % 7, "", sep=";cluster")
"""
SCONTROL = """
import os, sys
if sys.argv[1] == "show":
    print("127.0.0.1\\n127.0.0.2")
else:
    open(os.environ["FAKE_SLURM"] + "/requeued", "a").write(" ".join(sys.argv[1:]) + "\\n")
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which a `sbatch`, `srun` and `scontrol` on PATH leave what they were asked for."""
    directory = tmp_path / "slurm"
    directory.mkdir()
    for name, code in (("srun", SRUN), ("sbatch", SBATCH), ("scontrol", SCONTROL)):
        site = "" if name == "srun" else " -S"
        (directory / name).write_text(f"#!{sys.executable}{site}\n{code}")
        (directory / name).chmod(0o755)
    for name, value in {
        "PATH": f"{directory}{os.pathsep}{os.environ['PATH']}", "FAKE_SLURM": str(directory), "SLURM_NTASKS": "2",
        "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "n[1-2]", "OMP_NUM_THREADS": "1",
        "SLURM_JOB_ID": str(os.getpid() % 20_000),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return directory


def wait_for(condition: Callable[[], Any], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)


def steps_in(log: Path) -> int:
    return log.read_text().count("Train Epoch") if log.is_file() else 0


def port_is_free() -> bool:
    """Loaders of the last launch, which hold its port, may outlive it by seconds; Slurm ends them before it requeues."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("", 20_000 + int(os.environ["SLURM_JOB_ID"])))
            one.listen()
        except OSError:
            return False
        return True


def batch_job(script: Path, minutes: str) -> subprocess.Popen[bytes]:
    wait_for(port_is_free)
    return subprocess.Popen(
        ["bash", str(script)], env=os.environ | {"POOLSCOPE_CHECKPOINT_MINUTES": minutes}, start_new_session=True
    )


def test_a_job_that_is_killed_and_requeued_sees_the_same_samples(
    tiny_model: str, tiny_pool: Pool, slurm: Path, small_tasks: Path
) -> None:
    settings = SETTINGS | {"samples_seen": 64 * 200, "checkpoints": 2, "workers": 0}
    launch = Launch(gpus=0, nodes=2, time="12:00:00", partition="a100")
    run = bench.train(
        Recipe(name="all"),
        tiny_pool,
        scale="demo",
        settings=settings,
        launch=launch,
        tasks=["few"],
        tasks_dir=small_tasks,
    )
    log, script = run.log_path, run.path / "submit" / "train.sbatch"

    killed = batch_job(script, "0")
    try:
        wait_for(lambda: steps_in(log) >= 5 or killed.poll() is not None)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert 5 <= steps_in(log) < 100, "it was killed within the first part"

    noticed = batch_job(script, "0")
    try:
        wait_for(lambda: "going on after" in log.read_text() or noticed.poll() is not None)
        seen = steps_in(log)
        wait_for(lambda: steps_in(log) >= seen + 5 or noticed.poll() is not None)
        noticed.send_signal(signal.SIGUSR1)
        assert noticed.wait(300) == 0
    finally:
        if noticed.poll() is None:
            os.killpg(noticed.pid, signal.SIGKILL)
    assert (slurm / "requeued").read_text().split() == ["requeue", os.environ["SLURM_JOB_ID"]]
    assert "stopped on SIGUSR1" in log.read_text()

    assert batch_job(script, "30").wait(600) == 0
    assert (slurm / "requeued").read_text().count("requeue") == 1
    evaluation = subprocess.run(["bash", str(run.path / "submit" / "evaluate.sbatch")], capture_output=True, text=True)
    assert evaluation.returncode == 0, evaluation.stderr[-2000:]

    done = Run.load(run.id)
    assert (done.state, done.samples_seen) == ("done", 64 * 200)
    assert (done.hardware["ranks"], done.hardware["nodes"], done.hardware["device"]) == (2, 2, "cpu")
    assert done.hardware["samples_per_s"] > 0
    assert [result["key"] for result in done.results()] == ["few"]
    curves = bench.curves(done)
    assert curves["step"] == list(range(1, 201))
    assert curves["samples"] == [64 * step for step in range(1, 201)]
    done.resumed = 2
    assert len(resumed_at(done)) == 2
    assert all(points % 64 == 0 and points > 0 for points in resumed_at(done))


def test_the_evaluation_is_submitted_as_a_dependent_job(tiny_model: str, tiny_pool: Pool, slurm: Path) -> None:
    launch = Launch(gpus=8, nodes=1, partition="h100,a100", time="1-12")
    run = bench.train(Recipe(name="all"), tiny_pool, scale="demo", settings=SETTINGS, launch=launch)
    directory = run.path / "submit"
    said = subprocess.run(
        ["bash", str(directory / "submit.sh"), "--account=x"], capture_output=True, text=True, check=True
    )
    first, second = (json.loads(line) for line in (slurm / "submitted").read_text().splitlines())
    assert first == ["--parsable", "--account=x", "train.sbatch"]
    assert second[-1] == "evaluate.sbatch"
    assert second[2].startswith("--dependency=afterok:4")
    assert ";" not in second[2]
    assert "training is job" in said.stdout
    text = (directory / "train.sbatch").read_text()
    for option in ("nodes=1", "ntasks-per-node=8", "gpus-per-node=8", "time=1-12", "partition=h100,a100", "requeue"):
        assert f"#SBATCH --{option}\n" in text
    assert "#SBATCH --signal=B:USR1@300" in text
    assert f" {sys.executable} -m poolscope.bench.worker" in text
    assert f"exec {sys.executable} -m poolscope evaluate {run.id}" in (directory / "evaluate.sbatch").read_text()
    for path in directory.iterdir():
        subprocess.run(["bash", "-n", str(path)], check=True)


@pytest.mark.parametrize(
    "wrong", [{"time": "tomorrow"}, {"time": "1\n#SBATCH --x"}, {"partition": "a b"}, {"partition": ""}]
)
def test_a_time_or_partition_that_slurm_could_not_read_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"is not Slurm's|is no name"):
        Launch(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_loader_goes_on_with_the_very_next_batch(
    workers: int, tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from open_clip_train import data, main, train

    from poolscope.bench import loading
    from poolscope.export import export_shards
    from poolscope.recipe import select

    monkeypatch.setattr(data, "get_wds_dataset", data.get_wds_dataset)
    monkeypatch.setattr(data, "filter_no_caption_or_no_image", data.filter_no_caption_or_no_image)
    monkeypatch.setattr(data.wds, "shuffle", data.wds.shuffle)
    monkeypatch.setattr(train, "enumerate", enumerate, raising=False)
    before = signal.getsignal(signal.SIGUSR1)
    recipe = Recipe(name="all")
    export_shards(tiny_pool, select(recipe, tiny_pool), tmp_path / "shards", recipe=recipe, shard_size=25)
    shards = str(tmp_path / "shards" / "{00000000..00000007}.tar")
    args = SimpleNamespace(
        train_data=shards, dataset_resampled=True, train_data_upsampling_factors=None, train_num_samples=8 * 11,
        batch_size=8, world_size=1, rank=0, accum_freq=1, workers=workers, seed=0, resume=None, name="x",
        checkpoint_path=str(tmp_path),
    )  # fmt: skip
    captions = tiny_pool.take(range(200), ["text"])["text"].to_pylist()
    tokens = {text: number for number, text in enumerate(captions)}
    seen: list[list[str]] = []

    def loop(model: Any, sources: Any, loss: Any, epoch: int, *rest: Any, **more: Any) -> None:
        sources["train"].set_epoch(epoch)
        seen.append([])
        for place, (_, texts) in train.enumerate(sources["train"].dataloader):
            seen[-1].append(f"{place} {texts.tolist()}")

    monkeypatch.setattr(main, "train_one_epoch", loop)
    loading.seed_shuffling()
    loading.exact_steps()
    checkpoints.save_within_parts()
    try:
        for resume in (None, 5):
            args.resume = None
            if resume:
                args.resume = str(tmp_path / "mid.pt")
                torch.save({"epoch": 0, "batches": resume}, args.resume)
            torch.manual_seed(0)
            found = data.get_wds_dataset(args, lambda image: 0.0, True, tokenizer=lambda text: [tokens[text]])
            for epoch in (0, 1):
                main.train_one_epoch(None, {"train": found}, None, epoch, None, None, None, None, args)
    finally:
        signal.signal(signal.SIGUSR1, before)
    whole, following, rest, after = seen
    assert len(whole) == len(following) == 11
    assert rest == whole[5:]
    assert after == following


def test_the_guides_commands(tiny_pool: Pool, slurm: Path, home: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """In a shell, up to Slurm, which is simulated; only the batch is one that the small pool can fill."""
    text = (Path(poolscope.__file__).parent / "README.md").read_text()
    block = re.findall(r"## Slurm\n.*?```bash\n(.*?)```", text, re.DOTALL)[0]
    block = block.replace("--scale demo", "--scale demo --set batch=128")
    (tmp_path / "recipe.yaml").write_text(dump(Recipe(name="all")))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"POOLSCOPE_POOL": str(tiny_pool.path), "PATH": path}
    done = subprocess.run(["bash", "-euc", block], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    train, evaluate = (json.loads(line) for line in (slurm / "submitted").read_text().splitlines())
    assert train[1] == evaluate[1] == "--account=vision"
    script = (home / "runs" / "first" / "submit" / "train.sbatch").read_text()
    assert "#SBATCH --time=12:00:00\n#SBATCH --partition=h100\n" in script

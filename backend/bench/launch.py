"""Starting open_clip_train: its exact arguments, and the process that runs them here or on several GPUs."""

import math
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ..devices import card, held
from ..errors import InputError
from ..files import tail
from ..jobs.slots import visible
from ..progress import Progress, silent
from ..runs import Run
from . import metrics
from .scales import RESAMPLED, Scale

GRACE_S = 5.0
# Without the dashes torchrun takes our `--logs` for a short form of its own `--logs-specs`.
MODULE = ("-m", "--", "poolscope.bench.worker")
LAUNCHER = "POOLSCOPE_LAUNCHER"
"""The variable with the pid of the process that started a training: what it started ends with it."""
RANKS = (
    f"import os; from poolscope.processes import end_with; end_with(int(os.environ['{LAUNCHER}'])); "
    "from torch.distributed.run import main; main()"
)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Where and how a run trains; nothing here changes what is learned.

    `gpus` are devices per node (0 = this machine's CPU, None = one GPU if there is one), `nodes` machines.
    `accum` splits each device's share of the global batch into that many parts (features of all parts take part
    in the loss, so the batch stays the scale's); `precision` replaces the scale's. `time` (Slurm's form, `12:00:00`)
    and `partition` ask for scripts to submit instead of a start here, as several nodes do. Raises InputError for a time
    or partition that Slurm could not read.
    """

    gpus: int | None = None
    nodes: int = 1
    accum: int = 1
    workers: int | None = None
    precision: str | None = None
    time: str | None = None
    partition: str | None = None

    def __post_init__(self) -> None:
        if self.time is not None and not re.fullmatch(r"(\d+-)?\d+(:\d+){0,2}", self.time):
            raise InputError(f"time {self.time!r} is not Slurm's: write minutes, hours:minutes:seconds or days-hours")
        if self.partition is not None and not re.fullmatch(r"[\w.,-]+", self.partition):
            raise InputError(
                f"partition {self.partition!r} is no name: letters, digits, '.', '_', '-', commas between several"
            )

    @property
    def submitted(self) -> bool:
        """True if the training is not started here: scripts for Slurm or torchrun are written."""
        return self.nodes > 1 or self.time is not None or self.partition is not None

    @property
    def world(self) -> int:
        return max(1, self.gpus or 1) * self.nodes

    @property
    def kind(self) -> str | None:
        """The kind of device that it asks for: `cpu`, a GPU's name, None for whatever this machine has."""
        return "cpu" if self.gpus == 0 else (card() or "GPU") if self.gpus else None

    @property
    def devices(self) -> dict[str, int]:
        """What a run's record keeps of the launch, and a resume must repeat."""
        return {"world": self.world, "accum": self.accum}

    def loaders(self, scale: Scale) -> int:
        """Data loader processes per device; 0 loads in the training process."""
        return scale.workers if self.workers is None else self.workers

    def device_batch(self, scale: Scale) -> int:
        """Pairs per device and step part. Raises InputError when the global batch can't be kept exact."""
        for name, value in (("nodes", self.nodes), ("accum", self.accum)):
            if value < 1:
                raise InputError(f"{name} is {value}; allowed: 1 or more")
        share, rest = divmod(scale.batch, self.world * self.accum)
        if rest or not share:
            fits = [n for n in range(1, 2 * self.world) if scale.batch % (n * self.accum) == 0]
            near = min(fits, key=lambda n: abs(n - self.world), default=1)
            raise InputError(
                f"{self.world} devices x {self.accum} accumulation steps can't share the batch of {scale.batch} of scale "
                f"{scale.name} exactly; take a divisor, for example {near} devices"
            )
        return share


def training_arguments(scale: Scale, launch: Launch, *, shards: str, seed: int, logs: Path) -> list[str]:
    """The arguments of `open_clip_train.main` for a run, as DataComp's train.py gives them, with the samples of a part
    in whole steps."""
    argv = [
        "--model", scale.model,
        "--train-data", shards,
        "--dataset-type", "webdataset",
        "--train-num-samples", str(scale.steps_per_part * scale.batch),
        "--epochs", str(scale.checkpoints),
        "--batch-size", str(launch.device_batch(scale)),
        "--accum-freq", str(launch.accum),
        "--lr", repr(scale.lr),
        # open_clip guesses the first two from the model's name, and our own names don't say "ViT"
        "--beta1", "0.9", "--eps", "1e-6", "--wd", "0.2",
        "--beta2", repr(scale.beta2),
        "--warmup", str(scale.warmup),
        "--precision", scale.precision,
        "--workers", str(launch.loaders(scale)),
        "--seed", str(seed),
        "--save-frequency", "0",
        "--save-most-recent",
        "--resume", "latest",
        "--log-every-n-steps", str(scale.log_every),
        "--logs", str(logs),
        "--name", "open_clip",
    ]  # fmt: skip
    if scale.order == RESAMPLED:
        argv.append("--dataset-resampled")
    if scale.grad_checkpointing:
        argv.append("--grad-checkpointing")
    if launch.world > 1:
        argv += ["--ddp-static-graph", "--local-loss", "--gather-with-grad"]
    return argv


def command(argv: list[str], launch: Launch) -> list[str]:
    """The command line of the training process on one machine."""
    if launch.submitted:
        raise InputError(
            f"{launch.nodes} nodes can't be started from here; submit the sbatch script in the run's directory"
        )
    if launch.world == 1:
        return [sys.executable, "-m", "poolscope.bench.worker", *argv]
    return [sys.executable, "-c", RANKS, "--standalone", "--nproc-per-node", str(launch.gpus), *MODULE, *argv]


def environment(launch: Launch) -> dict[str, str]:
    """The child's environment: nothing of the current directory importable, no second run's ranks, a CPU run blind to GPUs,
    one of a worker with a GPU of its own blind to the others."""
    env = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1", LAUNCHER: str(os.getpid())}
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        env.pop(name, None)
    if launch.gpus == 0:
        env["CUDA_VISIBLE_DEVICES"] = ""
        # Threads that spin long while they wait eat the cores of everything beside the run (on two busy cores five
        # times slower); threads that never spin cost a sixth of the speed on quiet ones.
        env.setdefault("GOMP_SPINCOUNT", "4000")
        # Freed activations stay with the process: giving them back to the kernel means faulting them in at every step.
        env.setdefault("MALLOC_MMAP_THRESHOLD_", str(4 << 30))
        env.setdefault("MALLOC_TRIM_THRESHOLD_", str(8 << 30))
    elif (own := held() or "").startswith("cuda:"):
        env["CUDA_VISIBLE_DEVICES"] = visible([int(own.partition(":")[2])], os.environ.get("CUDA_VISIBLE_DEVICES"))
    return env


def supervise(run: Run, argv: list[str], launch: Launch, *, steps: int, progress: Progress = silent) -> None:
    """Runs the training process to its end, turning its log into `metrics.jsonl` and progress as it grows.

    The child lives in our process group, so that cancelling a job ends it too; if this process stops for any
    reason the child is ended first. Raises RuntimeError with the last lines of its output if it fails.
    """
    batch = int(run.settings["batch"])
    run.log_path.parent.mkdir(parents=True, exist_ok=True)
    # What open_clip logged before a kill may not have been followed to its end: its log is the truth.
    follower = metrics.Follower(run.log_path, batch=batch)
    metrics.write(run.path / "metrics.jsonl", follower.new())
    output = run.path / "train" / "output.log"
    report = _reporter(run, follower, steps, progress)
    with output.open("ab") as sink:
        child = subprocess.Popen(command(argv, launch), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                                 env=environment(launch))  # fmt: skip
        previous = _terminate_on_signal(child)
        try:
            while child.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(0.5)
                report()
            report()
        finally:
            end(child)
            if previous is not None:
                signal.signal(signal.SIGTERM, previous)
    if child.returncode != 0:
        raise RuntimeError(f"training ended with exit code {child.returncode}: {reason(output)}; see {output}")


def _reporter(run: Run, follower: metrics.Follower, steps: int, progress: Progress) -> Callable[[], None]:
    recent: deque[float] = deque(maxlen=7)

    def report() -> None:
        for figures in follower.new():
            metrics.append(run.path / "metrics.jsonl", figures)
            step = int(figures["step"])
            # The first window of a part holds the loader's start; a median over some is the pace.
            recent.append(figures["samples_per_s"])
            rate = median(recent)
            left = (steps - step) * follower.batch / rate if rate > 0 else 0.0
            shown = {name: value for name, value in figures.items() if math.isfinite(value)}
            text = f"training: step {step} of {steps}, loss {figures['loss']:.3f}"
            progress(min(step, steps), steps, text, **shown, seconds_left=round(left, 1))

    return report


def _terminate_on_signal(child: subprocess.Popen[bytes]) -> signal.Handlers | None:
    """SIGTERM ends the child and then us; only the main thread may set a handler."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        return None

    def stop(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    return signal.signal(signal.SIGTERM, stop)  # type: ignore[return-value]


def end(child: subprocess.Popen[bytes]) -> None:
    """Ends a child: SIGTERM, then SIGKILL after five seconds; nothing if it has ended."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


_RAISED = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt|Killed)\b.*$", re.MULTILINE)


def reason(output: Path) -> str:
    """Why a process failed, from its output: the last exception it printed, else its last lines."""
    text = tail(output, 65_536)
    raised = _RAISED.findall(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return str(raised[-1]).strip()[:500] if raised else " | ".join(lines[-5:]) or "it left no output"

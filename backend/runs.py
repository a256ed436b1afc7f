"""A run: one model trained on one selection at one scale, kept as one directory of JSON and safetensors."""

import itertools
import json
import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import paths
from .errors import InputError
from .files import read_json, write_json, write_text
from .processes import Heartbeat, identity, last_heartbeat, running

if TYPE_CHECKING:
    from pydantic import TypeAdapter

WORKING = ("shards", "training", "evaluating")
_heartbeats: dict[Path, Heartbeat] = {}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


@dataclass(kw_only=True)
class Run:
    """The record of a run, `run.json` in its directory.

    `kind` is "training", or "model" for weights that were only evaluated here. `kept` counts the pairs that it
    trained on, `subset_sha256` is the digest of `subset.npy`, `settings` the scale as it was run,
    `not_comparable` why it must not be set beside other runs of its scale (empty = comparable),
    `resumed` how often it was continued from a checkpoint, `seconds` the time each phase took. `devices` says on how
    many ("world") it trains, with how many parts of a batch on each ("accum").
    """

    __pydantic_config__ = {"extra": "ignore", "coerce_numbers_to_str": True, "allow_inf_nan": False}

    id: str
    kind: str = "training"
    name: str = ""
    state: str = "shards"
    error: str = ""
    scale: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    recipe: str = ""
    pool: str = ""
    pool_version: int | None = None
    pool_pairs: int | None = None
    kept: int | None = None
    rules: list[dict[str, Any]] = field(default_factory=list)
    subset_sha256: str | None = None
    model: str = ""
    weights: str = "model.safetensors"
    argv: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    devices: dict[str, int] = field(default_factory=dict)
    not_comparable: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    resumed: int = 0
    samples_seen: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    created: float = 0.0
    ended: float | None = None
    machine: str | None = None
    pid: int | None = None
    pid_started: float | None = None
    job: str | None = None
    track: str = "filtering"
    sweep: str | None = None

    @property
    def path(self) -> Path:
        return paths.runs() / self.id

    @property
    def weights_path(self) -> Path:
        return self.path / self.weights

    @property
    def log_path(self) -> Path:
        """open_clip's own log of this run."""
        return self.path / "train" / "open_clip" / "out.log"

    @property
    def finished(self) -> bool:
        return self.state == "done"

    @property
    def resumable(self) -> bool:
        return self.kind == "training" and self.state in ("failed", "stopped")

    def save(self) -> None:
        write_json(self.path / "run.json", asdict(self))

    def step_to(self, state: str, *, error: str = "") -> None:
        """Enters `state` and writes the record; the end states get their time."""
        self.state, self.error = state, error
        if state in ("done", "failed", "stopped"):
            self.ended, self.machine, self.pid, self.pid_started = time.time(), None, None, None
        else:
            self.ended = None
            self.machine, self.pid, self.pid_started = identity()
        self._beat()
        self.save()

    def _beat(self) -> None:
        """Keeps a heartbeat in the run's directory while this process works on it, for those who look from elsewhere."""
        path = self.path / "heartbeat"
        if self.pid is not None and path not in _heartbeats:
            path.parent.mkdir(parents=True, exist_ok=True)
            _heartbeats[path] = Heartbeat(path)
        elif self.pid is None and path in _heartbeats:
            _heartbeats.pop(path).stop()

    @property
    def running(self) -> bool:
        """True while the process that works on this run lives, on whatever machine that shares this home."""
        if self.pid is None or self.pid_started is None:
            return False
        return running(self.machine, self.pid, self.pid_started, last_heartbeat(self.path / "heartbeat"))

    def results(self) -> list[dict[str, Any]]:
        """Lines of `results.jsonl`, DataComp's form {"key", "dataset", "metrics"}; the last one of a key counts."""
        return list(read_results(self.path / "results.jsonl").values())

    def main_metrics(self) -> dict[str, float | None]:
        """The main metric by task key, of every task with a result; None where it has none."""
        return {line["key"]: line["metrics"].get("main_metric") for line in self.results()}

    @classmethod
    def load(cls, run: "str | Run") -> "Run":
        """The run with this id (or the only one whose id starts so). Raises InputError naming the nearest."""
        if isinstance(run, Run):
            return run
        record = paths.runs() / run / "run.json"
        if not _NAME.fullmatch(run) or not record.is_file():
            alike = [path.parent.name for path in paths.runs().glob("*/run.json") if path.parent.name.startswith(run)]
            if len(alike) != 1 or not run:
                named = ", ".join(sorted(alike)[:5]) or "none; see `poolscope leaderboard`"
                raise InputError(f"run {run!r} does not exist; runs that start so: {named}")
            record = paths.runs() / alike[0] / "run.json"
        return cls._read(record)

    @classmethod
    def _read(cls, record: Path) -> "Run":
        try:
            run = _adapter().validate_python(read_json(record, dict))
        except (OSError, ValueError) as error:
            raise InputError(f"run record {record} is not readable ({error}); delete that directory") from error
        run.id = record.parent.name
        if run.state in WORKING and not run.running:
            run.state = "stopped"
        return run


@cache
def _adapter() -> "TypeAdapter[Run]":
    """Checks what a record says against the types of a Run; fields of later versions are left out."""
    from pydantic import TypeAdapter

    return TypeAdapter(Run)


def runs() -> list[Run]:
    """Every run of this home, newest first; unreadable records are left out."""
    listed = []
    for record in paths.runs().glob("*/run.json"):
        with suppress(InputError):
            listed.append(Run._read(record))
    return sorted(listed, key=lambda run: run.created, reverse=True)


def new_id(*parts: str | int | None) -> str:
    """An id made of readable parts and the time, unique among the runs: its directory is made, and so taken."""
    words = [re.sub(r"[^A-Za-z0-9.]+", "-", str(part)).strip("-.")[:40] for part in parts if part not in (None, "")]
    stem = "-".join(word.lower() for word in words if word) or "run"
    stem = f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    for n in itertools.count(1):
        name = stem if n == 1 else f"{stem}-{n}"
        try:
            (paths.runs() / name).mkdir(parents=True)
        except FileExistsError:
            continue
        return name
    raise AssertionError("counting never ends")


def check_id(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(f"run id {name!r} is not allowed: letters, digits, '.', '_' and '-', at most 120")
    return name


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """Results by task key. A torn last line (a run that died while writing) is ignored."""
    results: dict[str, dict[str, Any]] = {}
    if path.is_file():
        for line in path.read_text(errors="replace").splitlines():
            with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
                result = _result(json.loads(line))
                results[result["key"]] = result
    return results


def _result(content: dict[str, Any]) -> dict[str, Any]:
    """One line of results; a metric that is no finite number counts as not measured."""
    metrics = {str(name): _finite(value) for name, value in content["metrics"].items()}
    return {**content, "key": str(content["key"]), "dataset": str(content["dataset"]), "metrics": metrics}


def _finite(value: Any) -> float | int | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300
    return value if good else None


def write_results(path: Path, results: Sequence[dict[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(result, allow_nan=False) + "\n" for result in results))


def hardware(device: str = "cpu") -> dict[str, Any]:
    """Processor, cores, memory and, for a CUDA device, its name and count."""
    import psutil

    machine: dict[str, Any] = {
        "device": device,
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
    }
    if device.startswith("cuda"):
        import torch

        machine["gpu"] = torch.cuda.get_device_name(0)
        machine["gpus"] = torch.cuda.device_count()
        machine["gpu_memory_gib"] = round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1)
    return machine


def command_line() -> list[str]:
    return [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv else []


def _cpu_name() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()

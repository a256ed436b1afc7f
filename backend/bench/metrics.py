"""Training curves: open_clip's log, line by line, as numbers."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from ..files import write_text
from ..runs import Run
from .scales import steps_of

_FLOAT = r"([-+0-9.eE]+|nan|inf|-inf)"
_LINE = re.compile(
    r"Train Epoch: (?P<part>\d+) \[\s*(?P<samples>\d+)/(?P<per_part>\d+) .*?\] "
    rf"Data \(t\): {_FLOAT} Batch \(t\): {_FLOAT}, {_FLOAT}/s, .*?LR: {_FLOAT} Logit Scale: {_FLOAT} (?P<losses>.*)$"
)
_LOSS = re.compile(rf"(?:^| )Loss: {_FLOAT}")
_RESUMING = re.compile(
    r"resuming checkpoint .*\(epoch (?P<part>\d+)\)|=> going on after (?P<pairs>\d+) pairs of the part"
)
WINDOW = 7
FIELDS = ("step", "samples", "loss", "lr", "samples_per_s", "data_s", "batch_s", "logit_scale")


def parse(line: str, *, batch: int) -> dict[str, float] | None:
    """The figures of one log line, or None if it holds none.

    `step` counts optimiser steps done so far over the whole run (1-based), `samples` pairs seen so far,
    `data_s` and `batch_s` seconds per batch waiting for pairs and in all, averaged over the log window.
    """
    match = _LINE.search(line)
    loss = _LOSS.search(match["losses"]) if match else None
    if match is None or loss is None:
        return None
    data_s, batch_s, rate, lr, logit_scale = (float(value) for value in match.groups()[3:8])
    samples = int(match["part"]) * int(match["per_part"]) + int(match["samples"])
    return {
        "step": round(samples / batch),
        "samples": samples,
        "loss": float(loss[1]),
        "lr": lr,
        # open_clip prints the last batch's rate; the window's average is the honest one
        "samples_per_s": round(batch / batch_s, 2) if batch_s > 0 else rate,
        "data_s": data_s,
        "batch_s": batch_s,
        "logit_scale": logit_scale,
    }


class Follower:
    """Reads what was appended to a log since the last look."""

    def __init__(self, path: Path, *, batch: int) -> None:
        self.path, self.batch, self.offset = path, batch, 0

    def new(self) -> list[dict[str, float]]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            log.seek(self.offset)
            fresh = log.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self.offset += len(whole)
        lines = whole.decode(errors="replace").splitlines()
        return [figures for line in lines if (figures := parse(line, batch=self.batch))]


def append(path: Path, figures: dict[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(_line(figures))


def write(path: Path, points: Sequence[dict[str, float]]) -> None:
    write_text(path, "".join(_line(figures) for figures in points))


def _line(figures: dict[str, float]) -> str:
    return json.dumps({name: value if math.isfinite(value) else None for name, value in figures.items()}) + "\n"


def read(path: Path) -> Iterator[dict[str, Any]]:
    if path.is_file():
        for line in path.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                yield json.loads(line)


def curves(run: "str | Run") -> dict[str, list[float | None]]:
    """Columns of a run's training curve, by step ascending: step, samples, loss, lr, samples_per_s, data_s,
    batch_s, logit_scale, seconds_left. Steps that were done again after a resume appear once, as done last.

    Read from `metrics.jsonl`; a run that was started by hand on a cluster has only open_clip's log, which serves too.
    """
    run = Run.load(run)
    points = list(read(run.path / "metrics.jsonl"))
    if not points and run.settings:
        points = list(Follower(run.log_path, batch=int(run.settings["batch"])).new())
    ordered: list[dict[str, Any]] = []
    for point in points:
        while ordered and ordered[-1]["step"] >= point["step"]:
            ordered.pop()
        ordered.append(point)
    fields = {name: [point.get(name) for point in ordered] for name in FIELDS}
    return fields | {"seconds_left": _left(fields, total_samples(run))}


def _left(fields: dict[str, list[float | None]], total: int | None) -> list[float | None]:
    """Seconds of training left at each point, at the median pace of the seven before it."""
    left: list[float | None] = []
    for place, samples in enumerate(fields["samples"]):
        pace = [rate for rate in fields["samples_per_s"][max(0, place - WINDOW + 1) : place + 1] if rate]
        known = total is not None and samples is not None and pace
        left.append(round(max(0.0, total - samples) / median(pace), 1) if known else None)  # type: ignore[operator]
    return left


def total_samples(run: Run) -> int | None:
    """Pairs that the whole training sees, whole batches as open_clip counts them; None if the record lacks it."""
    try:
        seen, batch, parts = (int(run.settings[name]) for name in ("samples_seen", "batch", "checkpoints"))
        # Runs of before rounded to the workers that they were recorded with.
        rounding = int(run.settings.get("rounding", run.settings.get("workers", 1)))
    except (KeyError, TypeError, ValueError):
        return None
    return steps_of(seen // parts, batch, max(1, rounding)) * parts * batch


def resumed_at(run: "str | Run") -> list[int]:
    """Pairs seen at each point from which a resumed training went on, from open_clip's log."""
    run = Run.load(run)
    if not run.resumed or not run.log_path.is_file() or not run.settings.get("checkpoints"):
        return []
    total = total_samples(run)
    if total is None:
        return []
    points: list[int] = []
    for match in _RESUMING.finditer(run.log_path.read_text(errors="replace")):
        if match["part"] is not None:
            points.append(int(match["part"]) * total // int(run.settings["checkpoints"]))
        elif points:
            points[-1] += int(match["pairs"])
    return points

"""Training curves: open_clip's log, line by line, as numbers."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from backend.bench.run import Run
from backend.files import write_text

_FLOAT = r"([-+0-9.eE]+|nan|inf|-inf)"
_LINE = re.compile(
    r"Train Epoch: (?P<part>\d+) \[\s*(?P<samples>\d+)/(?P<per_part>\d+) .*?\] "
    rf"Data \(t\): {_FLOAT} Batch \(t\): {_FLOAT}, {_FLOAT}/s, .*?LR: {_FLOAT} Logit Scale: {_FLOAT} (?P<losses>.*)$"
)
_LOSS = re.compile(rf"(?:^| )Loss: {_FLOAT}")
FIELDS = ("step", "samples", "loss", "lr", "samples_per_s", "data_s", "batch_s", "logit_scale")


def parse(line: str, *, batch: int) -> dict[str, float] | None:
    """The figures of one log line, or None if it holds none.

    `step` counts optimiser steps done so far over the whole run (1-based), `samples` pairs seen so far,
    `data_s` and `batch_s` seconds per batch waiting for pairs and in all, averaged over the log window.
    """
    found = _LINE.search(line)
    loss = _LOSS.search(found["losses"]) if found else None
    if found is None or loss is None:
        return None
    data_s, batch_s, rate, lr, logit_scale = (float(value) for value in found.groups()[3:8])
    samples = int(found["part"]) * int(found["per_part"]) + int(found["samples"])
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

    def __init__(self, path: Path, *, batch: int, offset: int = 0) -> None:
        self.path, self.batch, self.offset = path, batch, offset

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
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def curves(run: "str | Run") -> dict[str, list[float | None]]:
    """Columns of a run's training curve, by step ascending: step, samples, loss, lr, samples_per_s, data_s,
    batch_s, logit_scale. Steps that were done again after a resume appear once, as done last.

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
    return {name: [point.get(name) for point in ordered] for name in FIELDS}

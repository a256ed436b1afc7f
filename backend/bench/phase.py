"""A phase of a run: how long it took, and its part of the progress of the whole."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..progress import Progress
from ..runs import Run

PARTS = {"shards": (0, 80), "training": (80, 880), "evaluating": (880, 1000)}


@contextmanager
def timed(run: Run, phase: str) -> Iterator[None]:
    start = time.monotonic()
    try:
        yield
    finally:
        run.seconds[phase] = round(run.seconds.get(phase, 0.0) + time.monotonic() - start, 2)


def within(progress: Progress, phase: str) -> Progress:
    """Progress of one phase as its part of the whole run."""
    low, high = PARTS[phase]

    def report(done: int, total: int, message: str = "", **figures: float) -> None:
        progress(low + round((high - low) * done / max(1, total)), 1000, message, **figures)

    return report


def titled(progress: Progress, title: str) -> Progress:
    """Progress whose messages begin with `title`."""

    def report(done: int, total: int, message: str = "", **figures: float) -> None:
        progress(done, total, ": ".join(part for part in (title, message) if part), **figures)

    return report

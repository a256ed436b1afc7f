"""How the command that a job runs tells the jobs table how far it is."""

import sqlite3
import time
from contextlib import suppress
from math import isfinite

from ..errors import InputError
from . import table


class TableProgress:
    """A Progress that writes to the jobs table, at most every `interval` seconds and always at the end.

    A table that cannot be written (locked, disk full) costs that one message, never the job.
    """

    def __init__(self, job_id: int, *, interval: float = 0.5) -> None:
        self.job_id = job_id
        self.interval = interval
        self._last = float("-inf")
        self._figures: dict[str, float] = {}

    def __call__(self, done: int, total: int, message: str = "", **figures: float) -> None:
        self._figures.update({name: float(value) for name, value in figures.items() if isfinite(value)})
        now = time.monotonic()
        if now - self._last < self.interval and done < total:
            return
        self._last = now
        fraction = min(1.0, max(0.0, done / total)) if total > 0 else 0.0
        with suppress(sqlite3.Error, InputError):
            table.report(self.job_id, fraction, " ".join(message.split())[:500], self._figures)

"""What the command line prints: results on stdout, progress and errors on stderr."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, is_dataclass
from math import isfinite
from typing import Any

from ..progress import Progress

MILESTONE_SECONDS = 10.0
json_asked: ContextVar[bool] = ContextVar("json", default=False)
"""Whether the command that runs was given `--json`."""


def printable(text: object) -> str:
    """The text in one line without control characters: a caption must not steer the terminal."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in str(text))


def complain(message: str, code: int) -> int:
    """Prints one `error: …` line on stderr; returns `code`."""
    line = f"error: {printable(' '.join(message.split()))}\n"
    sys.stderr.write(line.encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode(errors="replace"))
    sys.stderr.flush()
    return code


def say(message: str) -> None:
    """Prints one line for the reader on stderr, where it does not mix with results."""
    sys.stderr.write(printable(message) + "\n")
    sys.stderr.flush()


def emit(result: dict[str, Any], *, text: str | Callable[[], None]) -> None:
    """Prints a command's result: one JSON object, or for people the line `text`, or what it prints."""
    if json_asked.get():
        written = json.dumps(_plain(result), ensure_ascii=False, allow_nan=False) + "\n"
        sys.stdout.write(written.encode(errors="backslashreplace").decode())
    elif isinstance(text, str):
        line(text)
    else:
        text()
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    """JSON for what the backend returns: dataclasses, numpy numbers and arrays too; NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "as_json"):
        return _plain(value.as_json())
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return None if isinstance(value, float) and not isfinite(value) else value


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a table; columns whose name ends in `#` hold numbers and are set right-aligned."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(markup=False, highlight=False, emoji=False, width=None if sys.stdout.isatty() else 200)
    grid = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        grid.add_column(Text(name.rstrip("#")), justify="right" if name.endswith("#") else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(printable(one)) for one in row))
    console.print(grid)


def cell(value: float | None, form: str = ".4f") -> str:
    """A number in a table; empty for None."""
    return "" if value is None else format(value, form)


def line(text: str) -> None:
    sys.stdout.write(printable(text) + "\n")


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """A Progress for a long call: a bar on a terminal, milestones elsewhere, the jobs table in a job."""
    job = os.environ.get("POOLSCOPE_JOB", "")
    if job.isdigit():
        from ..jobs import TableProgress

        to_table, to_log = TableProgress(int(job)), Milestones(label)

        def both(done: int, total: int, message: str = "", **figures: float) -> None:
            to_table(done, total, message or label, **figures)
            to_log(done, total, message, **figures)

        yield both
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False, style="dim"),
        )
        with Rich(*columns, console=Console(stderr=True), transient=True) as rich:
            task = rich.add_task(label, total=None, note="")

            def draw(done: int, total: int, message: str = "", **figures: float) -> None:
                note = "  ".join(filter(None, [printable(message), _figures(figures)]))
                rich.update(task, completed=done, total=total, note=note[:100])

            yield draw
    else:
        yield Milestones(label)


class Milestones:
    """A Progress for logs: a line at the end and at most one every ten seconds before."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._last = time.monotonic()
        self._ended: int | None = None

    def __call__(self, done: int, total: int, message: str = "", **figures: float) -> None:
        now = time.monotonic()
        ended = done >= total > 0
        if (ended and self._ended == total) or (not ended and now - self._last < MILESTONE_SECONDS):
            return
        self._last = now
        self._ended = total if ended else None
        parts = [f"{self._label}: {done:,} of {total:,}", message, _figures(figures)]
        say("  ".join(part for part in parts if part))


def _figures(figures: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())

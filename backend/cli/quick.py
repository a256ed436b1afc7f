"""A quick start and end for commands that take less time than their imports."""

import gc
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

QUICK = ("select",)
OBJECTS = 100_000


def start() -> None:
    """Has the collector look for cycles seldom: imports make objects that stay, and it went through them again and again."""
    gc.set_threshold(OBJECTS)


def leave(code: int) -> None:
    """Ends this process at once after a quick command: taking the interpreter down takes 0.09 s, and saves nothing.

    Files are whole when a command is done. Returns where something else still runs, which the interpreter waits for.
    """
    if sys.argv[1:2] and sys.argv[1] in QUICK and threading.active_count() == 1:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:
            return
        os._exit(code)


class _NoPandas:
    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is left out: see quick.py", name=name)


@contextmanager
def without_pandas() -> Iterator[None]:
    """Imports inside leave pandas out, which pyarrow asks for when its datasets are first imported: 0.3 s.

    For commands that convert nothing from or to pandas.
    """
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)

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
    """For a quick command: the collector looks for cycles seldom, for imports make many objects, and all of them stay."""
    if _is_quick():
        gc.set_threshold(OBJECTS)


def leave(code: int) -> None:
    """Ends this process at once after a quick command: taking the interpreter down takes 0.09 s, and saves nothing.

    Files are whole when a command is done. Returns where something else still runs, which the interpreter waits for.
    """
    if _is_quick() and threading.active_count() == 1:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):  # nobody reads, or there is no such stream
            return
        os._exit(code)


def _is_quick() -> bool:
    return len(sys.argv) > 1 and sys.argv[1] in QUICK


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

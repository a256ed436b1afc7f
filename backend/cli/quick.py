"""A quick start for commands that take less time than their imports."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType


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

"""Locks of a pool: files that the kernel releases when their holder dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Waits for the pool's writer lock and holds it for the block.

    Two Lance commits that start from one version either conflict or lose a column, so every commit takes this lock
    and opens the newest version inside it.
    """
    with _held(directory / ".lock"):
        yield


@contextmanager
def importing(directory: Path) -> Iterator[None]:
    """Waits until no other import runs on the pool: an import decides by the pool's uids which pairs are new."""
    with _held(directory / ".import-lock"):
        yield


@contextmanager
def _held(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)

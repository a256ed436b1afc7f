"""Locks of a pool: files that the kernel releases when their holder dies."""

from pathlib import Path

from filelock import BaseFileLock, FileLock


def writing(directory: Path) -> BaseFileLock:
    """The pool's writer lock, a context manager that waits for it.

    Two Lance commits that start from one version either conflict or lose a column, so every commit takes this lock
    and opens the newest version inside it.
    """
    return FileLock(directory / ".lock")


def importing(directory: Path) -> BaseFileLock:
    """Held by the one import that runs on the pool: an import decides by the pool's uids which pairs are new."""
    return FileLock(directory / ".import-lock")

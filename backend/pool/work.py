"""Work: a pool's directory for what is unfinished, and what processes that were killed left in it."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

FOLDER = "work"
SPOOL = "spool-"
STALE = 7 * 86_400
"""Seconds after which what waits to be resumed counts as left behind."""


@contextmanager
def spool(directory: Path) -> Iterator[Path]:
    """A directory in the pool for the large files of this process; it is removed at the end, and those of processes that
    died before are removed first."""
    work = directory / FOLDER
    work.mkdir(exist_ok=True)
    with _turn(work):
        for dead in _dead(work):
            shutil.rmtree(dead, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=SPOOL, dir=work))
        mine = FileLock(folder / ".lock")
        mine.acquire()
    try:
        yield folder
    finally:
        mine.release()
        shutil.rmtree(folder, ignore_errors=True)


def leftovers(directory: Path) -> list[Path]:
    """What nobody works on any more: files of dead processes, and what has waited for a week to be resumed."""
    work, now = directory / FOLDER, time.time()
    left = [directory / "thumbnails"] if (directory / "thumbnails").is_dir() else []  # the cache of an older edition
    if work.is_dir():
        with _turn(work):
            left += _dead(work)
        left += [
            path for path in work.iterdir() if not path.name.startswith((".", SPOOL)) and now - _changed(path) > STALE
        ]
    torn = (path for path in directory.glob("**/.*.part") if ".lance" not in str(path.relative_to(directory)))
    return left + [path for path in torn if path.is_file() and now - _changed(path) > STALE]


def remove(directory: Path) -> None:
    """Removes the leftovers."""
    for path in leftovers(directory):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _turn(work: Path) -> FileLock:
    """Held while a spool is made or removed, so that none is taken for dead before its owner has locked it."""
    return FileLock(work / ".spools")


def _dead(work: Path) -> list[Path]:
    """The spools whose owner, which would hold their lock, is gone."""
    dead = []
    for folder in work.glob(f"{SPOOL}*"):
        try:
            with FileLock(folder / ".lock", timeout=0):
                dead.append(folder)
        except (Timeout, OSError):
            continue
    return dead


def _changed(path: Path) -> float:
    """When anything in it was last changed."""
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else []
    try:
        return max(one.lstat().st_mtime for one in (path, *inside))
    except OSError:  # it is being worked on
        return time.time()

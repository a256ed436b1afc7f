"""Digests: files and values by what they hold, so that provenance survives a move and notices a replacement."""

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import files, paths

SMALL = 1 << 20  # bytes up to which a file is read every time
SETTLED = 2_000_000_000  # nanoseconds after which another write is sure to leave another time


def of_value(content: Any) -> str:
    """SHA-256 of plain data, 64 hex digits; the order of keys doesn't matter.

    >>> of_value({"a": 1, "b": 2}) == of_value({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def of_path(path: Path | str) -> str:
    """SHA-256 of a file's bytes, or of the names and bytes of all files in a directory, 64 hex digits.

    A file above 1 MiB is read once: its digest is kept under its path, size, times and inode. Raises OSError.
    """
    place = Path(path).resolve()
    if place.is_dir():
        inside = sorted(file for file in place.rglob("*") if file.is_file())
        return of_value([[file.relative_to(place).as_posix(), of_path(file)] for file in inside])
    before = stamp(place)
    if before[0] <= SMALL:
        return _read(place)
    kept = paths.home() / "digests" / f"{of_value(str(place))[:24]}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = files.read_json(kept)
        if known["stamp"] == list(before):
            return str(known["sha256"])
    settled = time.time_ns() - max(before[1:3]) > SETTLED
    digest = _read(place)
    if settled and stamp(place) == before:
        with suppress(OSError):  # a home that may not be written: read it again next time
            files.write_json(kept, {"path": str(place), "stamp": before, "sha256": digest})
    return digest


def stamp(path: Path | str) -> tuple[int, int, int, int]:
    """Size, times of the last change of content and of the entry in ns, inode: another file has another. Raises OSError."""
    about = Path(path).stat()
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino


def version(path: Path | str) -> tuple[int, ...]:
    """The stamp of a file as part of a cache's key; empty if there is none, so that its reader says what is wrong."""
    try:
        return stamp(path)
    except (OSError, ValueError):
        return ()


def _read(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

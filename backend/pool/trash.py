"""Trash: files and directories that were deleted, to be put back until the trash is emptied.

An entry is a directory with `entry.json`, which is written before anything moves: an interrupted deletion can be undone
like any other, and one that was interrupted before anything had moved is none. The paths in it are relative to `root`,
the directory that the trash is in, and never lead out of it.
"""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..errors import InputError

FOLDER = ".poolscope-trash"
ENTRY = "entry.json"


@dataclass(frozen=True)
class Entry:
    """What was deleted: its kind and name, when (seconds since the epoch), and the bytes that emptying frees."""

    folder: Path
    kind: str
    name: str
    when: float
    bytes: int
    paths: tuple[str, ...]
    note: dict[str, Any]

    @property
    def root(self) -> Path:
        return self.folder.parent.parent


def move(root: Path, kind: str, name: str, paths: Sequence[Path], *, note: dict[str, Any] | None = None) -> Entry:
    """Moves `paths`, which lie in `root`, to the trash of `root`. `note` is kept with them."""
    moved = tuple(os.fspath(path.relative_to(root)) for path in paths)
    folder = root / FOLDER / f"{time.time_ns()}-{kind}"
    folder.mkdir(parents=True)
    entry = Entry(folder, kind, name, time.time(), size(*paths), moved, note or {})
    files.write_json(folder / ENTRY, {key: value for key, value in vars(entry).items() if key != "folder"})
    try:
        for number, path in enumerate(paths):
            path.rename(folder / str(number))
    except OSError:
        restore(entry)
        raise
    return entry


def entries(root: Path) -> list[Entry]:
    """What is in the trash of `root`, the latest first; what is no entry, or holds nothing that was moved, is left out."""
    return sorted(filter(_holds, _all(root)), key=lambda entry: entry.when, reverse=True)


def _all(root: Path) -> list[Entry]:
    place = root / FOLDER
    return [] if place.is_symlink() else [entry for path in place.glob(f"*/{ENTRY}") if (entry := _read(path))]


def _holds(entry: Entry) -> bool:
    """Whether anything was moved; a note may be all that there is to keep."""
    return not entry.paths or any(os.path.lexists(entry.folder / str(number)) for number in range(len(entry.paths)))


def restore(entry: Entry) -> None:
    """Puts an entry back where it was. Raises InputError if something else is there by now."""
    there = [(entry.folder / str(number), entry.root / path) for number, path in enumerate(entry.paths)]
    there = [(kept, path) for kept, path in there if os.path.lexists(kept)]
    for _, path in there:
        if not path.parent.resolve().is_relative_to(entry.root.resolve()):
            raise InputError(f"{str(path)!r} leads out of {str(entry.root)!r}, so it is not put back.")
        if os.path.lexists(path):
            raise InputError(f"there is another {entry.kind} {entry.name!r} by now; delete or rename that one first.")
    for kept, path in there:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept.rename(path)
    forget(entry)


def forget(entry: Entry) -> None:
    """Removes an entry and what it still holds."""
    shutil.rmtree(entry.folder)
    with suppress(OSError):  # other entries are in it
        entry.folder.parent.rmdir()


def empty(root: Path) -> int:
    """Removes all entries for good; returns the bytes that they held."""
    frees = sum(entry.bytes for entry in entries(root))
    for entry in _all(root):
        forget(entry)
    return frees


def size(*paths: Path) -> int:
    """Bytes of files, and of all files in directories; links are not followed."""
    total = 0
    for path in paths:
        inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
        total += sum(one.lstat().st_size for one in inside if one.is_symlink() or one.is_file())
    return total


def _read(path: Path) -> Entry | None:
    try:
        about = files.read_json(path)
        paths = tuple(map(str, about["paths"]))
        if any(Path(one).is_absolute() or ".." in Path(one).parts or not Path(one).parts for one in paths):
            return None
        note = about["note"]
        return Entry(path.parent, str(about["kind"]), str(about["name"]), float(about["when"]), int(about["bytes"]), paths,
                     note if isinstance(note, dict) else {})  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None

"""Versions: every commit makes one; a recipe's outcome can be repeated on the one it was made on, until it is cleaned."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from . import commit, deleted, fragments, tables, trash, work
from .fragments import Freed

if TYPE_CHECKING:
    from lancedb.table import LanceTable


@dataclass(frozen=True)
class Version:
    """One version of a pool: its number, when it was made, its pairs, and the bytes of the data files that it names."""

    number: int
    made: datetime
    pairs: int
    bytes: int


def listed(table: "LanceTable") -> list[Version]:
    """The versions that are still kept, oldest first."""
    with tables.reading(f"the versions of table {table.name!r}"):
        return [
            Version(
                int(entry["version"]), entry["timestamp"], int(entry["metadata"].get("total_rows", 0)),
                int(entry["metadata"].get("total_files_size", 0)),
            )
            for entry in table.list_versions()
        ]  # fmt: skip


def prunable(directory: Path) -> Freed:
    """What `clean` would free: old versions and what only they have, all that was deleted, and what killed work left."""
    with tables.reading(f"pool {directory.name!r}"):
        table = commit.opened(directory)
        old = Freed(0, 0) if commit.staged(directory) else fragments.prunable(table)
        gone = deleted.listed(table.schema)
    entries = trash.entries(directory)
    freed = deleted.size(directory, [one.stored for one in gone]) + sum(entry.bytes for entry in entries)
    freed += trash.size(*work.leftovers(directory))
    return Freed(old.versions, old.bytes + freed, len(gone) + len(entries))


def clean(directory: Path) -> Freed:
    """Removes all versions but the newest and all that was deleted, then merges small fragments where all rows stay in
    their places. Versions stay while an interrupted embedding has columns that wait for their commit. Returns the same
    as `prunable`.

    A handle on an older version, in another process, can read no more. Raises InputError for a read-only pool.
    """
    freed = prunable(directory)
    with commit.changing(directory), tables.reading(f"pool {directory.name!r}"):
        deleted.drop(directory)
        trash.empty(directory)
        work.remove(directory)
        waiting = commit.staged(directory)
        if not waiting:
            fragments.prune(commit.opened(directory))
    if not waiting and commit.compact(directory):
        with commit.changing(directory):
            fragments.prune(commit.opened(directory))
    return freed

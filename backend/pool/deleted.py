"""Deleted columns: out of sight at once, gone at the next compaction, and back by undo until then.

A column that is deleted is renamed to `<name>~<time>`, which no column may be called: no value is written or lost, pairs
that are added meanwhile get null in it as in any other, and versions made before still have it.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ..errors import InputError
from . import commit, fragments, places

_DELETED = re.compile(r"(.+)~(\d+)")


@dataclass(frozen=True)
class DeletedColumn:
    """`stored` is what the column is called in the table, `when` it was deleted in seconds since the epoch."""

    stored: str
    name: str
    when: float


def listed(schema: pa.Schema) -> list[DeletedColumn]:
    """The deleted columns that can be restored, the latest first."""
    matches = [(name, _DELETED.fullmatch(name)) for name in schema.names]
    deleted = [DeletedColumn(name, match[1], int(match[2]) / 1000) for name, match in matches if match]
    return sorted(deleted, key=lambda one: one.when, reverse=True)


def delete(directory: Path, name: str) -> None:
    """Hides a column. Raises InputError if there is none of that name, or the pool may only be read."""
    with commit.changing(directory):
        table = commit.settled(directory)
        if name not in table.schema.names:
            raise InputError(f"there is no column {name!r} any more; see `poolscope info`.")
        commit.rename(table, (name, f"{name}~{time.time_ns() // 1_000_000}"))


def restore(directory: Path, stored: str) -> None:
    """Shows a deleted column again, with all its values. Raises InputError if the name is taken."""
    with commit.changing(directory):
        table = commit.settled(directory)
        names = table.schema.names
        match = _DELETED.fullmatch(stored)
        if match is None or stored not in names:
            raise InputError(
                f"the column was removed by a compaction, so it can't be brought back: {stored.partition('~')[0]!r}."
            )
        if match[1] in names:
            raise InputError(f"there is another column {match[1]!r} by now; delete that one first.")
        commit.rename(table, (stored, match[1]))


def drop(directory: Path) -> None:
    """Removes all deleted columns from the newest version; the caller holds the writer lock."""
    table = commit.settled(directory)
    gone = [one.stored for one in listed(table.schema)]
    if gone:
        table.drop_columns(gone)


def size(directory: Path, names: Sequence[str]) -> int:
    """Bytes that columns take in the newest version: of a file that they share with others, by width."""
    return fragments.bytes_of(places.of(directory).table, names)

"""Commits: every change of a pool's table, under its writer lock, whole or not at all."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from . import fragments, places, tables, work
from .columns import KEYS, NEW, nulled
from .lock import writing
from .staging import Staging

if TYPE_CHECKING:
    from lancedb.table import LanceTable

EVER = timedelta(days=36_500)


class PoolGrew(Exception):
    """Pairs were added while a column for the pairs before them was being made."""


def opened(directory: Path) -> "LanceTable":
    """The newest version of the table. Raises InputError if an object store does not give it."""
    place = places.of(directory)
    try:
        return tables.open_table(place.table)
    except tables.FAILURES as error:
        raise _unreadable(place, error) from None


def scanned(directory: Path, version: int | None = None) -> fragments.Fragments:
    """The table for scanning, as it is or as it was; first ends a replacement of columns that a crash interrupted.

    Raises InputError if an object store does not give it, or for no such version.
    """
    place = places.of(directory)
    try:
        stored = fragments.Fragments(place.table, version)
        if version is None and any(name.endswith(NEW) for name in stored.schema.names) and not place.read_only:
            with changing(directory):
                settled(directory)
            stored = fragments.Fragments(place.table)
        return stored
    except tables.FAILURES as error:
        if version is not None:
            raise _no_version(directory, version) from None
        raise _unreadable(place, error) from None


def _unreadable(place: places.Place, error: Exception) -> InputError:
    if place.elsewhere:
        return tables.unreachable(f"the table of pool {place.directory.name!r} is at {place.table}, which", error)
    reason = tables.first_line(error)
    return InputError(f"the table {place.table} can't be read: {reason}. Restore it from a copy, or import it again.")


def _no_version(directory: Path, version: int) -> InputError:
    kept = [entry["version"] for entry in opened(directory).list_versions()]
    has = f"{kept[0]} to {kept[-1]}" if len(kept) == kept[-1] - kept[0] + 1 else ", ".join(map(str, kept[-20:]))
    return InputError(f"pool {directory.name!r} has no version {version}; it has {has}. See `poolscope versions`.")


@contextmanager
def changing(directory: Path) -> Iterator[None]:
    """The writer lock for a change of the table; a table elsewhere leaves a mark of it in the directory.

    Raises InputError for a pool that may only be read.
    """
    place = places.of(directory)
    if place.read_only:
        raise InputError(f"the pool at {place.database} may only be read; copy it to a place where you may write.")
    with writing(directory):
        try:
            yield
        finally:  # half a change is one too
            if place.elsewhere:
                os.utime(directory / places.ELSEWHERE)


def settled(directory: Path) -> "LanceTable":
    """The newest version, under the lock: a new column `x~` is whole once it is there, so it takes the place of `x`."""
    table = opened(directory)
    fresh = [name for name in table.schema.names if name.endswith(NEW)]
    if fresh:
        old = [name.removesuffix(NEW) for name in fresh]
        present = [name for name in old if name in table.schema.names]
        if present:
            table.drop_columns(present)
        rename(table, *zip(fresh, old))
    return table


def rename(table: "LanceTable", *names: tuple[str, str]) -> None:
    """Gives columns other names, in one commit that writes no values: pairs of the old and the new one."""
    renames: list[Any] = [{"path": old, "rename": new} for old, new in names]
    table.alter_columns(*renames)


def append(directory: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Adds the pairs of `batches` at the end; returns how many were added."""
    with changing(directory):
        table = settled(directory)
        before = table.count_rows()
        reader = pa.RecordBatchReader.from_batches(schema, map(nulled, batches))
        table.add(reader, write_parallelism=1)  # one writer, so that rows keep their order
        return int(table.count_rows()) - before


def write_fragments(directory: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> list[str]:
    """Writes pairs as fragments that are not part of the pool yet; any worker may. Returns one JSON text each.

    `append_fragments` makes them part of it. What is never appended is removed by `sweep`.
    """
    return fragments.write(places.of(directory).table, schema, batches)


def append_fragments(directory: Path, written: Sequence[str]) -> None:
    """Adds written fragments at the end, in their order, in one commit; those that are part of the pool are left out."""
    with changing(directory):
        fragments.append(settled(directory), places.of(directory).table, written)


def part_of(directory: Path, groups: Sequence[Sequence[str]]) -> list[bool]:
    """For each group of written fragments: whether all of it is part of the pool."""
    return fragments.part_of(opened(directory), groups)


def staged(directory: Path) -> bool:
    """Whether columns wait for their commit, which an interrupted process will make: no version names their files yet."""
    return any((directory / work.FOLDER).glob("*/written-*.json"))


def sweep(directory: Path) -> None:
    """Removes files that no version of the pool names: what killed writers left. No fragment may wait to be appended."""
    with changing(directory):
        if staged(directory):
            return
        fragments.prune(settled(directory), older_than=EVER)


def add_columns(
    directory: Path, rows: int, schema: pa.Schema, values: Iterable[pa.RecordBatch] | Staging, *, replace: bool
) -> None:
    """Adds columns in row order, or fragment by fragment from where they come from to the table's files; the ones of the
    same name stay readable until the new ones are whole.

    Raises PoolGrew unless the table has `rows` rows, InputError if a name is taken and `replace` is false.
    """
    with changing(directory):
        table, named = _prepared(directory, rows, schema, replace)
        if isinstance(values, Staging):
            fragments.commit_staged(table, places.of(directory).table, *values.write(table, named))
        else:
            renamed = (pa.RecordBatch.from_arrays(batch.columns, schema=named) for batch in values)
            fragments.merge(table, pa.RecordBatchReader.from_batches(named, renamed))
        settled(directory)


def _prepared(directory: Path, rows: int, schema: pa.Schema, replace: bool) -> tuple["LanceTable", pa.Schema]:
    """The table that columns can be added to, and their schema with other names for those that are there."""
    table = settled(directory)
    if table.count_rows() != rows:
        raise PoolGrew(f"{rows:,} pairs became {table.count_rows():,}")
    present = set(table.schema.names)
    taken = [name for name in schema.names if name in present]
    if taken and not replace:
        raise InputError(f"column {taken[0]!r} exists already; choose another name with --as, or add --replace.")
    if set(taken) & set(KEYS):
        raise InputError(f"column {taken[0]!r} is part of the uid and can't be replaced; choose another name.")
    named = [entry.with_name(entry.name + NEW) if entry.name in taken else entry for entry in schema]
    return table, pa.schema(named)


def drop_columns(directory: Path, names: Sequence[str]) -> None:
    with changing(directory):
        settled(directory).drop_columns(list(names))


def create(url: str, schema: pa.Schema) -> None:
    """An empty table at an object store; it never takes the place of another one. Raises InputError if there is one,
    or the store does not answer."""
    try:
        tables.create_table(url, schema)
    except tables.FAILURES as error:
        if "already exists" in str(error):
            raise InputError(f"there is a table at {url} already; choose another address for --pool.") from None
        raise InputError(
            f"no table can be made at {url}: {tables.first_line(error)}. Check the address and the store's credentials."
        ) from None


def compact(directory: Path) -> bool:
    """Merges small fragments into larger ones, if all rows stay in their places; returns whether it made a version.

    Lance puts a merged fragment after all others, so rows stay only if whatever follows the first merged fragment is
    merged too: if no full fragment comes after a smaller one. The uids are compared before and after all the same, and
    another order is undone; either way a version was made.
    """
    with changing(directory):
        table = settled(directory)
        before = table.version
        sizes = [part.stop - part.start for part in fragments.Fragments(places.of(directory).table, before).all]
        full = [size >= FULL for size in sizes]
        mergeable = sizes[full.count(True) :]
        if any(full[full.count(True) :]) or len(mergeable) < 2:
            return False
        table.optimize(cleanup_older_than=EVER)
        moved = not _same_order(places.of(directory).table, before, table.version)
        if moved:
            table.restore(before)
        return True


FULL = 1_048_576  # rows from which LanceDB leaves a fragment as it is


def _same_order(url: str, before: int, after: int) -> bool:
    old, new = fragments.Fragments(url, before), fragments.Fragments(url, after)
    if old.rows != new.rows:
        return False
    for start in range(0, old.rows, tables.FRAGMENT_ROWS):
        stop = min(old.rows, start + tables.FRAGMENT_ROWS)
        for key in KEYS:
            a, b = (
                np.concatenate([batch.column(0).to_numpy() for batch in side.scan([key], start, stop, FULL)])
                for side in (old, new)
            )
            if not np.array_equal(a, b):
                return False
    return True

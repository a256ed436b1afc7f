"""Commits: every change of a pool's table, under its writer lock, whole or not at all."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import lance
import pyarrow as pa
from lance.fragment import write_fragments

from .. import files
from ..errors import InputError
from .columns import KEYS, NEW
from .lock import writing

TABLE = "pairs.lance"
ELSEWHERE = "table.url"  # a file that says where the table is, when it is not in the pool's directory
FRAGMENT_ROWS = 262_144
STORAGE: Literal["2.1"] = "2.1"


class PoolGrew(Exception):
    """Pairs were added while a column for the pairs before them was being made."""


def place(directory: Path) -> str:
    """Where the table is: in the pool's directory, or at an object store."""
    elsewhere = directory / ELSEWHERE
    return elsewhere.read_text().strip() if elsewhere.exists() else str(directory / TABLE)


def there(directory: Path) -> bool:
    """Whether the directory has a table, or says where one is."""
    return (directory / TABLE).is_dir() or (directory / ELSEWHERE).is_file()


def opened(directory: Path) -> lance.LanceDataset:
    """The table as it is. Raises InputError if an object store does not give it."""
    try:
        return lance.dataset(place(directory))
    except (OSError, ValueError) as error:
        if not (directory / ELSEWHERE).exists():
            raise
        raise InputError(
            f"the table of pool {directory.name!r} is at {place(directory)}, which can't be read: "
            f"{str(error).splitlines()[0][:200]}. Check the address and the store's credentials."
        ) from None


@contextmanager
def changing(directory: Path) -> Iterator[None]:
    """The writer lock for a change of the table; a table elsewhere leaves a mark of it in the directory."""
    with writing(directory):
        try:
            yield
        finally:  # half a change is one too
            if (directory / ELSEWHERE).exists():
                os.utime(directory / ELSEWHERE)


def newest(directory: Path) -> lance.LanceDataset:
    """The table's newest version; ends a replacement of columns that a crash interrupted."""
    table = opened(directory)
    if any(name.endswith(NEW) for name in table.schema.names):
        with changing(directory):
            table = _settled(directory)
    return table


def _settled(directory: Path) -> lance.LanceDataset:
    """The newest version, under the lock: a new column `x~` is whole once it is there, so it takes the place of `x`."""
    table = opened(directory)
    fresh = [name for name in table.schema.names if name.endswith(NEW)]
    if fresh:
        old = [name.removesuffix(NEW) for name in fresh]
        present = [name for name in old if name in table.schema.names]
        if present:
            table.drop_columns(present)
        renames: list[Any] = [{"path": name, "name": final} for name, final in zip(fresh, old)]
        table.alter_columns(*renames)
    return table


def append(directory: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> tuple[lance.LanceDataset, int]:
    """Adds the pairs of `batches` at the end; returns the new version and how many were added."""
    with changing(directory):
        before = _settled(directory).count_rows()
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        table = lance.write_dataset(
            reader, place(directory), mode="append", max_rows_per_file=FRAGMENT_ROWS, max_rows_per_group=8192
        )
        return table, table.count_rows() - before


def write_pieces(directory: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> list[str]:
    """Writes pairs as fragments that are not part of the pool yet; any worker may. Returns one JSON text each.

    `append_pieces` makes them part of it. What is never appended is removed by `sweep`.
    """
    reader = pa.RecordBatchReader.from_batches(schema, batches)
    pieces = write_fragments(
        reader,
        place(directory),
        schema,
        max_rows_per_file=FRAGMENT_ROWS,
        max_rows_per_group=8192,
        data_storage_version=STORAGE,
        enable_stable_row_ids=True,
    )
    return [json.dumps(piece.to_json()) for piece in pieces]


def append_pieces(directory: Path, pieces: Sequence[str]) -> lance.LanceDataset:
    """Adds written fragments at the end, in their order, in one commit; those that are part of the pool are left out."""
    with changing(directory):
        table = _settled(directory)
        here = {piece.metadata.files[0].path for piece in table.get_fragments()}
        parsed = [lance.FragmentMetadata.from_json(piece) for piece in pieces]
        fresh = [piece for piece in parsed if piece.files[0].path not in here]
        if not fresh:
            return table
        operation = lance.LanceOperation.Append(fresh)
        return lance.LanceDataset.commit(place(directory), operation, read_version=table.version)


def part_of(directory: Path, pieces: Sequence[Sequence[str]]) -> list[bool]:
    """For each group of written fragments: whether all of it is part of the pool."""
    here = {piece.metadata.files[0].path for piece in opened(directory).get_fragments()}
    return [all(lance.FragmentMetadata.from_json(piece).files[0].path in here for piece in group) for group in pieces]


def sweep(directory: Path) -> None:
    """Removes files that no version of the pool names: what killed writers left. No piece may wait to be appended."""
    with changing(directory):
        _settled(directory).cleanup_old_versions(older_than=timedelta(days=36_500), delete_unverified=True)


def add_columns(
    directory: Path, rows: int, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, replace: bool
) -> lance.LanceDataset:
    """Adds columns in row order; the ones of the same name stay readable until the new ones are whole.

    Raises PoolGrew unless the table has `rows` rows, InputError if a name is taken and `replace` is false.
    """
    with changing(directory):
        table = _settled(directory)
        if table.count_rows() != rows:
            raise PoolGrew(f"{rows:,} pairs became {table.count_rows():,}")
        taken = [name for name in schema.names if name in table.schema.names]
        if taken and not replace:
            raise InputError(f"column {taken[0]!r} exists already; choose another name with --as, or add --replace.")
        if set(taken) & set(KEYS):
            raise InputError(f"column {taken[0]!r} is part of the uid and can't be replaced; choose another name.")
        fields = [entry.with_name(entry.name + NEW) if entry.name in taken else entry for entry in schema]
        named = pa.schema(fields)
        renamed = (pa.RecordBatch.from_arrays(batch.columns, schema=named) for batch in batches)
        table.add_columns(pa.RecordBatchReader.from_batches(named, renamed))
        return _settled(directory) if taken else table


def drop_columns(directory: Path, names: Sequence[str]) -> lance.LanceDataset:
    with changing(directory):
        table = _settled(directory)
        table.drop_columns(list(names))
        return table


def create(directory: Path, schema: pa.Schema, elsewhere: str = "") -> None:
    """An empty table, in the directory or `elsewhere`; there it never takes the place of another one.

    Raises InputError if `elsewhere` is no URL, holds a table that is not an empty one of this directory, or does not
    answer.
    """
    options: dict[str, Any] = {"data_storage_version": STORAGE, "enable_stable_row_ids": True}
    elsewhere = elsewhere or (place(directory) if (directory / ELSEWHERE).exists() else "")
    if not elsewhere:
        lance.write_dataset(schema.empty_table(), str(directory / TABLE), mode="overwrite", **options)
        return
    if "://" not in elsewhere:
        raise InputError(f"--table {elsewhere!r} is no URL; write where the table goes, as s3://bucket/pairs.lance.")
    mine = (directory / ELSEWHERE).exists() and place(directory) == elsewhere
    try:
        lance.write_dataset(schema.empty_table(), elsewhere, mode="create", **options)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        if "already exists" not in str(error):
            raise InputError(
                f"no table can be made at {elsewhere}: {reason}. Check the address and the store's credentials."
            ) from None
        if not (mine and _is_empty(elsewhere, schema)):
            raise InputError(f"there is a table at {elsewhere} already; choose another address for --table.") from None
    files.write_text(directory / ELSEWHERE, elsewhere + "\n")


def _is_empty(url: str, schema: pa.Schema) -> bool:
    """Whether a table of this schema and without rows is there: what an import left that was killed at its start."""
    table = lance.dataset(url)
    return table.schema.equals(schema) and not table.count_rows()

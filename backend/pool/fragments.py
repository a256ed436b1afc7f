"""Fragments: the one file that uses `lance`, for what LanceDB has no call for.

- Columns merged by fragment: LanceDB adds columns by an SQL expression or a function, not from values in row order.
- The rows of one fragment, by which work is dealt out: `Table.search` gives them at a quarter of the speed, because
  each batch crosses an event loop.
- Scans of whole columns and of conditions, which is all that `poolscope select`, a slider or a worker does: importing
  LanceDB takes three times as long as such a process does otherwise, for it brings pandas and the client of remote
  namespaces. It is imported when a pool's `table` is first used.
- Columns of one fragment written before the commit that names them, for what must not lie on the disk twice.
- Fragments that workers wrote, appended in one commit: LanceDB's `add` takes rows, from one process.
- Pruning without compaction, and what it would free: LanceDB's `optimize` always does both, and says nothing before.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import lance
import pyarrow as pa
from lance.file import LanceFileReader
from lance.fragment import write_fragments

from .tables import FRAGMENT_ROWS, STORAGE, native

if TYPE_CHECKING:
    from lancedb.table import LanceTable

GROUP_ROWS = 8192


@dataclass(frozen=True)
class Fragment:
    """A work unit: rows `start` to `stop` (exclusive) of the pool."""

    id: int
    start: int
    stop: int


@dataclass(frozen=True)
class Freed:
    """What cleaning frees: old versions, bytes, and how many deleted columns and files can't be brought back then."""

    versions: int
    bytes: int
    deleted: int = 0


class Fragments:
    """One version of a table, to be scanned: the newest, or the one asked for. Raises what Lance raises."""

    def __init__(self, url: str, version: int | None = None) -> None:
        with native():
            self._dataset = lance.dataset(url, version=version)

    @property
    def version(self) -> int:
        return int(self._dataset.version)

    @property
    def schema(self) -> pa.Schema:
        return self._dataset.schema

    @cached_property
    def rows(self) -> int:
        return int(self._dataset.count_rows())

    @cached_property
    def _parts(self) -> dict[int, lance.LanceFragment]:
        return {part.fragment_id: part for part in self._dataset.get_fragments()}

    @cached_property
    def all(self) -> list[Fragment]:
        """The work units, in row order."""
        fragments, start = [], 0
        for number, part in self._parts.items():
            rows = part.count_rows()
            fragments.append(Fragment(number, start, start + rows))
            start += rows
        return fragments

    def whole(self, columns: Sequence[str], condition: str | None = None) -> pa.RecordBatchReader:
        """Large batches of the columns of all rows, or of those for which the condition holds, in row order."""
        scanner = self._dataset.scanner(
            columns=list(columns), filter=condition, batch_size=FRAGMENT_ROWS, fragment_readahead=2, batch_readahead=2
        )
        return scanner.to_reader()

    def any(self, condition: str) -> bool:
        """Whether the condition holds for any row; reads until the first."""
        return bool(self._dataset.scanner(columns=["uid_hi"], filter=condition, limit=1).to_table().num_rows)

    def scan(self, columns: Sequence[str], start: int, stop: int, batch_size: int) -> Iterator[pa.RecordBatch]:
        """Batches of `columns` in row order, rows `start` to `stop`."""
        for fragment in self.all:
            first, last = max(start, fragment.start), min(stop, fragment.stop)
            if first >= last:
                continue
            whole = first == fragment.start and last == fragment.stop
            reader = self._parts[fragment.id].scanner(
                columns=list(columns),
                batch_size=batch_size,
                batch_readahead=2,
                offset=None if whole else first - fragment.start,
                limit=None if whole else last - first,
            )
            yield from (batch for batch in reader.to_batches() if batch.num_rows)


def merge(table: "LanceTable", reader: pa.RecordBatchReader) -> None:
    """Adds the columns of `reader`, which follow row order, as a new version."""
    table.to_lance().add_columns(reader)


def stage(table: "LanceTable", number: int, reader: pa.RecordBatchReader) -> tuple[str, Any]:
    """Writes the columns of `reader` for one fragment as a file that no version names yet; the fragment with it, as JSON
    text, and the schema of a table that has the columns."""
    fragment = table.to_lance().get_fragment(number)
    assert fragment is not None, number
    merged, schema = fragment.merge_columns(reader)
    return json.dumps(merged.to_json()), schema


def staged_rows(url: str, fragment: str) -> int:
    """How many rows the staged file of a fragment holds; -1 if it is gone or broken."""
    try:
        return int(_staged(url, fragment).num_rows())
    except (OSError, ValueError, RuntimeError):
        return -1


def staged(url: str, fragment: str, start: int, count: int) -> list[pa.RecordBatch]:
    """Some rows of the staged file of a fragment."""
    return _staged(url, fragment).read_range(start, count, batch_size=GROUP_ROWS).to_table().to_batches(GROUP_ROWS)


def commit_staged(table: "LanceTable", url: str, texts: Sequence[str], schema: Any) -> None:
    """Makes staged columns part of the table, in one commit."""
    parts = [lance.FragmentMetadata.from_json(text) for text in texts]
    lance.LanceDataset.commit(url, lance.LanceOperation.Merge(parts, schema), read_version=int(table.version))


def _staged(url: str, fragment: str) -> LanceFileReader:
    return LanceFileReader(f"{url}/data/{lance.FragmentMetadata.from_json(fragment).files[-1].path}")


def write(url: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> list[str]:
    """Writes rows as fragments that are not part of the table yet; one JSON text each."""
    written = write_fragments(
        pa.RecordBatchReader.from_batches(schema, batches),
        url,
        schema,
        max_rows_per_file=FRAGMENT_ROWS,
        max_rows_per_group=GROUP_ROWS,
        data_storage_version=STORAGE,
        enable_stable_row_ids=True,
    )
    return [json.dumps(fragment.to_json()) for fragment in written]


def append(table: "LanceTable", url: str, written: Sequence[str]) -> None:
    """Adds written fragments at the end, in their order, in one commit; those that are part of the table are left out."""
    dataset = table.to_lance()
    here = _files(dataset)
    parsed = [lance.FragmentMetadata.from_json(text) for text in written]
    fresh = [one for one in parsed if one.files[0].path not in here]
    if fresh:
        lance.LanceDataset.commit(url, lance.LanceOperation.Append(fresh), read_version=dataset.version)


def part_of(table: "LanceTable", groups: Sequence[Sequence[str]]) -> list[bool]:
    """For each group of written fragments: whether all of it is part of the table."""
    here = _files(table.to_lance())
    return [all(lance.FragmentMetadata.from_json(text).files[0].path in here for text in group) for group in groups]


def prunable(table: "LanceTable") -> Freed:
    """What `prune` would free."""
    stats = table.to_lance().explain_cleanup_old_versions(older_than=timedelta(0), delete_unverified=True).stats
    return Freed(int(stats.old_versions), int(stats.bytes_removed))


def prune(table: "LanceTable", *, older_than: timedelta = timedelta(0)) -> Freed:
    """Removes versions older than that, and files that no version names. No fragment may wait to be appended."""
    stats = table.to_lance().cleanup_old_versions(older_than=older_than, delete_unverified=True)
    return Freed(int(stats.old_versions), int(stats.bytes_removed))


def bytes_of(url: str, columns: Sequence[str]) -> int:
    """Bytes of the data files of `columns`; a file that holds others too counts by the columns' share of a row."""
    dataset = lance.dataset(url)
    names = {entry.id(): entry.name() for entry in dataset.lance_schema.fields()}
    total = 0.0
    for fragment in dataset.get_fragments():
        for file in fragment.metadata.files:
            widths = [(names[id], _width(dataset.schema.field(names[id]).type)) for id in file.fields if id in names]
            whole = sum(width for _, width in widths)
            share = sum(width for name, width in widths if name in columns)
            total += (file.file_size_bytes or 0) * share / whole if whole else 0
    return round(total)


def _width(kind: pa.DataType) -> float:
    """Bytes of a value, of text and lists a usual number of them."""
    if pa.types.is_fixed_size_list(kind):
        return kind.list_size * _width(kind.value_type)
    try:
        return kind.bit_width / 8
    except ValueError:
        return 40.0


def _files(dataset: lance.LanceDataset) -> set[str]:
    return {fragment.metadata.files[0].path for fragment in dataset.get_fragments()}

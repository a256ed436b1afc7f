"""Staging: columns as large as the pool, written fragment by fragment before the one commit that names them.

Each fragment's values may be deleted where they come from as soon as their file is there, so that they never lie on the
disk twice; a note of each file lets the next process go on after a crash.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .. import files
from . import fragments, places

if TYPE_CHECKING:
    from lancedb.table import LanceTable


@dataclass(frozen=True)
class Note:
    """Rows `start` to `stop` lie in the last file of the `fragment`, as JSON text, of the table's `version`."""

    start: int
    stop: int
    version: int
    fragment: str


@dataclass(frozen=True)
class Staging:
    """Columns of a pool on their way into its table. `notes`: a directory of its own. `read(start, stop)`
    gives the values of rows in row order; `release(stop)` is called once all rows before `stop` lie in files."""

    pool: Path
    notes: Path
    read: Callable[[int, int], Iterable[pa.RecordBatch]]
    release: Callable[[int], None]

    def until(self) -> int:
        """Rows before this one lie in files, which an earlier process wrote."""
        return max((note.stop for note in self.written()), default=0)

    def written(self) -> list[Note]:
        """The notes whose files are whole, in row order and without a gap from row 0."""
        notes = [Note(**files.read_json(path, dict)) for path in self.notes.glob("written-*.json")]
        chosen: list[Note] = []
        row, url = 0, places.of(self.pool).table
        while here := [note for note in notes if note.start <= row < note.stop]:
            best = max(here, key=lambda note: note.stop)
            if fragments.staged_rows(url, best.fragment) != best.stop - best.start:
                notes.remove(best)
                continue
            chosen.append(best)
            row = best.stop
        return chosen

    def types(self) -> list[pa.DataType]:
        """The types of the columns in files; empty where there are none."""
        url = places.of(self.pool).table
        return [
            kind for note in self.written()[:1] for kind in fragments.staged(url, note.fragment, 0, 1)[0].schema.types
        ]

    def write(self, table: "LanceTable", schema: pa.Schema) -> tuple[list[str], Any]:
        """Writes what is not in a file of the table's version yet; the fragments as JSON texts, and the table's schema to be."""
        version, before = int(table.version), self.written()
        parts = fragments.Fragments(places.of(self.pool).table, version).all
        staged: list[str] = []
        merged = None
        for part in parts:
            same = [
                note for note in before if (note.start, note.stop, note.version) == (part.start, part.stop, version)
            ]
            if same and part is not parts[-1]:  # the last one is written again, for it gives the schema
                staged.append(same[0].fragment)
                continue
            reader = pa.RecordBatchReader.from_batches(schema, self._rows(before, part.start, part.stop, schema))
            fragment, merged = fragments.stage(table, part.id, reader)
            note = {"start": part.start, "stop": part.stop, "version": version, "fragment": fragment}
            files.write_json(self.notes / f"written-{version}-{part.start}.json", note)
            staged.append(fragment)
            self.release(part.stop)
        return staged, merged

    def _rows(self, before: list[Note], start: int, stop: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Rows from files that were written for another version, then from where they come from."""
        url, row = places.of(self.pool).table, start
        for note in before:
            if note.start <= row < min(note.stop, stop):
                last = min(note.stop, stop)
                for batch in fragments.staged(url, note.fragment, row - note.start, last - row):
                    yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
                row = last
        if row < stop:
            for batch in self.read(row, stop):
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)

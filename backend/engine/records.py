"""Records: the finished units of a job, one Arrow file each; a restart skips what has a record."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import files
from ..pool import digests
from ..pool.columns import fixed_list
from ..scores.base import Unit


class Records:
    """The records of one piece of work, named by a digest of all that determines its result.

    `order`: what was asked for, which may mean other work on another day.
    """

    def __init__(self, pool_path: Path, subject: dict[str, Any], order: dict[str, Any] | None = None) -> None:
        self.directory = pool_path / "work" / digests.of_value(subject)[:16]
        self._order = digests.of_value(order) if order else ""
        if not (self.directory / "subject.json").exists():
            files.write_json(self.directory / "subject.json", subject | {"order": self._order})

    def sweep(self) -> None:
        """Removes the records that the same order left of a pool, a file or a column that is another one by now."""
        for path in self.directory.parent.glob("*/subject.json"):
            with suppress(OSError, ValueError, AttributeError):
                if path.parent != self.directory and files.read_json(path).get("order") == self._order != "":
                    shutil.rmtree(path.parent, ignore_errors=True)

    def path(self, unit: Unit) -> Path:
        if unit.rows is None:
            return self.directory / f"{unit.id}.arrow"
        digest = hashlib.sha256(np.ascontiguousarray(unit.rows).tobytes()).hexdigest()
        return self.directory / f"{unit.id}-{digest[:12]}.arrow"

    def __contains__(self, unit: Unit) -> bool:
        return self.path(unit).exists()

    def write(self, unit: Unit, columns: dict[str, Any], types: dict[str, pa.DataType]) -> None:
        """Writes the columns of one unit; ValueError if a column is missing or of another length."""
        arrays = {}
        for name, kind in types.items():
            array = columns[name]
            if not isinstance(array, (pa.Array, pa.ChunkedArray)):
                array = fixed_list(array) if np.ndim(array) == 2 else pa.array(array)
            if len(array) != len(unit):
                raise ValueError(f"unit {unit.id} made {len(array)} values of {name!r} for {len(unit)} pairs")
            arrays[name] = array if array.type == kind else array.cast(kind)
        table = pa.table(arrays)
        with (
            files.replacing(self.path(unit)) as part,
            pa.OSFile(str(part), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table, max_chunksize=8192)

    def read(self, unit: Unit) -> pa.Table:
        with pa.memory_map(str(self.path(unit))) as source:
            return pa.ipc.open_file(source).read_all()

    def rows(self, units: Sequence[Unit], start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """Rows of the pool from the records of `units`, each a stretch of rows, in row order."""
        for unit in units:
            first, last = max(start, unit.start), min(stop, unit.stop)
            if first < last:
                yield from self.read(unit).slice(first - unit.start, last - first).to_batches()

    def in_row_order(
        self, units: Sequence[Unit], keys: Sequence[str], schema: pa.Schema, rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The recorded columns `keys` as batches in row order; listed rows are scattered into `(n,)` arrays first.

        Where units hold every row several times, as a method that averages over random orders may have it, a row gets the mean.
        """
        if all(unit.rows is None for unit in units):
            for unit in sorted(units, key=lambda unit: unit.start):
                for batch in self.read(unit).select(list(keys)).to_batches():
                    yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
            return
        whole = {}
        times = max(1, sum(map(len, units)) // max(1, rows))
        for key, entry in zip(keys, schema):
            whole[key] = np.zeros(rows, dtype=entry.type.to_pandas_dtype())
            if whole[key].dtype.kind == "f" and times == 1:
                whole[key].fill(np.nan)
        for unit in units:
            table = self.read(unit)
            places = unit.rows if unit.rows is not None else np.arange(unit.start, unit.stop)
            for key in keys:
                rows_of = table[key].to_numpy()
                whole[key][places] = rows_of if times == 1 else whole[key][places] + rows_of / times
        yield from pa.Table.from_arrays([pa.array(whole[key]) for key in keys], schema=schema).to_batches(
            max_chunksize=8192
        )

    def forget(self, unit: Unit) -> None:
        """Deletes the record of one unit: what it holds lies in the pool's own files by now."""
        self.path(unit).unlink(missing_ok=True)

    def clear(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

"""Gathered columns: `caption1`, `caption_2`, `raw_0` and so on of a table as one column of lists of captions."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from . import roles
from .captions import as_text
from .options import Options

if TYPE_CHECKING:
    from .table import Table

_NUMBER = re.compile(r"[\s._-]*\d{1,3}$")


def gathered(table: "Table", options: Options) -> "Table":
    """The table with its numbered columns of captions as one, or as it is where it has none, its images are numbered too,
    another column holds its captions, or `options` name one."""
    if options.text is not None or not table.named:
        return table
    plain = Counter(roles.plain(_NUMBER.sub("", name)) for name in table.schema.names)
    if any(plain[roles.plain(name)] > 1 for role in ("image", "url") for name in roles.USUAL[role]):
        return table  # as many images: each caption is of one of them
    groups: dict[str, list[str]] = {}
    for entry in table.schema:
        base = _NUMBER.sub("", entry.name)
        if as_text(pa.array([], entry.type)) is not None and roles.says_caption(base):
            groups.setdefault(roles.plain(base), []).append(entry.name)
    for columns in groups.values():
        numbers = {_number(name) for name in columns}
        if 1 < len(columns) == len(numbers):  # `text` and `TEXT` are of two kinds
            joined = Gathered(table, _NUMBER.sub("", columns[0]), columns)
            if roles.choose(joined.schema.names, {}).get("text") == joined.name:
                return joined
    return table


def _number(name: str) -> str:
    return name[len(_NUMBER.sub("", name)) :].strip(" ._-")


class Gathered:
    """A table whose `columns` of captions are one column of lists, `name`, in the place of the first."""

    def __init__(self, table: "Table", name: str, columns: Sequence[str]) -> None:
        self._table, self.name, self._columns = table, name, list(columns)
        self.count, self.named, self.conversions = table.count, table.named, table.conversions
        self.rejected = table.rejected
        one = f"columns {columns[0]} to {columns[-1]} are captions of one image"
        self.note = "; ".join(filter(None, (table.note, one)))
        self.schema = pa.schema([self._field(entry) for entry in table.schema if self._stays(entry.name)])

    def types(self, names: Sequence[str]) -> dict[str, pa.DataType]:
        return self._table.types(names)

    def batches(self, size: int, most: int | None = None) -> Iterator[pa.RecordBatch]:
        for batch in self._table.batches(size, most):
            names = [name for name in batch.schema.names if self._stays(name)]
            first = self._columns[0]
            arrays = [self._lists(batch) if name == first else batch.column(name) for name in names]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _stays(self, name: str) -> bool:
        return name not in self._columns[1:]

    def _field(self, entry: pa.Field) -> pa.Field:
        return pa.field(self.name, pa.list_(pa.utf8())) if entry.name == self._columns[0] else entry

    def _lists(self, batch: pa.RecordBatch) -> pa.Array:
        texts = [as_text(batch.column(name)) for name in self._columns]
        rows, width = batch.num_rows, len(texts)
        by_row = np.arange(rows * width).reshape(width, rows).T.ravel()
        ends = pa.array(np.arange(0, rows * width + 1, width, dtype=np.int32))
        return pa.ListArray.from_arrays(ends, pa.concat_arrays(texts).take(pa.array(by_row)))

"""Reading a table: whole columns, rows in any order, and conditions, with bounded memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ..errors import InputError
from . import tables
from .columns import KEYS, to_numpy
from .fragments import Fragments
from .uids import uid_hex

if TYPE_CHECKING:
    from lancedb.table import LanceTable


def numbers(table: Fragments, name: str) -> np.ndarray:
    """A scalar column, `(n,)`: filled batch by batch, so that it is in memory once."""
    kind = table.schema.field(name).type
    if not (pa.types.is_floating(kind) or pa.types.is_unsigned_integer(kind) or pa.types.is_boolean(kind)):
        return to_numpy(column(table, name))
    values = np.empty(table.rows, dtype=np.dtype(kind.to_pandas_dtype()))
    seen = 0
    for batch in table.whole([name]):
        part = batch.column(0)
        if part.null_count and pa.types.is_unsigned_integer(kind):
            return to_numpy(column(table, name))
        values[seen : seen + len(part)] = to_numpy(part)
        seen += len(part)
    return values


def column(table: Fragments, name: str) -> pa.ChunkedArray:
    """A whole column of any type."""
    return table.whole([name]).read_all()[name]


def take(table: "LanceTable", indices: np.ndarray, names: Sequence[str]) -> pa.Table:
    """The rows at `indices` (int64), in that order, repeated where one repeats; `uid` comes as 32 hex digits."""
    stored = [name for name in names if name != "uid"]
    wanted = list(dict.fromkeys(stored + (list(KEYS) if "uid" in names else [])))
    unique, inverse = np.unique(indices, return_inverse=True)
    if len(unique):
        taken = table.take_offsets(unique.tolist()).select(wanted).to_arrow().take(pa.array(inverse))
    else:
        taken = pa.schema([table.schema.field(name) for name in wanted]).empty_table()
    if "uid" in names:
        taken = taken.append_column("uid", uid_hex(taken["uid_hi"].to_numpy(), taken["uid_lo"].to_numpy()))
    return taken.select(list(names))


def where(table: Fragments, sql: str) -> np.ndarray:
    """`(n,)` bool: the rows for which the SQL condition holds (null counts as False). InputError if it can't be read."""
    mask = np.zeros(table.rows, dtype=bool)
    try:
        for batch in table.whole(["_rowoffset"], sql):
            mask[batch["_rowoffset"].to_numpy()] = True
    except tables.FAILURES as error:
        raise unreadable(sql, error) from None
    return mask


def unreadable(sql: str, error: BaseException) -> InputError:
    """What is wrong with a condition."""
    reason = tables.first_line(error).removeprefix("Invalid user input: ")
    return InputError(f"condition {sql!r} can't be read: {reason}. Example: width >= 200 AND source = 'emoji'.")

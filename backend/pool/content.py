"""The content of a column as a digest, so that a column made again with other values is told from the old one."""

import hashlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa

from .columns import matrix

Scan = Callable[[int, int], Iterable[pa.RecordBatch]]
_BLOCKS = 16


def column_digest(kind: pa.DataType, scan: Scan, start: int, stop: int, most: int) -> str:
    """SHA-256 of a column's values in rows `start` to `stop`, 32 hex digits; how batches are cut doesn't matter.

    `scan` reads rows of the column alone. Numbers are read all; of wider values more than `most` are known by 16 evenly
    spread blocks that hold so many, and by their count.
    """
    values, lengths = hashlib.sha256(f"{kind} {stop - start}".encode()), hashlib.sha256()
    for first, last in [(start, stop)] if _is_number(kind) else _blocks(start, stop, most):
        for batch in scan(first, last):
            held, sizes = _bytes(batch.column(0))
            values.update(held)
            lengths.update(sizes)
    values.update(lengths.digest())
    return values.hexdigest()[:32]


def _blocks(start: int, stop: int, most: int) -> Iterator[tuple[int, int]]:
    if stop - start <= most:
        yield start, stop
        return
    size = most // _BLOCKS
    for first in np.linspace(start, stop - size, _BLOCKS).astype(int).tolist():
        yield first, first + size


def _bytes(column: pa.Array) -> tuple[bytes, bytes]:
    """The values of a piece of a column, and which are there (or how long they are), wherever it was cut."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type):
        return matrix(column).tobytes(), b""
    if not _is_number(kind):
        lines = [repr(value).encode() for value in column.to_pylist()]
        return b"".join(lines), np.array([len(line) for line in lines], np.int64).tobytes()
    there = column.is_valid().to_numpy(zero_copy_only=False)
    plain = column.cast(pa.uint8()) if pa.types.is_boolean(kind) else column
    held = (plain.cast(pa.float32()) if pa.types.is_float16(kind) else plain).fill_null(0).to_numpy()
    if held.dtype.kind == "f":
        there = there & ~np.isnan(held)
    return np.where(there, held, held.dtype.type(0)).tobytes(), there.tobytes()


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind))

"""Reads columns of a pool for the providers: in steps of whole bitmap words, as texts, as codes of their values."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..pool import Pool

STEP = 131_072  # rows; a multiple of 64


def steps(pool: Pool, columns: Sequence[str], step: int = STEP) -> Iterator[tuple[int, pa.Table]]:
    """`(first row, table)` in row order; every table but the last has `step` rows."""
    waiting: list[pa.RecordBatch] = []
    start, rows = 0, 0
    for batch in pool.scan(columns, batch_size=min(step, 32_768)):
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= step:
            table = pa.Table.from_batches(waiting)
            yield start, table.slice(0, step)
            rest = table.slice(step)
            waiting, rows, start = rest.to_batches(), rest.num_rows, start + step
    if rows:
        yield start, pa.Table.from_batches(waiting)


def text_array(table: pa.Table, column: str = "text") -> pa.Array:
    """A string column of a step as one array; a null is the empty string."""
    array = table[column].combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.utf8())
    if not pa.types.is_string(array.type) and not pa.types.is_large_string(array.type):
        array = array.cast(pa.utf8())
    return array.fill_null("") if array.null_count else array


def value_codes(pool: Pool, name: str, most: int) -> tuple[np.ndarray, list[Any]] | None:
    """`(n,)` int16 number of each pair's value, -1 for null, and the values; None if there are more than `most`."""
    codes = np.full(len(pool), -1, dtype=np.int16)
    known: dict[Any, int] = {}
    start = 0
    for batch in pool.scan([name], batch_size=65_536):
        coded = pc.dictionary_encode(batch.column(0))
        for value in coded.dictionary.to_pylist():
            known.setdefault(value, len(known))
        if len(known) > most:
            return None
        numbers = np.array([known[value] for value in coded.dictionary.to_pylist()] + [-1], np.int16)
        places = coded.indices.fill_null(len(numbers) - 1).to_numpy(zero_copy_only=False)
        codes[start : start + len(places)] = numbers[places]
        start += len(places)
    return codes, list(known)

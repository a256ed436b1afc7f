"""Reads columns of a pool for the providers: in steps of whole bitmap words, as texts, as codes of their values."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..pool import Pool
from ..pool.columns import matrix

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


def image_column(pool: Pool) -> str | None:
    """The first column of image embeddings, if the pool has one."""
    return next((f"{model}_img" for model in pool.models), None)


def vectors_of(pool: Pool, column: str) -> Iterator[tuple[int, np.ndarray]]:
    """`(first row, (k, d) float32)` in row order; a missing embedding is a row of NaN."""
    start = 0
    for batch in pool.scan([column], batch_size=16_384):
        vectors = matrix(batch.column(0)).astype(np.float32)
        yield start, vectors
        start += len(vectors)


class Numbering:
    """Numbers values in the order in which they are met; `known` gives the number of each."""

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}

    def of(self, values: pa.Array, none: Any = None) -> np.ndarray:
        """`(k,)` int32 number of each value; -1 for null and for `none`."""
        coded = pc.dictionary_encode(values)
        listed = coded.dictionary.to_pylist()
        numbers = [-1 if value in (None, none) else self.known.setdefault(value, len(self.known)) for value in listed]
        places = coded.indices.fill_null(len(numbers)).to_numpy(zero_copy_only=False)
        return np.array([*numbers, -1], np.int32)[places]


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
    codes, numbering = np.empty(len(pool), dtype=np.int16), Numbering()
    start = 0
    for batch in pool.scan([name], batch_size=65_536):
        codes[start : start + batch.num_rows] = numbering.of(batch.column(0))
        start += batch.num_rows
        if len(numbering.known) > most:
            return None
    return codes, list(numbering.known)

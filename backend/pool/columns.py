"""Columns of a pool: their kind, type and how they were made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa

Kind = Literal["key", "metadata", "embedding", "score", "flag"]
KEYS = ("uid_hi", "uid_lo")
KEY_FIELDS = [pa.field(name, pa.uint64(), nullable=False) for name in KEYS]
NEW = "~"  # ends the name of a column that is about to replace another; with a time after it the column is deleted
ABOUT = "poolscope"


@dataclass(frozen=True)
class Column:
    """One column: `kind` as in the vocabulary, `dtype` as Arrow prints it, `dim` of an embedding, `made_by` its provenance."""

    name: str
    kind: Kind
    dtype: str
    dim: int | None = None
    made_by: dict[str, Any] = field(default_factory=dict)

    @property
    def with_pairs(self) -> bool:
        """Whether the column came with the pairs: then it is never replaced, for nothing here could make it again."""
        method = self.made_by.get("method")
        return self.kind == "key" or method in ("import", "index") or (self.kind == "metadata" and not method)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "dtype": self.dtype, "dim": self.dim, "made_by": self.made_by}


def describe(schema: pa.Schema) -> dict[str, Column]:
    """The columns of `schema`, with the kind and provenance that its fields carry; not the deleted ones."""
    return {entry.name: _column(entry) for entry in schema if NEW not in entry.name}


def described(schema: pa.Schema, *, kind: Kind, made_by: Mapping[str, Any]) -> pa.Schema:
    """`schema` with kind and provenance in its fields, so that they are committed together with the values."""
    about = json.dumps({"kind": kind, "made_by": dict(made_by)})
    return pa.schema([entry.with_metadata({ABOUT: about}) for entry in schema])


def to_numpy(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """A scalar column as numpy: null is NaN in a float column and False in a boolean one."""
    if pa.types.is_boolean(column.type):
        column = column.fill_null(False)
    elif pa.types.is_integer(column.type) and column.null_count:
        column = column.cast(pa.float64())
    return column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()


def fixed_list(matrix: np.ndarray) -> pa.FixedSizeListArray:
    """`(n, d)` array as a fixed-size list column, without copying."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1)), matrix.shape[1])


def matrix(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """A fixed-size list column as `(n, d)` in its own dtype; a null row is a row of NaN."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # an empty chunked array stays chunked
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], type=array.type)
    width = array.type.list_size
    if array.null_count:
        rows = np.full((len(array), width), np.nan, dtype=array.type.value_type.to_pandas_dtype())
        present = array.is_valid().to_numpy(zero_copy_only=False)
        rows[present] = array.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        return rows
    return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), width)


def _column(entry: pa.Field) -> Column:
    known = json.loads((entry.metadata or {}).get(ABOUT.encode(), b"{}"))
    dim = entry.type.list_size if pa.types.is_fixed_size_list(entry.type) else None
    guess: Kind = "key" if entry.name in KEYS else "embedding" if dim else "metadata"
    return Column(entry.name, known.get("kind") or guess, str(entry.type), dim, known.get("made_by", {}))


def nulled(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` with null for each embedding that holds NaN: LanceDB takes no NaN in a vector, and both read as NaN."""
    columns = [_nulled(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _nulled(column: pa.Array) -> pa.Array:
    if not (pa.types.is_fixed_size_list(column.type) and pa.types.is_floating(column.type.value_type)):
        return column
    rows = matrix(column)
    missing = np.isnan(rows).any(axis=1)
    if not missing.any():
        return column
    values = pa.array(np.where(missing[:, None], rows.dtype.type(0), rows).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(values, column.type.list_size, mask=pa.array(missing))

"""Values of an export: which columns go out, and what text files can hold of them."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..pool import Pool, uid_hex

PLACES = ("image", "image_offset", "image_bytes", "sample_offset", "sample_size")
USUAL = ("uid", "id", "text", "url")
COPIES = "copies"  # the column that says how often a pair is drawn
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r]")


def usual(pool: Pool) -> list[str]:
    """What a table holds unless it is asked for more: the uid, the source's id, caption and url."""
    return [name for name in USUAL if name == "uid" or name in pool.columns]


def scalars(pool: Pool) -> list[str]:
    """The uid and all columns of one value a pair, but for the places of images."""
    kinds = {"metadata", "score", "flag"}
    return ["uid", *(name for name, one in pool.columns.items() if one.kind in kinds and name not in PLACES)]


def schema_of(pool: Pool, columns: Sequence[str]) -> pa.Schema:
    """The schema of a table of these columns, the uid as text. Raises InputError for a column that the pool lacks."""
    return pa.schema(
        [pa.field("uid", pa.utf8()) if one == "uid" else pool.schema.field(pool.require(one).name) for one in columns]
    )


def drawn_schema(schema: pa.Schema, copies: np.ndarray | None) -> pa.Schema:
    """The schema with `COPIES` where pairs are drawn several times, unless the pool has a column of that name in it."""
    return schema if copies is None or COPIES in schema.names else schema.append(pa.field(COPIES, pa.int32()))


def arranged(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch of the pool, with `uid_hi` and `uid_lo`, as a batch of `schema`."""
    arrays = [
        uid_hex(batch["uid_hi"].to_numpy(), batch["uid_lo"].to_numpy()) if name == "uid" else batch[name]
        for name in schema.names
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def lines(batch: pa.RecordBatch) -> Iterator[str]:
    """The rows as JSON, one line each: NaN and infinity are null, float16 is written in full."""
    for row in batch.to_pylist():
        yield json.dumps(plain(row), ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """A value as JSON holds it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if abs(number) < float("inf") else None


def flat(batch: pa.RecordBatch, *, safe: bool) -> pa.RecordBatch:
    """A batch as CSV can hold it: lists as JSON; `safe` puts an apostrophe before text that a spreadsheet would run.

    Raises InputError for an embedding.
    """
    arrays, fields = [], []
    for field in batch.schema:
        column = batch[field.name]
        if pa.types.is_fixed_size_list(field.type):
            raise InputError(f"{field.name!r} is an embedding, which CSV has no cell for; write .parquet or .jsonl.")
        if pa.types.is_nested(field.type):
            column = pa.array(
                [None if one is None else json.dumps(plain(one)) for one in column.to_pylist()], pa.utf8()
            )
        elif safe and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            column = pa.array([harmless(one) for one in column.to_pylist()], pa.utf8())
        arrays.append(column)
        fields.append(pa.field(field.name, column.type))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def harmless(text: str | None) -> str | None:
    """The text, with an apostrophe before it if a spreadsheet would take it for a formula."""
    return f"'{text}" if text and _FORMULA.match(text) else text

"""Embeddings computed elsewhere: any list of numbers as unit vectors of float16."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

WIDEST = 16_384
SHORTEST_WRITTEN = 16
_SIDES = {"img": re.compile(r"im(g|age)|visual|vision|pic"), "txt": re.compile(r"te?xt|caption")}


def is_vector(kind: pa.DataType) -> bool:
    """Whether a column of this type holds a list of numbers a row."""
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return False
    return (
        pa.types.is_floating(kind.value_type)
        or pa.types.is_integer(kind.value_type)
        or pa.types.is_null(kind.value_type)
    )


def side_of(name: str) -> str | None:
    """`img` or `txt`, if the column's name says which side of a pair it embeds."""
    sides = [side for side, words in _SIDES.items() if words.search(name.lower())]
    return sides[0] if len(sides) == 1 else None


def dimension(column: pa.Array) -> int | None:
    """The length of the first vector of a list column; None if all are null or empty."""
    if pa.types.is_fixed_size_list(column.type):
        return int(column.type.list_size)
    return next((len(one) for one in map(_listed, column.drop_null()[:64]) if one is not None and len(one)), None)


def written_dimension(values: Sequence[Any]) -> int | None:
    """The length of the vectors that the texts are, written as JSON: lists of numbers with decimals, equally long and
    longer than a box; None for other texts."""
    listed = [_listed(pa.scalar(one)) for one in values if isinstance(one, str) and one.lstrip().startswith("[")]
    lengths = {len(one) for one in listed if one is not None}
    given = [one for one in values if one is not None]
    if (
        len(listed) != len(given)
        or any(one is None for one in listed)
        or len(lengths) != 1
        or "." not in "".join(given)
    ):
        return None
    (length,) = lengths
    return length if length >= SHORTEST_WRITTEN else None


def unit(column: pa.Array, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """`(n, dim)` float16 of norm 1, and `(n,)` bool: where there is one.

    A row is NaN where the vector is null, of another length, zero, or not finite. Text is read as a JSON list.
    """
    rows = np.full((len(column), dim), np.nan, dtype=np.float32)
    if pa.types.is_fixed_size_list(column.type) and column.type.list_size == dim:
        there = column.is_valid().to_numpy(zero_copy_only=False)
        kept = column.drop_null() if column.null_count else column
        rows[there] = kept.flatten().to_numpy(zero_copy_only=False).reshape(-1, dim)
    else:
        for place, value in enumerate(column):
            given = _listed(value)
            if given is not None and len(given) == dim:
                rows[place] = given
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    good = (np.isfinite(norms) & (norms > 0))[:, 0]
    rows[~good] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        return (rows / norms).astype(np.float16), good


def _listed(value: Any) -> list[Any] | np.ndarray | None:
    """A list scalar as numbers; None if it is none."""
    given = value.as_py()
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return None
    if not isinstance(given, list) or len(given) > WIDEST:
        return None
    try:
        return np.asarray([np.nan if one is None else one for one in given], dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        return None

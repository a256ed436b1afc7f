"""Captions of a table: what each cell says, a list as several, never a program's way of writing a value."""

import ast
import json
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import fields
from .captions import as_text, edges

_WRITTEN = r"""^\s*(\[.*\]|\{.*\}|\(.*\)|b'.*'|b".*")\s*$"""  # may be a list, a record or bytes, written as text
_LAST = np.frombuffer(b"])}'\" \t\n\f\r", np.uint8)  # how such a text ends: a look at a byte instead of a pattern
MARKS = r"<__dj__\w+>|<\|__dj__\w+\|>"  # where data-juicer puts an image into a caption, and the caption's end
LOOKED = 64  # rows at whose marks a batch is known
_NONE: tuple[Any, ...] = (None,)


def captions(column: pa.Array, which: fields.Which) -> tuple[pa.Array, np.ndarray]:
    """The captions of a column and, `(m,)` int64, the row that each is of; a row without one has a single null.

    A list gives a caption each, or by `which` the first or longest. Lists, records and bytes that were written as text
    are read back; what can't be is no caption.
    """
    rows = np.arange(len(column), dtype=np.int64)
    text = as_text(column)
    if text is None and pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    if text is None and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        text = column.cast(pa.utf8())
    if text is None:
        return _expanded([fields_of(value) for value in column.to_pylist()], which)
    if pc.any(pc.match_substring_regex(text.slice(0, LOOKED), MARKS)).as_py():
        text = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, MARKS, ""))
    marked = np.isin(edges(text)[1], _LAST)
    if marked.any():
        try:
            odd = pc.match_substring_regex(text.filter(pa.array(marked)), _WRITTEN)
        except pa.ArrowInvalid:  # not UTF-8: the check of captions finds which
            return text, rows
        marked[marked] = pc.fill_null(odd, False).to_numpy(zero_copy_only=False)
    if not marked.any():
        return text, rows
    return _expanded([written(value) if mark else [value] for value, mark in zip(text.to_pylist(), marked)], which)


def _expanded(listed: list[list[Any]], which: fields.Which) -> tuple[pa.Array, np.ndarray]:
    kept: list[list[Any]] = [
        fields.chosen([one for one in texts if one and one.strip()], which) or list(_NONE) for texts in listed
    ]
    counts = np.fromiter((len(one) for one in kept), dtype=np.int64, count=len(kept))
    flat = [fields.clean(text) if text is not None else None for one in kept for text in one]
    return pa.array(flat, type=pa.utf8()), np.repeat(np.arange(len(kept), dtype=np.int64), counts)


def fields_of(value: Any) -> list[str]:
    """The captions that a value holds: a text, a list, a record with one inside."""
    if isinstance(value, bytes):
        try:
            return [value.decode()]
        except UnicodeDecodeError:
            return []
    texts, _ = fields.captions({"caption": value})
    return texts


def written(text: str) -> list[str]:
    """The captions of a cell that may be a list, a record or bytes as a program writes them; the text itself if not.

    `['a', 'b']` gives two, `b'a'` one, an array's `['a' 'b']` and a record without a caption none.
    """
    value = text.strip()
    for read in (json.loads, ast.literal_eval):
        try:
            value_of = read(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value_of, tuple):
            value_of = list(value_of) if all(isinstance(one, str) for one in value_of) and len(value_of) > 1 else text
        if isinstance(value_of, list) and _glued(value, value_of):
            return _split(value)
        return fields_of(value_of) if isinstance(value_of, (list, dict, bytes, str)) else [text]
    return [text]


def _glued(value: str, parts: list[Any]) -> bool:
    """Whether Python joined texts that stand beside each other without a comma, as NumPy prints arrays."""
    return bool(re.search(r"""(['"])[\s]+(['"])""", value)) and value.count(",") < len(parts) + 1 and len(parts) == 1


def _split(value: str) -> list[str]:
    return [a or b for a, b in re.findall(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", value)]

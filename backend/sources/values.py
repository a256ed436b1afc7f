"""Values computed elsewhere, as columns of a pool: scores, flags, embeddings or metadata, by their type or as asked."""

from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError
from ..pool.columns import fixed_list
from .cells import NOTHING
from .vectors import dimension, is_vector, unit

Kind = Literal["score", "flag", "embedding", "metadata"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


@dataclass
class Guess:
    """What a column's values can be, learnt batch by batch: text that is always a number or a truth value is one, words
    for none apart. `commas`: whether `0,05` may be a number, unless all could be `1,234`; `read`: how many texts are numbers."""

    type: pa.DataType
    text: bool = False
    commas: bool = False
    read: int = 0
    dim: int | None = None
    _could: list[str] = field(default_factory=lambda: ["flag", "int", "score", "vector", "comma"])
    _any: bool = False
    _decimal: bool = False

    def add(self, column: pa.Array) -> None:
        if self.dim is None and is_vector(self.type):
            self.dim = dimension(column)
        given = column.drop_null() if self.text else column[:0]
        if not len(given):
            return
        given = given.filter(pc.invert(pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(given)), pa.array(_NONE))))
        if not len(given):
            return
        self._any = True
        self._could = [name for name in self._could if _TESTS[name](given)]
        self._decimal |= not _all(given, _THOUSANDS)
        self.read += sum(_matches(given, _NUMBER.replace("~", "[.,]" if self.commas else "[.]")).to_pylist())
        if self.dim is None and "vector" in self._could:
            self.dim = dimension(given)

    @property
    def decimal_commas(self) -> bool:
        """Whether the numbers are written with decimal commas: all can be read so, and not otherwise."""
        return self.commas and self._decimal and "comma" in self._could and "score" not in self._could

    def kind(self) -> Kind:
        """The kind that the type tells, or that all the text allows."""
        if is_vector(self.type) or (self._any and "vector" in self._could and "int" not in self._could):
            return "embedding"
        if pa.types.is_boolean(self.type) or (self._any and "flag" in self._could and "int" not in self._could):
            return "flag"
        if self.decimal_commas:
            return "score"
        if pa.types.is_floating(self.type) or (self._any and "score" in self._could and "int" not in self._could):
            return "score"
        return "metadata"

    def stored(self, kind: Kind) -> pa.DataType:
        """The type in the pool. Raises InputError where the values can't be of that kind."""
        if kind == "embedding":
            if not self.dim:
                raise InputError("the vectors are empty, or there are none; an embedding is a list of numbers.")
            return pa.list_(pa.float16(), self.dim)
        if kind != "metadata" and is_vector(self.type):
            raise InputError(f"its values are lists, which no {kind} is; choose another --kind.")
        if kind == "score" and self._any and not self.read:
            raise InputError("none of its values is a number, which a score is; choose another --kind.")
        if kind != "metadata":
            return pa.float32() if kind == "score" else pa.bool_()
        if self._any and "int" in self._could:
            return pa.int64()
        scalar = pa.types.is_boolean(self.type) or pa.types.is_integer(self.type) or pa.types.is_floating(self.type)
        return self.type if scalar else pa.utf8()


def converted(
    column: pa.Array, kind: Kind, stored: pa.DataType, *, commas: bool = False
) -> tuple[pa.Array, np.ndarray]:
    """The values as the pool stores them, and `(n,)` bool: where there is one. Missing is NaN or null. `commas`: whether
    numbers have decimal commas."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if kind == "embedding":
        rows, good = unit(column, stored.list_size)
        return fixed_list(rows), good
    if kind == "score":
        numbers = _numbers(pc.replace_substring(column, ",", ".") if commas else column)
        numbers[~np.isfinite(numbers)] = np.nan
        return pa.array(numbers), ~np.isnan(numbers)
    converted = _truth(column) if kind == "flag" else _plain(column, stored)
    return converted, converted.is_valid().to_numpy(zero_copy_only=False)


def _numbers(column: pa.Array) -> np.ndarray:
    """`(n,)` float32, NaN where there is no number."""
    if pa.types.is_string(column.type):
        with np.errstate(over="ignore"):
            return np.array([_number(text) for text in column.to_pylist()], dtype=np.float64).astype(np.float32)
    try:
        return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float32)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(
            f"values of type {column.type} are no numbers, which a score is; choose another --kind."
        ) from None


def _number(text: str | None) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        return float("nan")


def _truth(column: pa.Array) -> pa.Array:
    if pa.types.is_boolean(column.type):
        return column
    if pa.types.is_string(column.type):
        values: list[Any] = [None if text is None else text.strip().lower() for text in column.to_pylist()]
        return pa.array([True if v in TRUE else False if v in FALSE else None for v in values], pa.bool_())
    numbers = _numbers(column)
    return pa.array(numbers == 1, mask=(numbers != 0) & (numbers != 1))


def _plain(column: pa.Array, stored: pa.DataType) -> pa.Array:
    if pa.types.is_string(column.type) and not pa.types.is_string(stored):
        column = pc.if_else(pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(column)), pa.array(_NONE)), None, column)
    try:
        return column.cast(stored)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(f"values of type {column.type} can't be kept; convert them to text or numbers.") from None


def as_kind(text: str | None) -> Kind | None:
    """A kind as an option names it. Raises InputError for another word."""
    if text is not None and text not in KINDS:
        raise InputError(f"--kind {text!r} is not known; choose {', '.join(KINDS)}.")
    return cast("Kind | None", text)


def unread(column: pa.Array, good: np.ndarray) -> int:
    """How many texts say something else than what is `good`, `(n,)` bool, or that there is nothing."""
    if not pa.types.is_string(column.type):
        return 0
    filled = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(column), ""), False)
    none = pc.fill_null(pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(column)), pa.array(NOTHING)), False)
    return int(np.count_nonzero(pc.and_not(filled, none).to_numpy(zero_copy_only=False) & ~good))


def _matches(given: pa.Array, pattern: str) -> pa.Array:
    return pc.match_substring_regex(given, pattern)


def _all(given: pa.Array, pattern: str) -> bool:
    return bool(pc.all(_matches(given, pattern)).as_py())


_NONE = tuple(word for word in NOTHING if word != "nan")  # which is a number here
_SCORE = r"(?i)^\s*([+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?|nan)\s*$"
_COMMA = r"(?i)^\s*([+-]?(0|[1-9][0-9]*)(,[0-9]+)?(e[+-]?[0-9]+)?|nan)\s*$"
_THOUSANDS = r"^\s*[+-]?(0|[1-9][0-9]*|[1-9][0-9]{0,2},[0-9]{3})\s*$"
_NUMBER = r"(?i)^\s*[+-]?([0-9]+(~[0-9]*)?|~[0-9]+)(e[+-]?[0-9]+)?\s*$"
_TESTS = {
    "flag": lambda given: _all(given, r"(?i)^\s*(true|false|0|1)\s*$"),
    "int": lambda given: _all(given, r"^(0|-?[1-9][0-9]{0,17})$"),  # 0007 is text
    "score": lambda given: _all(given, _SCORE),
    "comma": lambda given: _all(given, _COMMA),
    "vector": lambda given: _all(given, r"^\s*\[[-+0-9.eE,\s]*\]\s*$"),
}  # fmt: skip

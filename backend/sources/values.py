"""Values computed elsewhere, as columns of a pool: scores, flags, embeddings or metadata, by their type or as asked."""

from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError
from ..pool.columns import fixed_list
from .vectors import dimension, is_vector, unit

Kind = Literal["score", "flag", "embedding", "metadata"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


@dataclass
class Guess:
    """What a column's values can be, learnt batch by batch: text that is always a number or a truth value is one."""

    type: pa.DataType
    text: bool = False
    dim: int | None = None
    _could: list[str] = field(default_factory=lambda: ["flag", "int", "score", "vector"])
    _any: bool = False

    def add(self, column: pa.Array) -> None:
        if self.dim is None and is_vector(self.type):
            self.dim = dimension(column)
        given = column.drop_null() if self.text else column[:0]
        if not len(given):
            return
        self._any = True
        self._could = [name for name in self._could if _TESTS[name](given)]
        if self.dim is None and "vector" in self._could:
            self.dim = dimension(given)

    def kind(self) -> Kind:
        """The kind that the type tells, or that all the text allows."""
        if is_vector(self.type) or (self._any and self._could == ["vector"]):
            return "embedding"
        if pa.types.is_boolean(self.type) or (self._any and "flag" in self._could and "int" not in self._could):
            return "flag"
        if pa.types.is_floating(self.type) or (self._any and "score" in self._could and "int" not in self._could):
            return "score"
        return "metadata"

    def stored(self, kind: Kind) -> pa.DataType:
        """The type in the pool. Raises InputError where the values can't be of that kind."""
        if kind == "embedding":
            if not self.dim:
                raise InputError("the vectors are empty, or there are none; an embedding is a list of numbers.")
            return pa.list_(pa.float16(), self.dim)
        if kind != "metadata":
            return pa.float32() if kind == "score" else pa.bool_()
        if self._any and "int" in self._could:
            return pa.int64()
        scalar = pa.types.is_boolean(self.type) or pa.types.is_integer(self.type) or pa.types.is_floating(self.type)
        return self.type if scalar else pa.utf8()


def converted(column: pa.Array, kind: Kind, stored: pa.DataType) -> tuple[pa.Array, np.ndarray]:
    """The values as the pool stores them, and `(n,)` bool: where there is one. Missing is NaN or null."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if kind == "embedding":
        rows, good = unit(column, stored.list_size)
        return fixed_list(rows), good
    if kind == "score":
        numbers = _numbers(column)
        numbers[~np.isfinite(numbers)] = np.nan
        return pa.array(numbers), ~np.isnan(numbers)
    converted = _truth(column) if kind == "flag" else _plain(column, stored)
    return converted, converted.is_valid().to_numpy(zero_copy_only=False)


def _numbers(column: pa.Array) -> np.ndarray:
    """`(n,)` float32, NaN where there is no number."""
    if pa.types.is_string(column.type):
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
    try:
        return column.cast(stored)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(f"values of type {column.type} can't be kept; convert them to text or numbers.") from None


def as_kind(text: str | None) -> Kind | None:
    """A kind as an option names it. Raises InputError for another word."""
    if text is not None and text not in KINDS:
        raise InputError(f"--kind {text!r} is not known; choose {', '.join(KINDS)}.")
    return cast("Kind | None", text)


def _all(given: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(given, pattern)).as_py())


_TESTS = {
    "flag": lambda given: _all(given, r"(?i)^\s*(true|false|0|1)\s*$"),
    "int": lambda given: _all(given, r"^(0|-?[1-9][0-9]{0,17})$"),  # 0007 is text
    "score": lambda given: _all(given, r"(?i)^\s*([+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?|nan)\s*$"),
    "vector": lambda given: _all(given, r"^\s*\[[-+0-9.eE,\s]*\]\s*$"),
}  # fmt: skip

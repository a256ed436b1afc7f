"""The rule on a score: a top fraction or thresholds, and the exact numbers of both."""

from decimal import Decimal, InvalidOperation
from typing import Literal

from pydantic import model_validator

from ..errors import InputError
from ..pool import Pool
from .kinds import AnyKind, Parted, View, Witness, check_number

Mode = Literal["top", "top_kept", "min", "max", "between"]


class ScoreRule(AnyKind):
    """A condition on one score: exactly one of `top`, `between`, or `min`/`max` (inclusive)."""

    KIND = COLUMN = "score"

    score: str
    top: float | None = None
    of: Literal["pool", "kept"] = "pool"
    ties: Literal["uid", "all"] = "uid"
    min: float | None = None
    max: float | None = None
    between: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> "ScoreRule":
        limits = (self.top is not None) + (self.between is not None) + (self.min is not None or self.max is not None)
        if limits != 1:
            raise ValueError(f"the rule on {self.score!r} needs exactly one of top, min/max, between")
        if self.top is not None and not 0 <= self.top <= 1:
            raise ValueError(f"top is {self.top}; it is a fraction from 0 to 1")
        if self.top is None and (self.of != "pool" or self.ties != "uid"):
            raise ValueError("of and ties belong to top")
        if self.between and not self.between[0] <= self.between[1]:
            raise ValueError(f"between is {list(self.between)}; write the smaller number first")
        if any(value is not None and value != value for value in (self.min, self.max, *(self.between or ()))):
            raise ValueError("a threshold can't be NaN")
        return self

    def words(self) -> str:
        if self.top is not None:
            of, ties = " of kept" if self.of == "kept" else "", " with ties" if self.ties == "all" else ""
            return f"{self.score} top {percent(self.top)}{of}{ties}"
        if self.between:
            return f"{self.score} {self.between[0]:g} to {self.between[1]:g}"
        low = f" ≥ {self.min:g}" if self.min is not None else ""
        high = f" ≤ {self.max:g}" if self.max is not None else ""
        return f"{self.score}{low}{high}"

    def check(self, pool: Pool) -> None:
        check_number(pool, self.score)

    def part(self, view: View) -> Parted:
        return view.score(self)

    def missed(self, pair: Witness) -> str:
        return pair.score(self)

    @property
    def mode(self) -> Mode:
        """The form of the rule, as a screen names it."""
        if self.top is not None:
            return "top_kept" if self.of == "kept" else "top"
        if self.between or (self.min is not None and self.max is not None):
            return "between"
        return "min" if self.min is not None else "max"

    def bounds(self) -> tuple[float | None, float | None]:
        """The inclusive thresholds of `min`, `max` and `between`."""
        return self.between or (self.min, self.max)

    def quota(self, pairs: int, left: int) -> int | None:
        """How many pairs `top` asks for: of the pool of `pairs`, or of the `left` ones with `of: kept`; None without it.

        With `ties: all`, DataComp's rule, it is one more, and as many as tie with the last one.
        """
        if self.top is None:
            return None
        total = left if self.of == "kept" else pairs
        return int(total * self.top) if self.ties == "all" else exact_count(self.top, total)


def percent(fraction: float) -> str:
    return f"{fraction * 100:.4f}".rstrip("0").rstrip(".") + " %"


def exact_count(fraction: float, total: int) -> int:
    """`floor(f·N)` with f read as the decimal that it is written as: `exact_count(0.29, 100)` is 29."""
    try:
        return int(Decimal(repr(float(fraction))) * total)
    except InvalidOperation:
        raise InputError(f"top is {fraction}; it is a fraction from 0 to 1.") from None


def fraction_for(count: int, total: int) -> float:
    """The shortest decimal f with floor(f·total) = count, so that `top: f` keeps exactly `count` pairs."""
    if total <= 0 or count <= 0:
        return 0.0
    if count >= total:
        return 1.0
    for digits in range(2, 13):
        f = -(-count * 10**digits // total) / 10**digits
        if f <= 1 and exact_count(f, total) == count:
            return f
    return count / total

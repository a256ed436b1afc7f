"""What every kind of rule has: a label, its parts, a switch, and what it does to the pairs that it sees."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from ..errors import InputError
from ..pool import Pool
from .columns import PoolColumns


def check_number(pool: Pool, name: str) -> None:
    """InputError unless the column is a score, or metadata of one number a pair."""
    import pyarrow as pa

    if pool.require(name).kind not in ("score", "metadata"):
        pool.require(name, "score")
    kind = pool.schema.field(name).type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        hint = f"write {{flag: {name}}} for a flag" if pa.types.is_boolean(kind) else "name a column of numbers"
        raise InputError(f"{name!r} is not a score but {kind}; {hint}.")


class Parted(NamedTuple):
    """What a rule does: the mask that it keeps, the one that it drops, made when asked for, and its threshold.

    Masks are `(n,)` bool or packed words, see `View`. A pair in neither has no score, and no rule keeps it.
    `copies` `(n,)` uint32 is how often the rule wants each pair that it keeps, None for once.
    """

    kept: np.ndarray
    dropped: Callable[[], np.ndarray]
    threshold: float | None = None
    copies: np.ndarray | None = None


class Taken(NamedTuple):
    """What a rule takes of the pairs that are left, together: `kept` and `possible` `(n,)` bool, those that it keeps and
    those that it could have kept, and `copies` `(n,)` uint32, None for once each."""

    kept: np.ndarray
    possible: np.ndarray
    copies: np.ndarray | None = None


class View(Protocol):
    """The pairs that a rule sees. Every engine of selection is one, with masks of its own kind."""

    def score(self, rule: Any) -> Parted: ...
    def mask(self, rule: "MaskRule") -> Parted: ...
    def together(self, rule: "SurvivorRule") -> Parted: ...


class Witness(Protocol):
    """One pair that a rule dropped, and what can be said of it, in words; empty where there is nothing to say."""

    def score(self, rule: Any) -> str: ...
    def flag(self, name: str) -> str: ...
    def values(self, condition: str) -> str: ...
    def unscored(self, rule: "AnyKind") -> bool: ...
    def each(self, rules: "tuple[Any, ...]") -> str: ...


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=())


class AnyKind(Strict):
    """What every rule has: a label, the rules inside it, and a switch."""

    KIND: ClassVar[str] = ""  # how a screen names the kind
    COLUMN: ClassVar[str] = ""  # its word that names a score or flag column, if it has one
    INSIDE: ClassVar[str] = ""  # its word that holds the rules inside it, if it has one

    off: bool = False

    @property
    def parts(self) -> "tuple[Any, ...]":
        """The rules inside it."""
        inside = getattr(self, self.INSIDE) if self.INSIDE else ()
        return inside if isinstance(inside, tuple) else (inside,)

    @property
    def on(self) -> bool:
        """False for a rule that is switched off, or whose parts all are: it is as if it weren't there."""
        return not self.off and (not self.parts or any(part.on for part in self.parts))

    @property
    def active(self) -> "tuple[Any, ...]":
        """The rules inside it that are on."""
        return tuple(part for part in self.parts if part.on)

    def leaves(self) -> "Iterator[AnyKind]":
        """The rules without parts in it, itself if it is one, that are on."""
        if self.on:
            yield from (leaf for part in self.parts for leaf in part.leaves()) if self.parts else (self,)

    def label(self) -> str:
        return self.words() + (" (off)" if self.off else "")

    def words(self) -> str:
        """The label of the rule as if it were on."""
        raise NotImplementedError

    def subjects(self) -> tuple[str, ...]:
        """What the rule is about, as names to show."""
        return tuple(self.columns()) or tuple(part.label() for part in self.parts)

    def columns(self) -> set[str]:
        """The score and flag columns that the rule itself names."""
        return {getattr(self, self.COLUMN)} if self.COLUMN else set()

    def check(self, pool: Pool) -> None:
        """InputError for a column that the pool lacks or that is of the wrong kind."""

    def part(self, view: View) -> Parted:
        """What the rule keeps and drops of what the view shows."""
        raise NotImplementedError

    def missed(self, pair: Witness) -> str:
        """By what the pair missed the rule."""
        raise NotImplementedError


class MaskRule(AnyKind):
    """A rule that is True or False for each pair, whatever the rules before it keep."""

    def read(self, columns: PoolColumns) -> np.ndarray:
        """`(n,)` bool, True = KEPT."""
        raise NotImplementedError

    def copies(self, columns: PoolColumns) -> np.ndarray | None:
        """`(n,)` uint32: how often the rule wants each pair that it keeps; None for once."""
        return None

    def part(self, view: View) -> Parted:
        return view.mask(self)


class SurvivorRule(AnyKind):
    """A rule for which it matters which pairs are left, as when they are drawn, or compared with each other."""

    def take(self, columns: PoolColumns, alive: np.ndarray) -> Taken:
        """What it takes of the pairs `alive` `(n,)` bool."""
        raise NotImplementedError

    def part(self, view: View) -> Parted:
        return view.together(self)

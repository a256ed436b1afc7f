"""The grammar of recipes: every kind of rule, and the recipe. A new kind is one class here and one line in `Rule`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from ..pool import Pool
from .caption_rule import CaptionRule
from .columns import PoolColumns
from .kinds import AnyKind, MaskRule, Parted, Strict, View, Witness
from .sample_rule import SampleRule
from .score_rule import ScoreRule, exact_count, percent

__all__ = [
    "KEYS", "AllRule", "AnyKind", "AnyRule", "CaptionRule", "FlagRule", "MaskRule", "NotRule", "Recipe", "Rule", "SampleRule",
    "ScoreRule", "SubsetRule", "TagRule", "WhereRule", "exact_count", "percent",
]  # fmt: skip

KEYS = ("score", "flag", "subset", "tag", "caption", "sample", "where", "any", "all", "not")


class FlagRule(MaskRule):
    """Keeps the pairs whose flag is True."""

    KIND = COLUMN = "flag"

    flag: str

    def words(self) -> str:
        return self.flag

    def check(self, pool: Pool) -> None:
        pool.require(self.flag, "flag")

    def read(self, columns: PoolColumns) -> np.ndarray:
        return columns.array(self.flag)

    def missed(self, pair: Witness) -> str:
        return pair.flag(self.flag)


class SubsetRule(MaskRule):
    """Keeps the uids of a subset file, each as often as the file names it."""

    KIND = "subset file"

    subset: str

    def words(self) -> str:
        return f"in {Path(self.subset).name}"

    def read(self, columns: PoolColumns) -> np.ndarray:
        return columns.subset(self.subset)

    def copies(self, columns: PoolColumns) -> np.ndarray | None:
        return columns.repeats(self.subset)

    def missed(self, pair: Witness) -> str:
        return "its uid is not in the file"


class TagRule(MaskRule):
    """Keeps the pairs that carry a tag: a named set made by hand and kept with the pool."""

    KIND = "tag"

    tag: str

    def words(self) -> str:
        return f"tagged {self.tag}"

    def subjects(self) -> tuple[str, ...]:
        return (self.tag,)

    def read(self, columns: PoolColumns) -> np.ndarray:
        return columns.tag(self.tag)

    def missed(self, pair: Witness) -> str:
        return "it doesn't carry the tag"


class WhereRule(MaskRule):
    """Keeps the pairs for which an SQL condition on columns holds."""

    KIND = "condition"

    where: str

    def words(self) -> str:
        return self.where

    def read(self, columns: PoolColumns) -> np.ndarray:
        return columns.where(self.where)

    def missed(self, pair: Witness) -> str:
        return pair.values(self.where)


class _Around(AnyKind):
    """A rule around others, of which none may draw: neither a union nor a difference says how often."""

    @model_validator(mode="after")
    def _nothing_drawn(self) -> "_Around":
        if any(isinstance(part, SampleRule) for part in self.parts):
            raise ValueError("sample is a rule of its own; it can't be inside any, all or not")
        return self


class _Joined(_Around):
    """Several rules as one; all of them see the same pairs."""

    WORD: ClassVar[str]
    KEPT: ClassVar[np.ufunc]
    DROPPED: ClassVar[np.ufunc]

    def words(self) -> str:
        return f" {self.WORD} ".join(_inner(rule) for rule in self.parts)

    def part(self, view: View) -> Parted:
        inner = [rule.part(view) for rule in self.active]
        kept = self.KEPT.reduce([one.kept for one in inner])
        return Parted(kept, lambda: self.DROPPED.reduce([one.dropped() for one in inner]))

    def missed(self, pair: Witness) -> str:
        return pair.each(self.active)


class AnyRule(_Joined):
    """Union: keeps what at least one of the rules keeps."""

    KIND, INSIDE, WORD, KEPT, DROPPED = "any of", "any", "or", np.bitwise_or, np.bitwise_and

    any: tuple["Rule", ...] = Field(min_length=1)


class AllRule(_Joined):
    """Intersection: keeps what each of the rules keeps."""

    KIND, INSIDE, WORD, KEPT, DROPPED = "all of", "all", "and", np.bitwise_and, np.bitwise_or

    all: tuple["Rule", ...] = Field(min_length=1)


class NotRule(_Around):
    """Difference: keeps what the rule drops; a pair without a score is never kept."""

    KIND, INSIDE = "not", "not_"

    not_: "Rule" = Field(alias="not")

    def words(self) -> str:
        return f"not {_inner(self.not_)}"

    def part(self, view: View) -> Parted:
        inner = self.not_.part(view)
        return Parted(inner.dropped(), lambda: inner.kept)

    def missed(self, pair: Witness) -> str:
        return "it has no score" if pair.unscored(self.not_) else f"{self.not_.label()} holds for it"


def _tag(value: Any) -> str | None:
    """The one word of the grammar that says which kind of rule it is."""
    has = value.__contains__ if isinstance(value, dict) else lambda key: hasattr(value, "not_" if key == "not" else key)
    keys = [key for key in KEYS if has(key)]
    return keys[0] if len(keys) == 1 else None


Rule = Annotated[
    Annotated[ScoreRule, Tag("score")]
    | Annotated[FlagRule, Tag("flag")]
    | Annotated[SubsetRule, Tag("subset")]
    | Annotated[TagRule, Tag("tag")]
    | Annotated[CaptionRule, Tag("caption")]
    | Annotated[SampleRule, Tag("sample")]
    | Annotated[WhereRule, Tag("where")]
    | Annotated[AnyRule, Tag("any")]
    | Annotated[AllRule, Tag("all")]
    | Annotated[NotRule, Tag("not")],
    Discriminator(
        _tag, custom_error_type="rule", custom_error_message=f"a rule names exactly one of {', '.join(KEYS)}"
    ),
]


class Recipe(Strict):
    """An ordered list of rules with a name; `scores` says how columns are made that a pool lacks."""

    name: str = "untitled"
    scores: dict[str, dict[str, Any]] = Field(default_factory=dict)
    keep: tuple[Rule, ...] = ()
    note: str = ""
    published: str = ""

    @property
    def active(self) -> tuple[Rule, ...]:
        """The rules that are on."""
        return tuple(rule for rule in self.keep if rule.on)

    def leaves(self) -> Iterator[AnyKind]:
        """The rules without parts that are on, nested ones too."""
        for rule in self.keep:
            yield from rule.leaves()

    def columns(self) -> set[str]:
        """The score and flag columns that the rules name; those of rules that are off don't count."""
        return {name for rule in self.leaves() for name in rule.columns()}

    def check(self, pool: Pool) -> None:
        """InputError unless the pool has every column that the rules name, and of the right kind."""
        for rule in self.leaves():
            rule.check(pool)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, without what is at its default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"name": self.name}


for _model in (AnyRule, AllRule, NotRule, Recipe):
    _model.model_rebuild()


def _inner(rule: Rule) -> str:
    return f"({rule.label()})" if len(rule.parts) > 1 else rule.label()

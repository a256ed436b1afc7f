"""The grammar of recipes: what a rule may say, read from and written as YAML."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from ..errors import InputError

KEYS = ("score", "flag", "subset", "where", "any", "all", "not")
LARGEST = 1_000_000
DEEPEST = 20


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=())


class ScoreRule(_Strict):
    """A condition on one score: exactly one of `top`, `between`, or `min`/`max` (inclusive)."""

    score: str
    top: float | None = None
    of: Literal["pool", "kept"] = "pool"
    ties: Literal["uid", "all"] = "uid"
    min: float | None = None
    max: float | None = None
    between: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> "ScoreRule":
        said = (self.top is not None) + (self.between is not None) + (self.min is not None or self.max is not None)
        if said != 1:
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

    def label(self) -> str:
        if self.top is not None:
            return f"{self.score} top {percent(self.top)}{' of kept' if self.of == 'kept' else ''}{' with ties' if self.ties == 'all' else ''}"
        if self.between:
            return f"{self.score} {self.between[0]:g} to {self.between[1]:g}"
        low = f" ≥ {self.min:g}" if self.min is not None else ""
        high = f" ≤ {self.max:g}" if self.max is not None else ""
        return f"{self.score}{low}{high}"

    def bounds(self) -> tuple[float | None, float | None]:
        """The inclusive thresholds of `min`, `max` and `between`."""
        return self.between or (self.min, self.max)


class FlagRule(_Strict):
    """Keeps the pairs whose flag is True."""

    flag: str

    def label(self) -> str:
        return self.flag


class SubsetRule(_Strict):
    """Keeps the uids of a subset file."""

    subset: str

    def label(self) -> str:
        return f"in {Path(self.subset).name}"


class WhereRule(_Strict):
    """Keeps the pairs for which an SQL condition on columns holds."""

    where: str

    def label(self) -> str:
        return self.where


class AnyRule(_Strict):
    """Union: keeps what at least one of the rules keeps."""

    any: tuple["Rule", ...] = Field(min_length=1)

    def label(self) -> str:
        return " or ".join(_inner(rule) for rule in self.any)


class AllRule(_Strict):
    """Intersection: keeps what each of the rules keeps; all of them see the same pairs."""

    all: tuple["Rule", ...] = Field(min_length=1)

    def label(self) -> str:
        return " and ".join(_inner(rule) for rule in self.all)


class NotRule(_Strict):
    """Difference: keeps what the rule drops; a pair without a score is never kept."""

    not_: "Rule" = Field(alias="not")

    def label(self) -> str:
        return f"not {_inner(self.not_)}"


def _tag(value: Any) -> str | None:
    if isinstance(value, dict):
        found = [key for key in KEYS if key in value]
        return found[0] if len(found) == 1 else None
    return next((key for key in KEYS if hasattr(value, "not_" if key == "not" else key)), None)


Rule = Annotated[
    Annotated[ScoreRule, Tag("score")]
    | Annotated[FlagRule, Tag("flag")]
    | Annotated[SubsetRule, Tag("subset")]
    | Annotated[WhereRule, Tag("where")]
    | Annotated[AnyRule, Tag("any")]
    | Annotated[AllRule, Tag("all")]
    | Annotated[NotRule, Tag("not")],
    Discriminator(
        _tag,
        custom_error_type="rule",
        custom_error_message="a rule names exactly one of score, flag, subset, where, any, all, not",
    ),
]


class Recipe(_Strict):
    """An ordered list of rules with a name; `scores` says how columns are made that a pool lacks."""

    name: str = "untitled"
    scores: dict[str, dict[str, Any]] = Field(default_factory=dict)
    keep: tuple[Rule, ...] = ()
    note: str = ""
    published: str = ""

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self.keep

    def columns(self) -> set[str]:
        """The score and flag columns that the rules name."""
        return {
            rule.score if isinstance(rule, ScoreRule) else rule.flag
            for rule in flat(self.keep)
            if isinstance(rule, (ScoreRule, FlagRule))
        }

    def as_dict(self) -> dict[str, Any]:
        """Plain data, without what is at its default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"name": self.name}


for _model in (AnyRule, AllRule, NotRule, Recipe):
    _model.model_rebuild()


def flat(rules: tuple[Rule, ...]) -> Iterator[Rule]:
    """All rules, nested ones too."""
    for rule in rules:
        yield rule
        if isinstance(rule, AnyRule):
            yield from flat(rule.any)
        elif isinstance(rule, AllRule):
            yield from flat(rule.all)
        elif isinstance(rule, NotRule):
            yield from flat((rule.not_,))


def load(source: str | Path | dict[str, Any]) -> Recipe:
    """A recipe from a YAML file, YAML text or plain data.

    Raises InputError, one line, for what can't be read: a missing file, broken YAML, an unknown word, a value out of range.
    """
    if isinstance(source, dict):
        return _validate(source, "recipe")
    named = str(source)
    is_path = isinstance(source, Path) or ("\n" not in named and ":" not in named) or named.endswith((".yaml", ".yml"))
    if is_path:
        path = Path(source)
        if not path.is_file():
            raise InputError(f"no recipe file {named!r}; give the path of a .yaml file.")
        if path.stat().st_size > LARGEST:
            raise InputError(f"{named!r} is larger than {LARGEST:,} bytes; a recipe is a short list of rules.")
        try:
            text = path.read_text()
        except (UnicodeDecodeError, OSError):
            raise InputError(f"{named!r} is not a text file; give the path of a .yaml file.") from None
    else:
        text = named
    return _validate(_parse(text), named if is_path else "recipe")


def dump(recipe: Recipe) -> str:
    """The recipe as YAML; `load(dump(recipe)) == recipe`."""
    return yaml.safe_dump(recipe.as_dict(), sort_keys=False, allow_unicode=True, width=100)


def percent(fraction: float) -> str:
    return f"{fraction * 100:.4f}".rstrip("0").rstrip(".") + " %"


def exact_count(fraction: float, total: int) -> int:
    """`floor(f·N)` with f read as the decimal that it is written as: `exact_count(0.29, 100)` is 29."""
    try:
        return int(Decimal(repr(float(fraction))) * total)
    except InvalidOperation:
        raise InputError(f"top is {fraction}; it is a fraction from 0 to 1.") from None


def _parse(text: str) -> Any:
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
                raise InputError(f"the recipe uses YAML aliases or more than {DEEPEST} levels; write the rules out.")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"the recipe is not YAML: {error}; see the README for an example.") from None


def _validate(content: Any, named: str) -> Recipe:
    if not isinstance(content, dict):
        raise InputError(
            f"{named[:80]!r} holds no recipe: it needs `name:` and `keep:`; see the README for an example."
        )
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part not in KEYS) or "recipe"
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            reason = f"{first['loc'][-1]!r} is not a word of the grammar"
        raise InputError(f"{named[:80]}: {place}: {reason}; see the grammar of recipes in assets/docs/guide.md.") from None


def _inner(rule: Rule) -> str:
    return f"({rule.label()})" if isinstance(rule, (AnyRule, AllRule)) else rule.label()

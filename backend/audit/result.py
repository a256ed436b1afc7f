"""What an audit finds: one row of figures per group, with small counts taken out, and all of it as JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..recipe import Selection
from ..versions import __version__
from .amplification import Slope, flagged
from .group import Definition
from .headline import Headline
from .measure import SMALLEST, Measures
from .stages import contributions, stages
from .stratified import Pooled

SAFEGUARDS = (
    "Groups are what captions mention, what sites and columns say, or what a rule or model detects; never what people are.",
    f"Counts under {SMALLEST} are not shown, and groups below the minimum are left out.",
    "Lexicons and two-way splits under-cover: who is not named is in no group. False positives can be read and pruned on the "
    "Audit page; a pruned lexicon is printed in the report.",
    "No face or person is judged by a model here; face boxes are those that came with the pool.",
    "A difference is an association with the rules of this recipe on this pool, not its cause: see the figures within strata.",
    "q values hold the false discovery rate over the groups shown, which overlap and are not independent.",
)


FIGURES = ("rate", "low", "high", "lift", "lift_low", "lift_high", "odds_ratio", "odds_low", "odds_high", "p", "q")


@dataclass(frozen=True)
class Row:
    """One group's figures. `kept` is None when it is 1 to 9; then rate and ratios are None, and `rate_below` bounds it."""

    definition: Definition
    n: int
    kept: int | None
    rate: float | None
    low: float | None
    high: float | None
    lift: float | None
    lift_low: float | None
    lift_high: float | None
    odds_ratio: float | None
    odds_low: float | None
    odds_high: float | None
    p: float | None
    q: float | None
    share_before: float
    share_after: float | None
    drawn: int | None = None
    rate_below: float | None = None
    adjusted: float | None = None
    adjusted_low: float | None = None
    adjusted_high: float | None = None
    adjusted_p: float | None = None
    amplified: bool | None = None
    reference: float | None = None
    rates_by_rule: tuple[float | None, ...] = ()
    ln_lift_by_rule: tuple[float | None, ...] = ()

    def as_json(self) -> dict[str, Any]:
        figures = {key: value for key, value in vars(self).items() if key != "definition"}
        about = self.definition
        return {"family": about.family, "group": about.group, "id": about.id, "title": about.title, **figures,
                "suppressed": self.kept is None}  # fmt: skip


@dataclass(frozen=True)
class Audit:
    """What a recipe does to the groups of a pool; `lexicons` are those that were pruned or edited for it, as YAML."""

    pool: str
    pool_version: int
    recipe: dict[str, Any]
    pairs: int
    kept: int
    drawn: int
    rows: tuple[Row, ...]
    minimum: int
    left_out: int
    strata: str | None
    rules: tuple[dict[str, Any], ...]
    slopes: Mapping[str, Slope]
    headline: Headline
    definitions: tuple[Definition, ...] = field(default=())
    lexicons: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The shape of DESIGN 8 and more; no NaN and no count under 10."""
        return {
            "pairs": self.pairs, "kept": self.kept, "drawn": self.drawn, "groups": [row.as_json() for row in self.rows],
            "headline": self.headline.text, "pool": self.pool, "pool_version": self.pool_version, "recipe": self.recipe,
            "rules": list(self.rules), "minimum": self.minimum, "groups_left_out": self.left_out, "strata": self.strata,
            "slopes": {family: slope.as_json() for family, slope in self.slopes.items()},
            "definitions": [definition.as_json() for definition in self.definitions], "lexicons": dict(self.lexicons),
            "safeguards": list(SAFEGUARDS), "poolscope": __version__,
        }  # fmt: skip


def rows(
    measures: Measures, selection: Selection, *, pooled: Pooled | None = None, expected: np.ndarray | None = None
) -> list[Row]:
    """The measures as rows, small counts taken out."""
    after = stages(measures.groups, selection)
    steps = contributions(after)
    flags = flagged(measures.n, measures.pairs, measures.lift_high, expected) if expected is not None else None
    shares, hidden = measures.share_after, measures.small
    listed = []
    for place, definition in enumerate(measures.groups.definitions):
        n = int(measures.n[place])
        small = bool(hidden[place])

        def value(array: np.ndarray, place: int = place, small: bool = small) -> float | None:
            return None if small else _finite(array[place])

        listed.append(
            Row(
                definition, n, None if small else int(measures.kept[place]),
                **{name: value(getattr(measures, name)) for name in FIGURES},
                share_before=n / max(measures.pairs, 1),
                share_after=value(shares),
                drawn=None if small or measures.drawn is None else int(measures.drawn[place]),
                rate_below=SMALLEST / n if small else None,
                adjusted=value(pooled.odds_ratio) if pooled else None,
                adjusted_low=value(pooled.low) if pooled else None,
                adjusted_high=value(pooled.high) if pooled else None,
                adjusted_p=value(pooled.p) if pooled else None,
                amplified=bool(flags[place]) if flags is not None and expected is not None and not math.isnan(expected[place]) else None,
                reference=_finite(expected[place]) if expected is not None else None,
                rates_by_rule=tuple(None if one.small[place] else _finite(one.rate[place]) for one in after),
                ln_lift_by_rule=tuple(None if small else _finite(step[place]) for step in steps),
            )
        )  # fmt: skip
    return listed


def _finite(value: float) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None

"""The audit of a selection: whom it keeps, group by group, with controls and safeguards."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import __version__
from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from ..recipe import Recipe, Selection, select
from .amplification import Slope, flagged, slope
from .group import Definition, Groups
from .headline import Headline, headline_of
from .lexicon import changed
from .measure import SMALLEST, Measures, measure
from .stages import contributions, stages
from .stratified import Pooled, mantel_haenszel

UNIFORM = "uniform"
SAFEGUARDS = (
    "Groups are what captions mention, what sites and columns say, or what a rule or model detects; never what people are.",
    f"Counts under {SMALLEST} are not shown, and groups below the minimum are left out.",
    "Lexicons and two-way splits under-cover: who is not named is in no group. False positives can be read and pruned on the "
    "Audit page; a pruned lexicon is printed in the report.",
    "No face or person is judged by a model here; face boxes are those that came with the pool.",
    "A difference is an association with the rules of this recipe on this pool, not its cause: see the figures within strata.",
    "q values hold the false discovery rate over the groups shown, which overlap and are not independent.",
)


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
        told = {key: value for key, value in vars(self).items() if key != "definition"}
        about = self.definition
        return {"family": about.family, "group": about.group, "id": about.id, "title": about.title, **told,
                "suppressed": self.kept is None}  # fmt: skip


@dataclass(frozen=True)
class Audit:
    """What a recipe does to the groups of a pool; `lexicons` are those that were pruned or edited for it, as YAML."""

    pool: str
    pool_version: int
    recipe: dict[str, Any]
    pairs: int
    kept: int
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
            "pairs": self.pairs, "kept": self.kept, "groups": [row.as_json() for row in self.rows],
            "headline": self.headline.text, "pool": self.pool, "pool_version": self.pool_version, "recipe": self.recipe,
            "rules": list(self.rules), "minimum": self.minimum, "groups_left_out": self.left_out, "strata": self.strata,
            "slopes": {family: found.as_json() for family, found in self.slopes.items()},
            "definitions": [definition.as_json() for definition in self.definitions], "lexicons": dict(self.lexicons),
            "safeguards": list(SAFEGUARDS), "poolscope": __version__,
        }  # fmt: skip


def audit(
    pool: Pool,
    recipe: Recipe | Selection,
    *,
    families: Iterable[str] | None = None,
    strata: str | None = None,
    minimum: int = 100,
    reference: Mapping[str, float] | str | None = None,
    groups: Groups | None = None,
    progress: Progress = silent,
) -> Audit:
    """Audits a recipe, or a selection made before, on `pool`.

    `families`: only these (default: all that are found unasked). `strata`: also the odds ratio within `language`,
    `domain`, `length` or a column (Mantel–Haenszel). `minimum`: the smallest group to show, at least 10. `reference`:
    the share of the pool that a group is expected to have, by group id, or "uniform" for equal shares in each family;
    with it, groups below their share that are also kept less are flagged. `groups`: use these instead of looking.
    Raises InputError for what the pool lacks.
    """
    from . import catalog

    if minimum < SMALLEST:
        raise InputError(f"minimum {minimum} is not allowed; groups of fewer than {SMALLEST} pairs are never shown.")
    selection = recipe if isinstance(recipe, Selection) else select(recipe, pool)
    if selection.pairs != len(pool):
        raise InputError(f"the selection is of {selection.pairs:,} pairs, the pool has {len(pool):,}; select again.")
    found = catalog.find(pool, families=families, progress=progress) if groups is None else groups.choose(families)
    shown = found.choose(minimum=minimum)
    measures = measure(shown, selection.mask)
    pooled = within(pool, shown, selection.mask, strata, progress) if strata else None
    expected = expected_shares(shown, reference)
    sources = {definition.source for definition in shown.definitions}
    return Audit(
        pool=pool.name,
        pool_version=pool.version,
        recipe=recipe.as_dict() if isinstance(recipe, Recipe) else {"name": "a selection"},
        pairs=selection.pairs,
        kept=selection.kept,
        rows=tuple(rows(measures, selection, pooled=pooled, expected=expected)),
        minimum=minimum,
        left_out=len(found) - len(shown),
        strata=strata,
        rules=tuple(count.as_json() for count in selection.counts),
        slopes=slopes(measures),
        headline=headline_of(measures),
        definitions=shown.definitions,
        lexicons={name: text for name, text in changed(pool).items() if f"lexicon-{name}" in sources},
    )


def rows(
    measures: Measures,
    selection: Selection | None = None,
    *,
    pooled: Pooled | None = None,
    expected: np.ndarray | None = None,
) -> list[Row]:
    """The measures as rows, small counts taken out."""
    after = stages(measures.groups, selection) if selection is not None else []
    steps = contributions(after)
    flags = (
        flagged(measures.kept, measures.n, measures.total_kept, measures.pairs, expected)
        if expected is not None
        else None
    )
    hidden = measures.small
    made = []
    for place, definition in enumerate(measures.groups.definitions):
        n = int(measures.n[place])
        small = bool(hidden[place])

        def value(array: np.ndarray, place: int = place, small: bool = small) -> float | None:
            return None if small else _finite(array[place])

        made.append(
            Row(
                definition, n, None if small else int(measures.kept[place]),
                value(measures.rate), value(measures.low), value(measures.high),
                value(measures.lift), value(measures.lift_low), value(measures.lift_high),
                value(measures.odds_ratio), value(measures.odds_low), value(measures.odds_high),
                value(measures.p), value(measures.q),
                share_before=n / max(measures.pairs, 1),
                share_after=None if small else _finite(measures.kept[place] / measures.total_kept if measures.total_kept else math.nan),
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
    return made


def within(pool: Pool, groups: Groups, mask: np.ndarray, name: str, progress: Progress = silent) -> Pooled:
    """The odds ratio of each group within the strata `name`, `(G,)` arrays."""
    from .strata import strata

    found = strata(pool, name, progress)
    return pooled_within(groups, mask, found.codes, len(found.names))


def pooled_within(groups: Groups, mask: np.ndarray, codes: np.ndarray, size: int) -> Pooled:
    """Mantel–Haenszel of each group over `size` strata; `codes` `(n,)` uint16."""
    from ..kernels import counts

    both = codes.astype(np.uint16) * 2 + mask
    table = counts.coded_counts(groups.bitmaps, both, 2 * size).reshape(len(groups), size, 2)
    whole = np.bincount(both, minlength=2 * size).reshape(size, 2)
    return mantel_haenszel(table[:, :, 1], table.sum(axis=2), whole[:, 1], whole.sum(axis=1))


def expected_shares(groups: Groups, reference: Mapping[str, float] | str | None) -> np.ndarray | None:
    """`(G,)` share of the pool that each group is expected to have; NaN where none is given."""
    if reference is None:
        return None
    expected = np.full(len(groups), math.nan)
    if reference == UNIFORM:
        family = np.array([definition.family for definition in groups.definitions])
        for name in groups.families:
            inside = family == name
            expected[inside] = groups.sizes[inside].sum() / inside.sum() / max(groups.pairs, 1)
        return expected
    if isinstance(reference, str):
        raise InputError(f"reference {reference!r} is not allowed; give {UNIFORM} or shares by group id.")
    for id, share in reference.items():
        if not 0 <= share <= 1:
            raise InputError(f"the reference share of {id!r} is {share}; it is a fraction from 0 to 1.")
        for place, definition in enumerate(groups.definitions):
            if definition.id == id:
                expected[place] = share
    return expected


def slopes(measures: Measures) -> dict[str, Slope]:
    """The slope of keep rate on group size in each family of three groups or more; none where nothing varies."""
    if measures.total_kept in (0, measures.pairs):
        return {}
    families = np.array([definition.family for definition in measures.groups.definitions])
    found = {}
    for family in measures.groups.families:
        inside = families == family
        made = slope(measures.kept[inside], measures.n[inside])
        if made is not None:
            found[family] = made
    return found


def _finite(value: float) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None

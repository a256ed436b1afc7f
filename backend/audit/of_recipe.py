"""The audit of a selection: whom it keeps, group by group, with controls and safeguards."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from ..recipe import Recipe, Selection, select
from .amplification import Slope, slope
from .group import Groups
from .headline import headline_of
from .lexicon import changed
from .measure import SMALLEST, Measures, measure
from .result import Audit, rows
from .stratified import Pooled, mantel_haenszel

UNIFORM = "uniform"


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
    from .strata import strata as layers_of

    if minimum < SMALLEST:
        raise InputError(f"minimum {minimum} is not allowed; groups of fewer than {SMALLEST} pairs are never shown.")
    selection = recipe if isinstance(recipe, Selection) else select(recipe, pool)
    if selection.pairs != len(pool):
        raise InputError(f"the selection is of {selection.pairs:,} pairs, the pool has {len(pool):,}; select again.")
    members = catalog.find(pool, families=families, progress=progress) if groups is None else groups.choose(families)
    shown = members.choose(minimum=minimum)
    measures = measure(shown, selection.mask, selection.copies)
    pooled = pooled_within(shown, selection.mask, *layers_of(pool, strata, progress)) if strata else None
    expected = expected_shares(shown, reference)
    sources = {definition.source for definition in shown.definitions}
    return Audit(
        pool=pool.name,
        pool_version=pool.version,
        recipe=recipe.as_dict() if isinstance(recipe, Recipe) else {"name": "a selection"},
        pairs=selection.pairs,
        kept=selection.kept,
        drawn=selection.drawn,
        rows=tuple(rows(measures, selection, pooled=pooled, expected=expected)),
        minimum=minimum,
        left_out=len(members) - len(shown),
        strata=strata,
        rules=tuple(count.as_json() for count in selection.counts),
        slopes={} if measures.total_kept in (0, measures.pairs) else lines(measures),
        headline=headline_of(measures),
        definitions=shown.definitions,
        lexicons={name: text for name, text in changed(pool).items() if f"lexicon-{name}" in sources},
    )


def pooled_within(groups: Groups, mask: np.ndarray, codes: np.ndarray, names: Sequence[str]) -> Pooled:
    """Mantel–Haenszel of each group over the strata `names`; `codes` `(n,)` uint16."""
    from ..kernels import counts

    size = len(names)
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


def lines(measures: Measures) -> dict[str, Slope]:
    """The slope of keep rate on group size in each family of three groups or more."""
    families = np.array([definition.family for definition in measures.groups.definitions])
    insides = {family: families == family for family in measures.groups.families}
    slopes = {family: slope(measures.kept[inside], measures.n[inside]) for family, inside in insides.items()}
    return {family: line for family, line in slopes.items() if line is not None}

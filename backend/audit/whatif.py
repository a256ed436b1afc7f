"""What if a group had its own threshold: what that does to rates and size, and the recipe that does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import files
from ..errors import InputError
from ..pool import Pool
from ..recipe import PoolColumns, Recipe, Selection, select_columns
from ..recipe.grammar import AllRule, AnyRule, FlagRule, NotRule, Rule, ScoreRule, SubsetRule
from .group import Groups

MOST_GROUPS = 40
OWN = "own thresholds"


@dataclass(frozen=True, eq=False)
class WhatIf:
    """`mask` `(n,)` True = KEPT by the rule alone among the pairs it saw; the thresholds that give it.

    `rest` is the threshold of everyone in none of the groups; `kept` counts the mask.
    """

    mask: np.ndarray
    thresholds: dict[str, float]
    rest: float
    kept: int


def own_thresholds(
    scores: np.ndarray,
    alive: np.ndarray,
    members: Mapping[str, np.ndarray],
    rates: Mapping[str, float],
    *,
    keep: int,
    same_size: bool = True,
) -> WhatIf:
    """Keeps `rates[g]` of the alive and scored pairs of each group by its own threshold on `scores`.

    `scores` `(n,)`, `alive` `(n,)` bool: the pairs that the rule sees; `members` by group id, `(n,)` bool, where a pair
    of two groups is kept if either keeps it. `keep`: pairs that the rule keeps now. With `same_size` the rest's threshold
    moves so that about as many are kept in all (ties can add some); else it stays where `keep` put it.
    """
    scored = alive & ~np.isnan(scores)
    mask = np.zeros(len(scores), dtype=bool)
    grouped = np.zeros(len(scores), dtype=bool)
    thresholds = {}
    for id, inside in members.items():
        rate = rates[id]
        if not 0 <= rate <= 1:
            raise InputError(f"the rate of {id!r} is {rate}; it is a fraction from 0 to 1.")
        own = inside & scored
        thresholds[id] = _threshold(scores[own], round(rate * int(own.sum())))
        mask |= own & (scores >= thresholds[id])
        grouped |= own
    others = scored & ~grouped
    room = max(0, keep - int(mask.sum()))
    rest = _threshold(scores[others], room) if same_size else _threshold(scores[scored], keep)
    mask |= others & (scores >= rest)
    return WhatIf(mask, thresholds, rest, int(mask.sum()))


def to_recipe(recipe: Recipe, index: int, whatif: WhatIf, groups: Groups, pool: Pool) -> Recipe:
    """The recipe with the rule at `index` replaced by one threshold per group; the groups are written as subset files
    to `<pool>/subsets`, so that the recipe stands on its own.

    Raises InputError if the rule is not on a score, or for too many groups.
    """
    rule = recipe.keep[index] if 0 <= index < len(recipe.keep) else None
    if not isinstance(rule, ScoreRule):
        raise InputError("own thresholds need a rule on one score; choose such a rule.")
    if not 0 < len(whatif.thresholds) <= MOST_GROUPS:
        raise InputError(f"{len(whatif.thresholds)} groups are not allowed; choose 1 to {MOST_GROUPS}.")
    inside: list[Rule] = [SubsetRule(subset=write_subset(id, groups, pool)) for id in whatif.thresholds]
    everyone_else = NotRule.model_validate({"not": AnyRule(any=tuple(inside))})
    parts = [
        AllRule(all=(members, ScoreRule(score=rule.score, min=_written(threshold))))
        for members, threshold in zip([*inside, everyone_else], [*whatif.thresholds.values(), whatif.rest])
    ]
    keep = (*recipe.keep[:index], AnyRule(any=tuple(parts)), *recipe.keep[index + 1 :])
    titles = ", ".join(groups.definitions[groups.index(id)].title for id in whatif.thresholds)
    note = f"own thresholds on {rule.score} for pairs that: {titles}"
    return recipe.model_copy(update={"name": f"{recipe.name}, own thresholds", "keep": keep, "note": note})


def outcome(recipe: Recipe, index: int, whatif: WhatIf, columns: PoolColumns) -> Selection:
    """What the recipe keeps with the rule at `index` replaced by `whatif`; nothing is written."""
    keep = (*recipe.keep[:index], FlagRule(flag=OWN), *recipe.keep[index + 1 :])
    with_mask: Any = _WithMask(columns, whatif.mask)
    return select_columns(recipe.model_copy(update={"keep": keep}), with_mask)


class _WithMask:
    """Columns with one more flag, `OWN`."""

    def __init__(self, columns: PoolColumns, mask: np.ndarray) -> None:
        self._columns, self._mask = columns, mask

    def __getattr__(self, name: str) -> Any:
        return getattr(self._columns, name)

    def array(self, name: str) -> np.ndarray:
        return self._mask if name == OWN else self._columns.array(name)


def write_subset(id: str, groups: Groups, pool: Pool) -> str:
    """Writes the uids of a group, sorted, to `<pool>/subsets/group-<id>.npy`; returns the file's name."""
    uids = np.sort(pool.uids()[groups.mask(id)])
    path = pool.path / "subsets" / f"group-{id}.npy"
    files.write_array(path, uids)
    return path.name


def seen_by(selection: Selection, index: int) -> np.ndarray:
    """`(n,)` bool: the pairs that the rule at `index` sees."""
    return (selection.dropped_by == 0) | (selection.dropped_by > index)


def _threshold(scores: np.ndarray, count: int) -> float:
    """The score of the `count`-th best, so that `scores >= it` keeps at least `count`; above all of them for 0."""
    if count <= 0 or not len(scores):
        return float(np.nextafter(scores.max(), np.float32(np.inf))) if len(scores) else 0.0
    if count >= len(scores):
        return float(scores.min())
    return float(np.partition(scores, len(scores) - count)[len(scores) - count])


def _written(threshold: float) -> float:
    """The shortest decimal that is the same float32, so that the recipe can be read."""
    return float(str(np.float32(threshold)))

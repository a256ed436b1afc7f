"""The recipe rule by rule: how many of each group are left after each rule, and what each rule adds to the lift."""

from dataclasses import replace

import numpy as np

from ..recipe import Selection
from .group import Groups
from .measure import Measures, measures_of
from .weighed import by_weight


def stages(groups: Groups, selection: Selection) -> list[Measures]:
    """The measures after each rule, in order; empty for a recipe without rules.

    From the last rule that says how often pairs are taken they are by weight, see `weighed`; before it by pairs.
    """
    after = []
    since = max((number for number, count in enumerate(selection.counts, start=1) if count.draws), default=0)
    left = selection.pairs
    for number, count in enumerate(selection.counts, start=1):
        alive = (selection.dropped_by == 0) | (selection.dropped_by > number)
        left -= count.dropped
        measures = measures_of(groups, groups.count(alive), left)
        if selection.wanted is not None and number >= since and left:
            measures = replace(measures, **by_weight(groups, selection.wanted * alive))
        after.append(measures)
    return after


def contributions(after: list[Measures]) -> np.ndarray:
    """`(rules, G)`: change of ln lift by each rule; the columns sum to the ln lift of the whole recipe."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log(one.lift) for one in after]
        return np.diff(np.stack([np.zeros_like(logs[0]), *logs]), axis=0) if logs else np.zeros((0, 0))

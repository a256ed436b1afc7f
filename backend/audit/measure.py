"""All figures of all groups for one mask, as arrays: what follows a slider."""

from dataclasses import dataclass, replace

import numpy as np

from ..kernels import intervals
from . import figures
from .group import Groups
from .weighed import by_weight

SMALLEST = 10  # smaller counts are not shown


@dataclass(frozen=True, eq=False)
class Measures:
    """Arrays `(G,)` in the order of `groups`; see `figures` for what each is.

    Where pairs are drawn several times, `drawn` `(G,)` are the draws of each group, of `total_drawn`, and lift, p and q
    are by draws, see `weighed`.
    """

    groups: Groups
    pairs: int
    total_kept: int
    kept: np.ndarray
    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lift: np.ndarray
    lift_low: np.ndarray
    lift_high: np.ndarray
    odds_ratio: np.ndarray
    odds_low: np.ndarray
    odds_high: np.ndarray
    p: np.ndarray
    q: np.ndarray
    drawn: np.ndarray | None = None
    total_drawn: int = 0

    @property
    def n(self) -> np.ndarray:
        return self.groups.sizes

    @property
    def overall(self) -> float:
        return self.total_kept / self.pairs if self.pairs else float("nan")

    @property
    def share_after(self) -> np.ndarray:
        """`(G,)`: the group's share of what is kept, of the draws if there are any; NaN if nothing is kept."""
        part, whole = (self.kept, self.total_kept) if self.drawn is None else (self.drawn, self.total_drawn)
        return part / whole if whole else np.full(len(part), np.nan)

    @property
    def small(self) -> np.ndarray:
        """`(G,)` bool: the kept count is 1 to 9, so that only "under 10" may be shown."""
        return (self.kept > 0) & (self.kept < SMALLEST)


def measure(groups: Groups, mask: np.ndarray, copies: np.ndarray | None = None) -> Measures:
    """`mask`: `(pairs,)` bool, True = KEPT, or packed `(words,)` uint64 (see `bitmaps`); `copies` `(pairs,)`: how often
    each pair is drawn, None for once each that is kept."""
    packed = mask.dtype == np.uint64
    total = int(np.bitwise_count(mask).sum()) if packed else int(np.count_nonzero(mask))
    measures = measures_of(groups, groups.count(mask), total)
    return measures if copies is None or not total else replace(measures, **by_weight(groups, copies))


def measures_of(groups: Groups, kept: np.ndarray, total_kept: int) -> Measures:
    """The figures of `kept` `(G,)` pairs in each group, of `total_kept` in the pool."""
    n, pairs = groups.sizes, groups.pairs
    low, high = intervals.wilson(kept, n)
    lift_low, lift_high = figures.lift_interval(kept, n, total_kept, pairs)
    ratio, odds_low, odds_high = figures.odds_ratio(kept, n, total_kept, pairs)
    p = figures.p_value(kept, n, total_kept, pairs)
    return Measures(
        groups, pairs, total_kept, kept, figures.keep_rate(kept, n), low, high,
        figures.lift(kept, n, total_kept, pairs), lift_low, lift_high, ratio, odds_low, odds_high,
        p, intervals.benjamini_hochberg(p),
    )  # fmt: skip

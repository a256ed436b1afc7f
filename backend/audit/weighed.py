"""The audit by weight: what share of the draws each group is, where a selection takes pairs several times."""

from typing import Any

import numpy as np

from ..kernels import intervals
from ..kernels.intervals import Z95
from .group import Groups


def by_weight(groups: Groups, copies: np.ndarray) -> dict[str, Any]:
    """Those of `Measures` that change: lift, its interval, p and q by draws; `copies` `(pairs,)`: how often each is drawn.

    Rates and odds stay those of being drawn at all, so that they are between 0 and 1.
    """
    from ..kernels import counts

    often = np.bincount(copies)
    values = np.flatnonzero(often)
    codes = np.zeros(len(often), dtype=np.uint16)
    codes[values] = np.arange(len(values))
    table = counts.coded_counts(groups.bitmaps, codes[copies], len(values))
    drawn, squares = table @ values, table @ values**2
    total, total_squares = int(often[values] @ values), int(often[values] @ values**2)
    low, high, p = lift_by_weight(drawn, squares, groups.sizes, float(total), float(total_squares), groups.pairs)
    with np.errstate(invalid="ignore", divide="ignore"):
        lift = drawn / groups.sizes / (total / groups.pairs)
    q = intervals.benjamini_hochberg(p)
    return {"drawn": drawn, "total_drawn": total, "lift": lift, "lift_low": low, "lift_high": high, "p": p, "q": q}


def lift_by_weight(
    drawn: np.ndarray, squares: np.ndarray, n: np.ndarray, total: float, total_squares: float, pairs: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The interval of the lift, and the two-sided p that a pair of the group and one of the rest are drawn equally often.

    `drawn` and `squares` `(G,)`: the sums of the multiplicities and of their squares over the `n` `(G,)` pairs of each
    group; the totals are those of the pool. As `figures.lift_interval`, with the variance of the multiplicities for that
    of 0 and 1; p is Welch's z test of the two means.
    """
    from scipy.special import ndtr

    with np.errstate(invalid="ignore", divide="ignore"):
        mean, rest = drawn / n, (total - drawn) / (pairs - n)
        overall, share = total / pairs, n / pairs
        own = (squares / n - mean**2) / n
        others = np.where(pairs > n, ((total_squares - squares) / (pairs - n) - rest**2) / (pairs - n), 0.0)
        variance = (1 / mean - share / overall) ** 2 * own + ((1 - share) / overall) ** 2 * others
        middle, spread = mean / overall, Z95 * np.sqrt(np.maximum(variance, 0.0))
        p = 2 * ndtr(-np.abs(mean - rest) / np.sqrt(own + others))
    return middle * np.exp(-spread), middle * np.exp(spread), np.where(pairs > n, p, np.nan)

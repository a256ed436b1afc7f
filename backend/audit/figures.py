"""The audit's figures on counts: keep rate, lift, odds ratio, their intervals and p values.

Names: a group has `n` pairs of which `k` are kept; the pool has `pairs` of which `kept` are kept. All functions take
numbers or arrays of one shape and return float64 of that shape; what is undefined (an empty group) is NaN.
Source: facts of Hong et al. 2024 (arXiv 2405.08209) and the textbooks named at each function.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..kernels.intervals import Z95


def keep_rate(k: ArrayLike, n: ArrayLike) -> np.ndarray:
    """`k / n`.

    >>> float(keep_rate(np.array(30), np.array(100)))
    0.3
    """
    k, n = _float(k), _float(n)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, k / n, np.nan)


def lift(k: np.ndarray, n: np.ndarray, kept: float, pairs: float) -> np.ndarray:
    """`(k/n) / (kept/pairs)`, which is also the group's share after over its share before."""
    return keep_rate(keep_rate(k, n), keep_rate(kept, pairs))


def lift_interval(k: np.ndarray, n: np.ndarray, kept: float, pairs: float) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the lift by the delta method on its logarithm.

    The pool's rate contains the group's: `r = w·r_g + (1-w)·r_rest` with `w = n/pairs`, so
    `Var ln L = (1/r_g - w/r)² V_g + ((1-w)/r)² V_rest` with `V = r(1-r)/n`.
    """
    k, n = _float(k), _float(n)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate, rest = k / n, (kept - k) / (pairs - n)
        overall, share = kept / pairs, n / pairs
        variance = (1 / rate - share / overall) ** 2 * rate * (1 - rate) / n
        others = ((1 - share) / overall) ** 2 * rest * (1 - rest) / (pairs - n)
        spread = Z95 * np.sqrt(variance + np.where(pairs > n, others, 0.0))
        middle = rate / overall
        return middle * np.exp(-spread), middle * np.exp(spread)


def odds_ratio(k: np.ndarray, n: np.ndarray, kept: float, pairs: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Odds of being kept inside the group over those outside it, with Woolf's interval.

    If any of the four cells is 0, 0.5 is added to all of them (Haldane 1956, Anscombe 1956). NaN where a whole row or
    column is empty, as when nothing or everything is kept: there are no odds to compare.
    """
    cells = _cells(k, n, kept, pairs)
    known = ~_empty_margin(cells)
    cells = np.where((cells == 0).any(axis=0), cells + 0.5, cells)
    a, b, c, d = cells
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = a * d / (b * c)
        spread = Z95 * np.sqrt((1 / cells).sum(axis=0))
        low, high = ratio * np.exp(-spread), ratio * np.exp(spread)
    return np.where(known, ratio, np.nan), np.where(known, low, np.nan), np.where(known, high, np.nan)


def p_value(k: np.ndarray, n: np.ndarray, kept: float, pairs: float) -> np.ndarray:
    """Two-sided p that group and rest are kept alike: Pearson's χ² (1 degree of freedom, no continuity correction),
    Fisher's exact test where an expected cell is below 5. NaN where a whole row or column is empty."""
    from scipy.special import chdtrc
    from scipy.stats import fisher_exact

    cells = _cells(k, n, kept, pairs)
    a, b, c, d = cells
    inside, outside, taken, left = a + b, c + d, a + c, b + d
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = pairs * (a * d - b * c) ** 2 / (inside * outside * taken * left)
        smallest = np.minimum(inside, outside) * np.minimum(taken, left) / pairs
    p = np.atleast_1d(np.asarray(chdtrc(1, statistic), dtype=np.float64)).copy()
    tables = cells.reshape(4, -1)
    for index in np.flatnonzero(np.atleast_1d(smallest < 5).reshape(-1)):
        table = np.rint(tables[:, index]).astype(np.int64).reshape(2, 2)
        if (table >= 0).all() and table.sum():
            p.reshape(-1)[index] = fisher_exact(table).pvalue
    return np.where(np.atleast_1d(_empty_margin(cells)), np.nan, p).reshape(np.shape(k))


def _cells(k: np.ndarray, n: np.ndarray, kept: float, pairs: float) -> np.ndarray:
    """`(4, …)`: kept and dropped inside the group, kept and dropped outside it."""
    k, n = _float(k), _float(n)
    return np.stack([k, n - k, kept - k, pairs - n - (kept - k)])


def _empty_margin(cells: np.ndarray) -> np.ndarray:
    """Whether the group, the rest, the kept or the dropped pairs are none at all."""
    a, b, c, d = cells
    return (a + b == 0) | (c + d == 0) | (a + c == 0) | (b + d == 0)


def _float(values: ArrayLike) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)

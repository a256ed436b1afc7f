"""Confidence intervals of shares, and p values corrected for how many were looked at.

All functions take numbers or arrays of one shape and return float64 of that shape; what is undefined is NaN.
"""

import numpy as np

Z95 = 1.959963984540054
CONFIDENCE = 0.95


def wilson(k: object, n: object, *, alpha: float = 1 - CONFIDENCE) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval (1927) of the share `k / n`, low and high; NaN where `n` is 0.

    >>> [round(float(end), 4) for end in wilson(0, 10)]
    [0.0, 0.2775]
    """
    from statsmodels.stats.proportion import proportion_confint

    k, n = np.broadcast_arrays(np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64))
    known = n > 0
    low, high = proportion_confint(np.where(known, k, 0), np.where(known, n, 1), alpha=alpha, method="wilson")
    # Where nothing or everything was counted, the end of the interval is exact, which rounding would miss.
    low, high = np.where(k == 0, 0.0, low), np.where(k == n, 1.0, high)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def newcombe(k_a: object, n_a: object, k_b: object, n_b: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Difference of two independent shares, `a - b`, with Newcombe's hybrid score interval (1998, method 10)."""
    (low_a, high_a), (low_b, high_b) = wilson(k_a, n_a), wilson(k_b, n_b)
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = (np.asarray(k, dtype=np.float64) / np.asarray(n, dtype=np.float64) for k, n in ((k_a, n_a), (k_b, n_b)))
    low = (a - b) - np.sqrt((a - low_a) ** 2 + (high_b - b) ** 2)
    high = (a - b) + np.sqrt((high_a - a) ** 2 + (b - low_b) ** 2)
    return a - b, low, high


def benjamini_hochberg(p: object) -> np.ndarray:
    """q values that control the false discovery rate (Benjamini & Hochberg 1995); NaN stays NaN and is not counted."""
    from scipy.stats import false_discovery_control

    p = np.asarray(p, dtype=np.float64)
    q, known = np.full(p.shape, np.nan), ~np.isnan(p)
    if known.any():
        q[known] = false_discovery_control(p[known])
    return q


def holm(p: object) -> np.ndarray:
    """p values that control the family-wise error rate (Holm 1979); NaN stays NaN and is not counted.

    >>> holm([0.01, 0.04, float("nan")]).round(3).tolist()
    [0.02, 0.04, nan]
    """
    p = np.asarray(p, dtype=np.float64)
    corrected, order = np.full(p.shape, np.nan), np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return corrected

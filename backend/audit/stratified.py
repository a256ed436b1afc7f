"""Mantel–Haenszel: the odds ratio of being kept within strata (languages, domains, caption lengths), pooled."""

from dataclasses import dataclass

import numpy as np

from ..kernels.intervals import Z95


@dataclass(frozen=True, eq=False)
class Pooled:
    """Figures of one group, or arrays of them: the pooled odds ratio, its interval and the p value of ratio 1."""

    odds_ratio: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def mantel_haenszel(k: np.ndarray, n: np.ndarray, kept: np.ndarray, pairs: np.ndarray) -> Pooled:
    """Pools over the last axis, the strata.

    `k`, `n`: `(…, S)` kept and all pairs of the group in each stratum; `kept`, `pairs`: `(S,)` those of the whole
    pool. Estimate: Mantel & Haenszel 1959, `Σ a·d/N / Σ b·c/N`; interval: Robins, Breslow & Greenland 1986;
    p: the Cochran–Mantel–Haenszel χ² with one degree of freedom, no continuity correction. NaN where no stratum
    has pairs inside and outside the group.
    """
    from scipy.special import chdtrc

    a = np.asarray(k, dtype=np.float64)
    inside = np.asarray(n, dtype=np.float64)
    total = np.broadcast_to(np.asarray(pairs, dtype=np.float64), a.shape)
    taken = np.broadcast_to(np.asarray(kept, dtype=np.float64), a.shape)
    b, c = inside - a, taken - a
    d = total - inside - c
    useful = (total > 1) & (inside > 0) & (inside < total)
    size = np.where(useful, total, 1.0)
    r, s = np.where(useful, a * d / size, 0.0), np.where(useful, b * c / size, 0.0)
    sum_r, sum_s = r.sum(axis=-1), s.sum(axis=-1)
    agree, differ = (a + d) / size, (b + c) / size
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = sum_r / sum_s
        variance = (
            (agree * r).sum(axis=-1) / (2 * sum_r**2)
            + (agree * s + differ * r).sum(axis=-1) / (2 * sum_r * sum_s)
            + (differ * s).sum(axis=-1) / (2 * sum_s**2)
        )
        spread = Z95 * np.sqrt(variance)
        expected = np.where(useful, inside * taken / size, 0.0)
        scatter = np.where(
            useful, inside * (total - inside) * taken * (total - taken) / (size**2 * np.maximum(size - 1, 1)), 0.0
        )
        statistic = (np.where(useful, a, 0.0) - expected).sum(axis=-1) ** 2 / scatter.sum(axis=-1)
        low, high = ratio * np.exp(-spread), ratio * np.exp(spread)
    known = useful.any(axis=-1)
    return Pooled(*(np.where(known, part, np.nan) for part in (ratio, low, high, chdtrc(1, statistic))))

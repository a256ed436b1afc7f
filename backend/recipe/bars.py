"""Bars: the histogram of a score, drawn so that a few outliers don't flatten it."""

from dataclasses import dataclass

import numpy as np

BINS = 64


@dataclass(frozen=True, eq=False)
class Bars:
    """A histogram: `edges` (b + 1,), `counts` (b,), the number of pairs without a score, and the score's range."""

    edges: np.ndarray
    counts: np.ndarray
    missing: int
    low: float
    high: float


def bars(scores: np.ndarray, bins: int = BINS) -> Bars:
    """Bars of the finite scores between their 0.05 % and 99.95 % quantiles; the tails are counted in the end bars."""
    finite = scores[np.isfinite(scores)] if scores.dtype.kind == "f" else scores
    if not len(finite):
        return Bars(np.linspace(0.0, 1.0, bins + 1), np.zeros(bins, dtype=np.int64), len(scores), 0.0, 1.0)
    some = finite if len(finite) <= 1_000_000 else finite[:: len(finite) // 500_000]
    low, high = float(finite.min()), float(finite.max())
    inner = np.quantile(some.astype(np.float64), [0.0005, 0.9995])
    left, right = (inner[0], inner[1]) if inner[1] > inner[0] else (low - 0.5, high + 0.5)
    edges = np.linspace(left, right, bins + 1)
    if scores.dtype.kind == "f":  # in the score's own precision, in which fewer of them may differ
        edges = np.unique(edges.astype(scores.dtype))
        if len(edges) == 1:
            edges = np.array([np.nextafter(edges[0], -np.inf), edges[0], np.nextafter(edges[0], np.inf)], scores.dtype)
    counts, _ = np.histogram(np.clip(finite, edges[0], edges[-1]), edges)
    return Bars(edges, counts, len(scores) - len(finite), low, high)


def bar_of(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """`(n,)` uint8: the bar of each pair, as `bars` counts them; the number of bars for a pair that it does not count."""
    bar = np.searchsorted(edges[1:-1], scores, side="right")
    return np.where(np.isfinite(scores), bar, len(edges) - 1).astype(np.uint8)


def weighed(codes: np.ndarray, copies: np.ndarray | None, bars: int) -> np.ndarray:
    """`(bars,)` int64: the sum of `copies` `(n,)`, 1 each without them, for each of the `codes` `(n,)` below `bars`."""
    sums = np.bincount(codes, weights=copies, minlength=bars + 1)[:bars]  # exact up to 2^53
    return sums.astype(np.int64)

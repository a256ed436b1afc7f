"""Between a threshold and the fraction it keeps, and the pairs next to a threshold; pure functions on arrays."""

from dataclasses import dataclass

import numpy as np

from poolscope.recipe.grammar import exact_count

BINS = 64


@dataclass(frozen=True)
class Bars:
    """A histogram: `edges` (b + 1,), `counts` (b,), the number of pairs without a score, and the score's range."""

    edges: np.ndarray
    counts: np.ndarray
    missing: int
    low: float
    high: float
    grid: np.ndarray  # (1001,) quantiles of the score, ascending


def bars(scores: np.ndarray, bins: int = BINS) -> Bars:
    """Bars of the finite scores between their 0.05 % and 99.95 % quantiles; the tails are counted in the end bars."""
    finite = scores[np.isfinite(scores)] if scores.dtype.kind == "f" else scores
    if not len(finite):
        nothing = np.linspace(0.0, 1.0, bins + 1)
        return Bars(nothing, np.zeros(bins, dtype=np.int64), len(scores), 0.0, 1.0, np.linspace(0, 1, 1001))
    some = finite if len(finite) <= 1_000_000 else finite[:: len(finite) // 500_000]
    grid = np.quantile(some.astype(np.float64), np.linspace(0, 1, 1001))
    low, high = float(finite.min()), float(finite.max())
    inner = np.quantile(some.astype(np.float64), [0.0005, 0.9995])
    left, right = (inner[0], inner[1]) if inner[1] > inner[0] else (low - 0.5, high + 0.5)
    edges = np.linspace(left, right, bins + 1)
    if scores.dtype.kind == "f":  # in the score's own precision, in which fewer of them may differ
        edges = np.unique(edges.astype(scores.dtype))
        if len(edges) == 1:
            edges = np.array([np.nextafter(edges[0], -np.inf), edges[0], np.nextafter(edges[0], np.inf)], scores.dtype)
    counts, _ = np.histogram(np.clip(finite, edges[0], edges[-1]), edges)
    return Bars(edges, counts, len(scores) - len(finite), low, high, grid)


def bar_of(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """`(n,)` uint8: the bar of each pair, as `bars` counts them; the number of bars for a pair that it does not count."""
    found = np.searchsorted(edges[1:-1], scores, side="right")
    return np.where(np.isfinite(scores), found, len(edges) - 1).astype(np.uint8)


def fraction_for(count: int, total: int) -> float:
    """The shortest decimal f with floor(f·total) = count, so that `top: f` keeps exactly `count` pairs."""
    if total <= 0 or count <= 0:
        return 0.0
    if count >= total:
        return 1.0
    for digits in range(2, 13):
        f = -(-count * 10**digits // total) / 10**digits
        if f <= 1 and exact_count(f, total) == count:
            return f
    return count / total


def at_least(scores: np.ndarray, alive: np.ndarray, threshold: float) -> int:
    """How many of the `alive` pairs score `threshold` or more, compared in the score's own precision."""
    return int(np.count_nonzero(alive & (scores >= _as(scores, threshold))))


def threshold_for(scores: np.ndarray, alive: np.ndarray, count: int, *, best: bool = True) -> float | None:
    """The threshold at which `count` of the alive pairs are kept (`best`: at least it, else at most); None for none."""
    values = scores[alive & ~np.isnan(scores)] if scores.dtype.kind == "f" else scores[alive]
    if not len(values) or count <= 0:
        return None
    count = min(count, len(values))
    place = len(values) - count if best else count - 1
    return float(np.partition(values, place)[place])


def edge_rows(
    scores: np.ndarray, among: np.ndarray, threshold: float, *, above: bool, limit: int, grid: np.ndarray
) -> np.ndarray:
    """The `limit` rows of `among` whose score is nearest to `threshold`, at or above it, or below it; nearest first.

    Looks in a band of the score that widens until it holds enough, so it never sorts the whole column.
    """
    place = int(np.searchsorted(grid, threshold))
    width = 4
    while True:
        if above:
            stop = grid[min(place + width, len(grid) - 1)]
            band = among & (scores >= _as(scores, threshold)) & (scores <= _as(scores, stop))
            done = place + width >= len(grid) - 1
        else:
            start = grid[max(place - width, 0)]
            band = among & (scores < _as(scores, threshold)) & (scores >= _as(scores, start))
            done = place - width <= 0
        rows = np.flatnonzero(band)
        if len(rows) >= limit or done:
            break
        width *= 6
    distance = np.abs(scores[rows] - threshold)
    nearest = np.argpartition(distance, limit - 1)[:limit] if len(rows) > limit else np.arange(len(rows))
    return rows[nearest[np.lexsort((rows[nearest], distance[nearest]))]]


def _as(scores: np.ndarray, value: float):
    return scores.dtype.type(value) if scores.dtype.kind == "f" else value

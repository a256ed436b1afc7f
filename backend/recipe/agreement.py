"""Agreement: how alike two scores rank the pairs of a pool, and the pairs on which they differ most."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError

FRACTIONS = tuple(round(number / 100, 2) for number in range(1, 101))
CHUNK = 1_000_000


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two scores on the `pairs` that both score; of `scored` pairs each by itself.

    `spearman` is the rank correlation, ties sharing their mean rank. `overlap[k]` is the share of the top `fractions[k]`
    by one score that is in the same top by the other: 1 for equal rankings, the fraction itself by chance.
    `density[i, j]` counts pairs between `edges_a[i]`, `edges_b[j]` and the next edges; the outer bins hold what is beyond.
    `rows_a` are the rows that a ranks highest in comparison to b, `rows_b` the reverse, largest difference first;
    `places_*` are `(k, 2)`: their places by a and by b, as fractions of the pairs (0 = the best).
    `sample` are rows drawn evenly by uid, for a scatter.
    """

    pairs: int
    scored: tuple[int, int]
    spearman: float
    fractions: np.ndarray
    overlap: np.ndarray
    density: np.ndarray
    edges_a: np.ndarray
    edges_b: np.ndarray
    rows_a: np.ndarray
    rows_b: np.ndarray
    places_a: np.ndarray
    places_b: np.ndarray
    sample: np.ndarray

    def overlap_at(self, fraction: float) -> float:
        """The overlap at the listed fraction nearest to `fraction`."""
        return float(self.overlap[int(np.argmin(np.abs(self.fractions - fraction)))])

    def as_json(self) -> dict[str, Any]:
        return {
            "pairs": self.pairs, "scored": list(self.scored), "spearman": self.spearman,
            "overlap": [{"fraction": f, "overlap": o} for f, o in zip(self.fractions.tolist(), self.overlap.tolist(), strict=True)],
        }  # fmt: skip


def compare(
    a: np.ndarray,
    b: np.ndarray,
    rows_by_uid: np.ndarray,
    *,
    fractions: tuple[float, ...] = FRACTIONS,
    bins: int = 60,
    most: int = 12,
    points: int = 4000,
) -> Agreement:
    """Compares two scores `(n,)`; NaN in either leaves the pair out. Higher is better, ties go by uid ascending.

    `rows_by_uid` `(n,)`: the rows in ascending uid order. Two sorts; about 40 bytes a pair of memory beside the scores.
    Raises InputError if fewer than two pairs have both scores, or for a fraction outside 0 to 1.
    """
    if not all(0 < fraction <= 1 for fraction in fractions):
        raise InputError(f"fractions are {list(fractions)}; each is above 0 and at most 1.")
    missing_a, missing_b = np.isnan(a), np.isnan(b)
    there = ~(missing_a | missing_b)
    rows = np.asarray(rows_by_uid)[there[rows_by_uid]]
    count = len(rows)
    if count < 2:
        raise InputError(f"{count} pairs have both scores; comparing needs at least two.")
    place_a, mean_a, edges_a = _ranked(a[rows], bins)
    place_b, mean_b, edges_b = _ranked(b[rows], bins)
    spearman = _correlation(mean_a, mean_b)
    del mean_a, mean_b
    tops = np.maximum(1, np.floor(np.asarray(fractions) * count * (1 + 1e-12)).astype(np.int64))
    later = np.sort(np.maximum(place_a, place_b))  # in both tops of size k exactly if the worse place is below k
    overlap = np.searchsorted(later, tops) / tops
    del later
    gap = place_b.astype(np.int64) - place_a
    far_a, far_b = _largest(gap, most), _largest(-gap, most)
    places = [np.stack([place_a[far], place_b[far]], axis=1) / count for far in (far_a, far_b)]
    return Agreement(
        pairs=count,
        scored=(len(a) - int(missing_a.sum()), len(b) - int(missing_b.sum())),
        spearman=spearman,
        fractions=np.asarray(fractions, np.float64),
        overlap=overlap,
        density=_density(a, b, rows, edges_a, edges_b),
        edges_a=edges_a,
        edges_b=edges_b,
        rows_a=rows[far_a],
        rows_b=rows[far_b],
        places_a=places[0],
        places_b=places[1],
        sample=rows[:: max(1, -(-count // points))],
    )


def _ranked(values: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (best = 0), doubled mean places of ties, both `(n,)` uint32, and bin edges `(bins + 1,)`."""
    order = np.argsort(-values, kind="stable").astype(np.uint32)
    ranked = values[order]
    place = np.empty(len(values), np.uint32)
    place[order] = np.arange(len(values), dtype=np.uint32)
    first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    last = np.append(first[1:], len(values)) - 1
    doubled = np.empty(len(values), np.uint32)
    doubled[order] = np.repeat((first + last).astype(np.uint32), last - first + 1)
    low, high = float(ranked[-1 - len(ranked) // 1000]), float(ranked[len(ranked) // 1000])
    if not high > low:
        low, high = float(ranked[-1]), float(ranked[0])
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return place, doubled, np.linspace(low, high, bins + 1)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation, summed in float64 by chunks; NaN if either is constant."""
    mean_a, mean_b = a.mean(dtype=np.float64), b.mean(dtype=np.float64)
    aa = bb = ab = 0.0
    for start in range(0, len(a), CHUNK):
        x, y = a[start : start + CHUNK] - mean_a, b[start : start + CHUNK] - mean_b
        aa, bb, ab = aa + float(x @ x), bb + float(y @ y), ab + float(x @ y)
    return ab / (aa * bb) ** 0.5 if aa > 0 and bb > 0 else float("nan")


def _largest(values: np.ndarray, most: int) -> np.ndarray:
    """Positions of the `most` largest positive values, largest first, ties by position."""
    most = min(most, len(values))
    largest = np.argpartition(-values, most - 1)[:most] if most else np.zeros(0, np.int64)
    largest = largest[values[largest] > 0]
    return largest[np.lexsort((largest, -values[largest]))]


def _density(a: np.ndarray, b: np.ndarray, rows: np.ndarray, edges_a: np.ndarray, edges_b: np.ndarray) -> np.ndarray:
    """Pairs by cell of the two scores, `(bins, bins)` int64."""
    bins = len(edges_a) - 1
    counts = np.zeros(bins * bins, np.int64)
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        inside = [
            np.clip((x[part] - edges[0]) * (bins / (edges[-1] - edges[0])), 0, bins - 1).astype(np.int64)
            for x, edges in ((a, edges_a), (b, edges_b))
        ]
        counts += np.bincount(inside[0] * bins + inside[1], minlength=bins * bins)
    return counts.reshape(bins, bins)

"""Examples of a group that a recipe just kept and just dropped."""

import numpy as np


def near_threshold(
    scores: np.ndarray, members: np.ndarray, mask: np.ndarray, threshold: float, *, limit: int = 12
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `members` (`(k,)` int64) that are kept and dropped with scores nearest to `threshold`, nearest first.

    `scores` `(n,)`; pairs without a score are no examples of either side.
    """
    scored = members[~np.isnan(scores[members])]
    sides = scored[mask[scored]], scored[~mask[scored]]
    kept, dropped = (_nearest(rows, np.abs(scores[rows] - threshold), limit) for rows in sides)
    return kept, dropped


def drawn(members: np.ndarray, mask: np.ndarray, rank: np.ndarray, *, limit: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `members` that are kept and dropped, the first by uid rank `(n,)`, which is a fixed random order."""
    kept, dropped = (_nearest(rows, rank[rows], limit) for rows in (members[mask[members]], members[~mask[members]]))
    return kept, dropped


def _nearest(rows: np.ndarray, distance: np.ndarray, limit: int) -> np.ndarray:
    if len(rows) > limit:
        best = np.argpartition(distance, limit)[:limit]
        rows, distance = rows[best], distance[best]
    return rows[np.argsort(distance, kind="stable")]

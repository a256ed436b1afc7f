"""Search by words and by meaning at once: two rankings fused by reciprocal ranks."""

from collections.abc import Callable

import numpy as np

from ..pool import Pool
from ..progress import Progress, silent
from .hits import Hits
from .meaning import by_meaning
from .words import by_word

K = 60  # Cormack, Clarke and Büttcher 2009; LanceDB's RRFReranker has the same
DEPTH = 5  # so many times as many of each ranking are fused as are asked for


def by_both(
    pool: Pool,
    text: str,
    *,
    encode: Callable[[str], np.ndarray],
    model: str,
    limit: int = 60,
    where: str | None = None,
    exact: bool = False,
    progress: Progress = silent,
) -> Hits:
    """The pairs whose captions hold the words of `text` or whose images are nearest to it, best first: each ranking
    gives a pair 1 / (60 + its place). `where` and `exact` as in `by_word` and `by_meaning`."""
    deep = limit * DEPTH
    worded = by_word(pool, text, limit=deep, where=where, exact=exact)
    near = by_meaning(pool, text, encode=encode, model=model, limit=deep, where=where, exact=exact, progress=progress)
    points: dict[int, float] = {}
    for hits in (worded, near):
        for place, row in enumerate(hits.rows.tolist(), start=1):
            points[row] = points.get(row, 0.0) + 1 / (K + place)
    best = sorted(points, key=lambda row: (-points[row], row))[:limit]
    similarity = np.array([points[row] for row in best], dtype=np.float32)
    return Hits(np.array(best, dtype=np.int64), similarity, len(points), by_index=worded.by_index or near.by_index)

"""Search by meaning: exact cosine over float32 tiles of a stored embedding column, with bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..pool import Pool, indexes
from ..pool.columns import matrix
from ..pool.conditions import checked
from ..progress import Progress, silent

TILE = 8192


@dataclass(frozen=True)
class Hits:
    """`rows` (k,) int64, best first; `similarity` (k,) float32 cosines (fused reciprocal ranks for a search
    by both), None for a word search; `total` found in all.

    `by_index`: found by an index, so nearly all of the nearest, or captions that hold the words as whole words."""

    rows: np.ndarray
    similarity: np.ndarray | None
    total: int
    by_index: bool = False


def nearest(
    pool: Pool,
    vector: np.ndarray,
    column: str,
    *,
    limit: int = 60,
    exclude: int | None = None,
    where: str | None = None,
    exact: bool = False,
    progress: Progress = silent,
) -> Hits:
    """The `limit` pairs whose `column` has the highest inner product with `vector` (d,), ties by row.

    `where`: an SQL condition that comes first, so that the nearest are those among the pairs for which it holds.
    By the column's index if it has one (see `index`), and then about all of them, unless `exact`. Else the column is
    read once, `TILE` rows at a time (each turned to float32 before it is multiplied).
    """
    if limit < 1:
        raise InputError(f"limit {limit} is not allowed: ask for 1 or more pairs.")
    dim = pool.require(column, "embedding").dim
    query = np.asarray(vector, dtype=np.float32).reshape(-1)
    if len(query) != dim:
        raise InputError(
            f"the query has {len(query)} numbers, {column!r} has {dim}: embed it with the model of that column."
        )
    if not exact and indexes.vector_index(column) in indexes.indexed(pool.table):
        rows, best = indexes.nearest(
            pool.table, column, query, limit + (exclude is not None), checked(where, pool.columns) if where else None
        )
        order = np.lexsort((rows, -best))
        order = order[rows[order] != exclude][:limit]
        return Hits(rows[order], best[order], len(order), by_index=True)
    among = pool.where(where) if where else None
    best, rows, start = np.empty(0, np.float32), np.empty(0, np.int64), 0
    for batch in pool.scan([column], batch_size=TILE):
        cosine = matrix(batch.column(0)).astype(np.float32) @ query
        cosine = np.where(np.isfinite(cosine), cosine, -np.inf)
        if among is not None:
            cosine[~among[start : start + len(cosine)]] = -np.inf
        if exclude is not None and start <= exclude < start + len(cosine):
            cosine[exclude - start] = -np.inf
        cut = best[-1] if len(best) == limit else -np.inf
        near = np.flatnonzero(cosine > cut)
        best, rows = np.concatenate([best, cosine[near]]), np.concatenate([rows, near + start])
        order = np.lexsort((rows, -best))[:limit]
        best, rows = best[order], rows[order]
        start += len(cosine)
        progress(start, len(pool), "searching")
    return Hits(rows, best, len(rows))


def by_meaning(
    pool: Pool,
    text: str,
    *,
    encode: Callable[[str], np.ndarray],
    model: str,
    side: str = "img",
    limit: int = 60,
    where: str | None = None,
    exact: bool = False,
    progress: Progress = silent,
) -> Hits:
    """The pairs whose image (or caption, `side="txt"`) is nearest to `text`; `encode` gives its (d,) unit vector."""
    if not text.strip():
        raise InputError("nothing to search for: type a word or a sentence.")
    return nearest(
        pool, encode(text.strip()), f"{model}_{side}", limit=limit, where=where, exact=exact, progress=progress
    )


def neighbours(pool: Pool, row: int, *, model: str, side: str = "img", limit: int = 12) -> Hits:
    """The pairs whose images (or captions, `side="txt"`) are most like that of `row`, without itself."""
    column = f"{model}_{side}"
    pool.require(column, "embedding")
    vector = pool.embeddings(column, [row])[0]
    if not np.isfinite(vector).all():
        return Hits(np.empty(0, np.int64), np.empty(0, np.float32), 0)
    return nearest(pool, vector, column, limit=limit, exclude=row)

"""Search by word, the captions that hold every word of the query, whatever the case; and by words and meaning at once, two
rankings fused by reciprocal ranks."""

from collections.abc import Callable

import numpy as np

from ..errors import InputError
from ..pool import Pool, indexes
from ..pool.conditions import checked
from ..progress import Progress, silent
from .meaning import Hits, by_meaning

K = 60  # Cormack, Clarke and Büttcher 2009; LanceDB's RRFReranker has the same
DEPTH = 5  # so many times as many of each ranking are fused as are asked for


def by_word(
    pool: Pool, query: str, *, column: str = "text", limit: int = 60, where: str | None = None, exact: bool = False
) -> Hits:
    """The pairs whose `column` contains every word of `query`; a phrase in double quotes must occur as it stands.

    `where`: an SQL condition that comes first. By the index of words if there is one (see `index`): as whole words, the best by BM25 first, `total` up to 10,000.
    Without one, when `exact`, and for a query with signs other than letters and digits: as part of a word too, in row
    order, `total` counts all.
    """
    pool.require(column)
    parts = [part.strip() for part in terms(query)]
    if not parts:
        raise InputError('nothing to search for: type a word or a "phrase in quotes".')
    plain = all(word.isalnum() for part in parts for word in part.split())
    if plain and not exact and indexes.word_index(column) in indexes.indexed(pool.table):
        rows, total = indexes.words(pool.table, column, parts, limit, checked(where, pool.columns) if where else None)
        return Hits(rows, None, total, by_index=True)
    held = pool.where(" AND ".join(f"contains(lower({column}), '{escaped(part)}')" for part in parts))
    hits = np.flatnonzero(held & pool.where(where) if where else held)
    return Hits(hits[:limit], None, len(hits))


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


def terms(query: str) -> list[str]:
    """Words and quoted phrases of `query`, in lower case."""
    parts = query.lower().split('"')
    phrases = [part for part in parts[1::2] if part.strip()]
    return [word for part in parts[::2] for word in part.split()] + phrases


def escaped(term: str) -> str:
    return term.replace("'", "''")

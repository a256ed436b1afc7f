"""Search by word: the captions that hold every word of the query, whatever the case."""

import numpy as np

from backend.errors import InputError
from backend.pool import Pool
from backend.search.hits import Hits


def by_word(pool: Pool, query: str, *, column: str = "text", limit: int = 60) -> Hits:
    """The first `limit` pairs, in row order, whose `column` contains every word of `query` (as part of a word too).

    A phrase in double quotes must occur as it stands. `total` counts all pairs found.
    """
    pool.require(column)
    parts = [part.strip() for part in terms(query)]
    if not parts:
        raise InputError("nothing to search for: type a word or a \"phrase in quotes\".")
    found = np.flatnonzero(pool.where(" AND ".join(f"contains(lower({column}), '{escaped(part)}')" for part in parts)))
    return Hits(found[:limit], None, len(found))


def terms(query: str) -> list[str]:
    """Words and quoted phrases of `query`, in lower case."""
    pieces = query.lower().split('"')
    phrases = [piece for piece in pieces[1::2] if piece.strip()]
    return [word for piece in pieces[::2] for word in piece.split()] + phrases


def escaped(term: str) -> str:
    return term.replace("'", "''")

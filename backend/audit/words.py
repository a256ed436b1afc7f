"""Words that separate the kept from the dropped captions inside a group."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..pool import Pool
from .measure import SMALLEST

SAMPLE = 5000  # captions of each side
SHOWN = 15


@dataclass(frozen=True)
class Word:
    """A word, its z score, and the share of kept and of dropped captions that hold it."""

    word: str
    z: float
    kept: float
    dropped: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def separating(pool: Pool, members: np.ndarray, mask: np.ndarray) -> tuple[list[Word], list[Word]]:
    """The words that mark the kept and the dropped pairs among `members` (`(k,)` rows); `mask` is `(n,)`, True = KEPT.

    Log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008) on a seeded sample of 5,000
    captions of each side; only words in 10 captions or more, with |z| above 1.96. Both lists are empty where a side has
    fewer than 10 captions.
    """
    from ..search.terms import marking

    if "text" not in pool.columns:
        return [], []
    rng = np.random.default_rng(0)
    sides = [members[mask[members]], members[~mask[members]]]
    if min(map(len, sides)) < SMALLEST:
        return [], []
    drawn = [np.sort(rng.choice(rows, SAMPLE, replace=False)) if len(rows) > SAMPLE else rows for rows in sides]
    labels = np.repeat([0, 1], [len(rows) for rows in drawn])
    captions = [text or "" for text in pool.take(np.concatenate(drawn), ["text"])["text"].to_pylist()]
    kept, dropped = (marks[:SHOWN] for marks in marking(captions, labels, 2, least=SMALLEST))
    return [Word(one["word"], one["z"], one["share"], one["share_elsewhere"]) for one in kept], [
        Word(one["word"], -one["z"], one["share_elsewhere"], one["share"]) for one in dropped
    ]

"""Ranked: a score column in an order that makes every rule on it one comparison of places."""

from functools import cached_property

import numpy as np

from backend.recipe import bits

BINS = 8192


class Ranked:
    """The pairs of a pool by (score descending, uid ascending); a pair's place is exact where ties abound.

    `order` `(n,)` uint32: the row at each place; pairs without a score come last, from place `scored` on.
    `codes` `(n,)` uint16: place >> shift of each row, at most 8,192 values, and one more for pairs without a score.
    A rule keeps the places from `low` to `high`: whole bins by their code, the rows of the two bins at its ends one by
    one. Takes 6 bytes a pair beside the scores; made in one sort of 8 bytes a pair.
    """

    def __init__(self, scores: np.ndarray, rank: np.ndarray, rows_by_uid: np.ndarray) -> None:
        self.scores = scores
        self.n = len(scores)
        keys, self.scored = _keys(scores, rank)
        keys.sort()
        self.order = np.asarray(rows_by_uid)[(keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)].astype(np.uint32)
        del keys
        self.shift = max(0, (max(1, self.n) - 1).bit_length() - BINS.bit_length() + 1)
        self.bins = (self.scored >> self.shift) + 1
        places = (np.arange(self.scored, dtype=np.uint32) >> np.uint32(self.shift)).astype(np.uint16)
        self.codes = np.full(self.n, self.bins, dtype=np.uint16)
        self.codes[self.order[: self.scored]] = places

    def score_at(self, place: int) -> float:
        return float(self.scores[self.order[place]])

    def place_below(self, threshold: float, *, inclusive: bool) -> int:
        """How many scores are above the threshold (`inclusive`: or equal to it), in the score's own precision."""
        value = self.scores.dtype.type(threshold) if self.scores.dtype.kind == "f" else threshold
        low, high = 0, self.scored
        while low < high:
            middle = (low + high) // 2
            score = self.scores[self.order[middle]]
            if score > value or (inclusive and score == value):
                low = middle + 1
            else:
                high = middle
        return low

    def between(self, low: int, high: int) -> np.ndarray:
        """The packed mask of the places `low` to `high` (exclusive)."""
        words = bits.words_for(self.n)
        mask = np.empty(words, dtype=np.uint64)
        high = min(high, self.scored)
        low = min(low, high)
        first, last = -(-low >> self.shift), high >> self.shift
        bits.everywhere(bits.within, words, self.codes, min(first, last), last, mask)
        if first > last:  # both ends lie in one bin
            bits.mark(mask, self.order[low:high])
        else:
            bits.mark(mask, self.order[low : first << self.shift])
            bits.mark(mask, self.order[last << self.shift : high])
        return mask

    def counts(self, alive: np.ndarray | None) -> np.ndarray:
        """`(bins,)` int64: how many pairs of the mask each bin holds; of all pairs for None."""
        if alive is None:
            return self._all
        made = [np.zeros(self.bins + 1, dtype=np.int64) for _ in range(bits.parts())]
        words = len(alive)
        spare = iter(made)

        def count(first: int, last: int) -> None:
            bits.tally(self.codes, alive, next(spare), first, last)

        bits.everywhere(count, words)
        return np.sum(made, axis=0)[:-1]

    @cached_property
    def _all(self) -> np.ndarray:
        return np.bincount(np.arange(self.scored, dtype=np.int64) >> self.shift, minlength=self.bins)

    @cached_property
    def scored_mask(self) -> np.ndarray:
        return self.between(0, self.scored)

    def inside(self, low: int, high: int, alive: np.ndarray | None) -> np.ndarray:
        """`(high - low,)` bool: whether the pair at each of these places is in the mask."""
        there = np.ones(high - low, dtype=bool)
        if alive is not None:
            bits.has(alive, self.order[low:high], there)
        return there

    def place_of(self, number: int, alive: np.ndarray | None, counts: np.ndarray) -> int:
        """The place of the `number`-th best pair of the mask, from 0; there must be that many."""
        if alive is None:
            return number
        cumulative = np.cumsum(counts)
        which = int(np.searchsorted(cumulative, number, side="right"))
        start = which << self.shift
        before = int(cumulative[which]) - int(counts[which])
        there = self.inside(start, min(start + (1 << self.shift), self.scored), alive)
        return start + int(np.flatnonzero(there)[number - before])

    def above(self, place: int, alive: np.ndarray | None, cumulative: np.ndarray) -> int:
        """How many pairs of the mask have a better place."""
        which = place >> self.shift
        before = int(cumulative[which - 1]) if which else 0
        return before + int(np.count_nonzero(self.inside(which << self.shift, place, alive)))


def _keys(scores: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, int]:
    """One uint64 a pair that sorts by (score descending, uid rank); and how many pairs have a score."""
    if scores.dtype == np.float32:
        raw = (scores + np.float32(0)).view(np.uint32)  # + 0 makes one zero of the two
        rising = np.where(raw >> np.uint32(31), ~raw, raw | np.uint32(0x80000000))
        falling = ~rising
        missing = np.isnan(scores)
    else:
        missing = np.isnan(scores) if scores.dtype.kind == "f" else np.zeros(len(scores), dtype=bool)
        values, inverse = np.unique(scores, return_inverse=True)
        falling = (len(values) - inverse).astype(np.uint32)
    falling[missing] = 0xFFFFFFFF
    keys = falling.astype(np.uint64) << np.uint64(32)
    keys |= rank.astype(np.uint64)
    return keys, len(scores) - int(np.count_nonzero(missing))

"""Ranked: a score column in an order that makes every rule on it one comparison of places."""

from functools import cached_property

import numpy as np

from backend.recipe import bits

BINS = 8192
SAMPLE = 512  # every so many places, one pair tells where the pairs of a mask are
WALK = 8192
FEW = 24  # up to this part of the pairs, changing the last mask is quicker than comparing all codes


class Ranked:
    """The pairs of a pool by (score descending, uid ascending); a pair's place is exact where ties abound.

    `order` `(scored,)` uint32: the row at each place; pairs without a score have none.
    `codes` `(n,)` uint16: place >> shift of each row, at most 8,192 values, and one more for pairs without a score.
    A rule keeps the places from `low` to `high`: whole bins by their code, the rows of the two bins at its ends one by
    one. Takes 6 bytes a pair beside the scores; made in one sort of 8 bytes a pair.
    """

    def __init__(self, scores: np.ndarray, order: np.ndarray, codes: np.ndarray) -> None:
        self.scores = scores
        self.n = len(scores)
        self.order, self.codes = np.asarray(order), np.asarray(codes)
        for array in (self.order, self.codes):
            array.flags.writeable = False
        self.scored = len(order)
        self.shift, self.bins = bins_of(self.n, self.scored)
        self._last: tuple[int, int, np.ndarray] | None = None

    @classmethod
    def of(cls, scores: np.ndarray, rank: np.ndarray, rows_by_uid: np.ndarray) -> "Ranked":
        """Sorts the scores; `rank` and `rows_by_uid` `(n,)` are the uid order and its reverse."""
        keys, scored = _keys(scores, rank)
        keys.sort()
        order = np.asarray(rows_by_uid)[(keys[:scored] & np.uint64(0xFFFFFFFF)).astype(np.uint32)]
        del keys
        shift, bins = bins_of(len(scores), scored)
        codes = np.full(len(scores), bins, dtype=np.uint16)
        codes[order] = (np.arange(scored, dtype=np.uint32) >> np.uint32(shift)).astype(np.uint16)
        return cls(scores, order.astype(np.uint32, copy=False), codes)

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
        """The packed mask of the places `low` to `high` (exclusive); read-only.

        From the last mask, when its ends are near: only the rows between the old and the new ends change.
        """
        high = min(high, self.scored)
        low = min(low, high)
        last = self._last
        if (
            last is None
            or last[0] >= high
            or low >= last[1]
            or abs(last[0] - low) + abs(last[1] - high) > self.n // FEW
        ):
            mask = self._compared(low, high)
        else:
            mask = last[2].copy()
            (bits.clear if low > last[0] else bits.mark)(mask, self.order[min(last[0], low) : max(last[0], low)])
            (bits.mark if high > last[1] else bits.clear)(mask, self.order[min(last[1], high) : max(last[1], high)])
        self._last = (low, high, mask)
        return mask

    def _compared(self, low: int, high: int) -> np.ndarray:
        words = bits.words_for(self.n)
        mask = np.empty(words, dtype=np.uint64)
        first, last = -(-low >> self.shift), high >> self.shift
        bits.everywhere(bits.within, words, self.codes, min(first, last), last, mask)
        if first > last:  # both ends lie in one bin
            bits.mark(mask, self.order[low:high])
        else:
            bits.mark(mask, self.order[low : first << self.shift])
            bits.mark(mask, self.order[last << self.shift : high])
        return mask

    @cached_property
    def scored_mask(self) -> np.ndarray:
        return self._compared(0, self.scored)

    @cached_property
    def _sample(self) -> np.ndarray:
        return np.ascontiguousarray(self.order[: self.scored : SAMPLE])

    def inside(self, low: int, high: int, alive: np.ndarray | None) -> np.ndarray:
        """`(high - low,)` bool: whether the pair at each of these places is in the mask."""
        there = np.ones(high - low, dtype=bool)
        if alive is not None:
            bits.has(alive, self.order[low:high], there)
        return there

    def place_of(self, number: int, alive: np.ndarray | None) -> int:
        """The place of the `number`-th best pair of the mask, from 0; there must be that many.

        A sample says about where it is, one count of the mask up to there how far off that is, and a walk finds it.
        """
        if alive is None:
            return number
        there = np.empty(len(self._sample), dtype=bool)
        bits.has(alive, self._sample, there)
        seen = np.cumsum(there)
        total = self.alive(alive)
        share = (number + 1) / total * seen[-1] if len(seen) else 0
        guess = min(int(np.searchsorted(seen, share)) * SAMPLE, self.scored)
        above = sum(bits.everywhere(bits.common, len(alive), self.between(0, guess), alive))
        while above <= number:
            there = self.inside(guess, min(guess + WALK, self.scored), alive)
            more = int(np.count_nonzero(there))
            if above + more > number:
                return guess + int(np.flatnonzero(there)[number - above])
            above, guess = above + more, guess + len(there)
        while True:
            there = self.inside(max(guess - WALK, 0), guess, alive)
            above, guess = above - int(np.count_nonzero(there)), guess - len(there)
            if above <= number:
                return guess + int(np.flatnonzero(there)[number - above])

    def alive(self, alive: np.ndarray | None) -> int:
        """How many pairs of the mask have a score."""
        if alive is None:
            return self.scored
        return sum(bits.everywhere(bits.common, len(alive), self.scored_mask, alive))


def bins_of(pairs: int, scored: int) -> tuple[int, int]:
    """By how many bits a place is shifted to give its bin, and how many bins there are."""
    shift = max(0, (max(1, pairs) - 1).bit_length() - BINS.bit_length() + 1)
    return shift, (scored >> shift) + 1


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

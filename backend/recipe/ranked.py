"""Ranked: a score column in an order that makes every rule on it one comparison of places."""

import operator
from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property

import numpy as np

from ..kernels import bits
from ..kernels.bits import every, inside

BINS = 255  # and one code for pairs without a score
SAMPLE = 2048  # every so many places, one pair tells where the pairs of a mask are
WALK = 8192
FEW = 64  # up to this part of the pairs, changing the last mask is quicker than comparing all codes

Kernel = Callable[[np.ndarray, np.ndarray], None]


class Ranked:
    """The pairs of a pool by (score descending, uid ascending); a pair's place is exact where ties abound.

    `order` `(scored,)` uint32: the row at each place; pairs without a score have none.
    `codes` `(n,)` uint8: place >> shift of each row, at most 255 values, and one more for pairs without a score.
    A rule keeps the places from `low` to `high`: whole bins by their code, the rows of the two bins at its ends one by
    one. Takes 5 bytes a pair beside the scores; made in one sort of 8 bytes a pair.
    """

    def __init__(self, scores: np.ndarray, order: np.ndarray, codes: np.ndarray) -> None:
        self.scores = scores
        self.n = len(scores)
        self.order, self.codes = np.asarray(order), np.asarray(codes)
        for array in (self.order, self.codes):
            array.flags.writeable = False
        self.scored = len(order)
        self.shift, self.bins = bins_of(self.n, self.scored)
        self._all = every(self.n)
        self._between: tuple[int, int, np.ndarray] | None = None
        self._best: tuple[np.ndarray, int, np.ndarray, int] | None = None

    @classmethod
    def of(cls, scores: np.ndarray, rank: np.ndarray, rows_by_uid: np.ndarray) -> "Ranked":
        """Sorts the scores; `rank` and `rows_by_uid` `(n,)` are the uid order and its reverse."""
        keys, scored = _keys(scores, rank)
        keys.sort()
        order = np.asarray(rows_by_uid)[(keys[:scored] & np.uint64(0xFFFFFFFF)).astype(np.uint32)]
        del keys
        shift, bins = bins_of(len(scores), scored)
        codes = np.full(len(scores), bins, dtype=np.uint8)
        codes[order] = (np.arange(scored, dtype=np.uint32) >> np.uint32(shift)).astype(np.uint8)
        return cls(scores, order.astype(np.uint32, copy=False), codes)

    def score_at(self, place: int) -> float:
        return float(self.scores[self.order[place]])

    def place_below(self, threshold: float, *, inclusive: bool) -> int:
        """How many scores are above the threshold (`inclusive`: or equal to it), in the score's own precision."""
        value = self.scores.dtype.type(threshold) if self.scores.dtype.kind == "f" else threshold
        above = operator.ge if inclusive else operator.gt
        return bisect_left(range(self.scored), True, key=lambda place: not above(self.scores[self.order[place]], value))

    def between(self, low: int, high: int) -> np.ndarray:
        """The packed mask of the places `low` to `high` (exclusive); read-only.

        From the last such mask, when its ends are near: only the rows between the old and the new ends change.
        """
        high = min(high, self.scored)
        low = min(low, high)
        if (low, high) == (0, self.scored):
            return self.scored_mask
        last = self._between
        if last is not None and last[:2] == (low, high):
            return last[2]
        near = last is not None and last[0] < high and low < last[1]
        if last is not None and near and abs(last[0] - low) + abs(last[1] - high) <= self.n // FEW:
            mask = last[2].copy()
            self._move(mask, last[0], low, bits.clear, bits.mark)
            self._move(mask, last[1], high, bits.mark, bits.clear)
        else:
            mask = self._compared(low, high)
        self._between = (low, high, mask)
        return mask

    def _compared(self, low: int, high: int) -> np.ndarray:
        first, last = self._nearest(low), self._nearest(high)
        mask, _ = self._bins(first, last, self._all)
        if first == last:
            bits.mark(mask, self.order[low:high])
            return mask
        self._move(mask, self._start(first), low, bits.clear, bits.mark)
        self._move(mask, self._start(last), high, bits.mark, bits.clear)
        return mask

    def _bins(self, first: int, last: int, among: np.ndarray) -> tuple[np.ndarray, int]:
        """The mask of the pairs of `among` in the bins `first` to `last` (exclusive), and how many they are."""
        mask = np.empty_like(among)
        return mask, sum(bits.everywhere(bits.within, len(mask), self.codes, first, last, among, mask))

    def _start(self, bin: int) -> int:
        """The place at which a bin begins."""
        return min(bin << self.shift, self.scored)

    def _nearest(self, place: int) -> int:
        """The number of the bin that begins nearest to this place; the number of bins for the end."""
        half = (1 << self.shift) >> 1
        return self.bins if place + half >= self.scored else (place + half) >> self.shift

    def _move(self, mask: np.ndarray, old: int, new: int, rising: Kernel, falling: Kernel) -> None:
        """Moves one end of what the mask holds."""
        if new > old:
            rising(mask, self.order[old:new])
        elif new < old:
            falling(mask, self.order[new:old])

    @cached_property
    def scored_mask(self) -> np.ndarray:
        return self._compared(0, self.scored)

    @cached_property
    def _sample(self) -> np.ndarray:
        return np.ascontiguousarray(self.order[: self.scored : SAMPLE])

    def best(self, number: int, alive: np.ndarray, total: int) -> tuple[np.ndarray, int]:
        """The packed mask of the `number` best pairs of `alive`, of which `total` have a score, and the place where
        they end (exclusive); read-only. `0 < number <= total`.

        One comparison of all codes comes near the end, as a sample says; a walk along the places goes on from there.
        From the last such mask, when it is of the same pairs and about as many.
        """
        last = self._best
        if last is not None and last[0] is alive and abs(last[1] - number) <= self.n // FEW:
            _, held, before, place = last
            if held == number:
                return before, place
            mask = before.copy()
        else:
            near = self._nearest(self._about(number / total, alive))
            mask, held = self._bins(0, near, alive)
            place = self._start(near)
        while held < number:
            rows = self.order[place : place + WALK]
            hits = np.flatnonzero(inside(alive, rows))[: number - held]
            bits.mark(mask, rows[hits])
            held, place = held + len(hits), place + len(rows)
        while held > number:
            rows = self.order[max(place - WALK, 0) : place]
            hits = np.flatnonzero(inside(alive, rows))[number - held :]
            bits.clear(mask, rows[hits])
            held, place = held - len(hits), place - len(rows)
        place = self._end(mask, min(place + WALK, self.scored))
        self._best = (alive, number, mask, place)
        return mask, place

    def _end(self, mask: np.ndarray, place: int) -> int:
        """The place behind the last pair of the mask, which is before `place`."""
        while True:
            first = max(place - WALK, 0)
            hits = np.flatnonzero(inside(mask, self.order[first:place]))
            if len(hits):
                return first + int(hits[-1]) + 1
            place = first

    def _about(self, share: float, alive: np.ndarray) -> int:
        """About how many places hold this share of the pairs of `alive`."""
        seen = np.cumsum(inside(alive, self._sample))
        return min(int(np.searchsorted(seen, share * seen[-1])) * SAMPLE, self.scored) if len(seen) else 0

    def nearest(self, place: int, mask: np.ndarray, limit: int, *, better: bool) -> np.ndarray:
        """The rows of the mask, at most `limit`, whose places are nearest before `place` (`better`), or from it on."""
        parts: list[np.ndarray] = []
        step = WALK
        while limit > 0 and (place > 0 if better else place < self.scored):
            first, last = (max(place - step, 0), place) if better else (place, min(place + step, self.scored))
            rows = self.order[first:last]
            rows = rows[inside(mask, rows)]
            parts.append((rows[::-1] if better else rows)[:limit])
            limit -= len(parts[-1])
            place, step = first if better else last, 4 * step
        return np.concatenate([*parts, np.empty(0, np.uint32)]).astype(np.int64)

    def alive(self, alive: np.ndarray, left: int) -> int:
        """How many of the `left` pairs of the mask have a score."""
        if self.scored == self.n:
            return left
        return sum(bits.everywhere(bits.common, len(alive), self.scored_mask, alive))


def bins_of(pairs: int, scored: int) -> tuple[int, int]:
    """By how many bits a place is shifted to give its bin, and how many bins there are."""
    shift = max(0, pairs.bit_length() - BINS.bit_length())
    while -(-pairs >> shift) > BINS:
        shift += 1
    return shift, -(-scored >> shift)


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

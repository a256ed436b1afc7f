"""Counts under a mask that moves, as under a slider: brought along from the last mask by the rows that changed."""

from threading import Lock, Thread
from typing import Any

import numpy as np
from numba import njit

from . import bits
from .bits import WORD, lowest
from .counts import Sparse, group_counts

LARGE = 1_000_000  # pairs from which on rows are kept the other way round too
MOST = 1 << 30  # bytes that this may take
PER_ROW = 10  # a word of a row that moved costs as much as so many words of the bitmaps, measured
PER_PLACE = 2  # and one of the words that are kept by their places
BATCH = 255  # what a byte counts to


class _Following:
    """Remembers the last mask and its counts; exact whichever way is taken. Threads may share it."""

    def __init__(self, length: int, about: str) -> None:
        self._length, self._about = length, about
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def count(self, mask: np.ndarray, held: int | None = None) -> np.ndarray:
        """The counts of the packed mask `(words,)` uint64, which must not be written to afterwards; `held` is how many
        pairs are in it, if that is known. Raises ValueError for a mask of another length."""
        if len(mask) != self._length:  # compiled code would read beyond the end
            raise ValueError(f"a mask of {len(mask):,} words for {self._about}")
        last = self._last
        if last is None:
            counts = self._anew(mask)
        else:
            moved = 0 if last[0] is mask else sum(bits.everywhere(bits.different, len(mask), last[0], mask))
            if not moved:
                counts = last[1]
            elif self._worth(moved, mask, held):
                counts = last[1] + self._change(last[0], mask)
            else:
                counts = self._anew(mask)
        self._last = (mask, counts)
        return counts

    def _anew(self, mask: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _worth(self, moved: int, mask: np.ndarray, held: int | None) -> bool:
        """Whether `_change` is less work than `_anew`."""
        raise NotImplementedError

    def _change(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """By how much the counts change from one mask to the next."""
        raise NotImplementedError


def _shared(kernel: Any, length: int, shape: tuple[int, ...], dtype: Any, *arguments: np.ndarray) -> np.ndarray:
    """The sum of what `kernel(*arguments, counts, first, last)` adds to counts of zeros, one array a thread at work."""
    sums: list[np.ndarray] = []
    spare: list[np.ndarray] = []

    def work(first: int, last: int) -> None:
        try:
            counts = spare.pop()
        except IndexError:
            counts = np.zeros(shape, dtype=dtype)
            sums.append(counts)
        kernel(*arguments, counts, first, last)
        spare.append(counts)

    bits.everywhere(work, length)
    counts = sums[0]
    for more in sums[1:]:
        counts += more
    return counts


class Tally(_Following):
    """Counts a mask by the codes of its pairs: `codes` `(n, k)`, k codes below `size` for each pair.

    `count` gives `(k, size)` int32 (int64 from 2^31 pairs).
    """

    def __init__(self, codes: np.ndarray, size: int) -> None:
        super().__init__(bits.words(len(codes)), f"{len(codes):,} pairs")
        self._codes, self._shape = codes, (codes.shape[1], size)
        self._dtype = np.int32 if len(codes) < 1 << 31 else np.int64

    def _anew(self, mask: np.ndarray) -> np.ndarray:
        return self._change(np.zeros_like(mask), mask)

    def _worth(self, moved: int, mask: np.ndarray, held: int | None) -> bool:
        return moved <= (sum(bits.everywhere(bits.common, len(mask), mask, mask)) if held is None else held)

    def _change(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        return _shared(tally, len(after), self._shape, self._dtype, self._codes, before, after)


class Counter(_Following):
    """Counts all rows of a matrix `(M, words)` of bitmaps: `count` gives `(M,)` int64.

    A mask that differs from the last one in few pairs is counted by those alone: the groups of each pair are kept as
    one row of bits, which takes as much memory as the bitmaps.
    """

    def __init__(self, matrix: np.ndarray, pairs: int) -> None:
        super().__init__(matrix.shape[1], f"bitmaps of {matrix.shape[1]:,}")
        self._matrix, self._sparse, self._pairs = matrix, Sparse.of(matrix), pairs
        dense = int((np.diff(self._sparse.starts) == 0).sum())
        self._whole = dense * matrix.shape[1] + PER_PLACE * len(self._sparse.places)
        self._members: np.ndarray | None = None
        self._making = Lock()
        self._begun = pairs < LARGE or matrix.nbytes > MOST

    def count(self, mask: np.ndarray, held: int | None = None) -> np.ndarray:
        counts = super().count(mask, held)
        if not self._begun:
            self._begun = True
            Thread(target=self.prepare, name="groups of each pair", daemon=True).start()
        return counts

    def prepare(self) -> None:
        """Keeps the groups of each pair; without it this is begun in the background with the first count."""
        with self._making:
            if self._members is None:
                members = np.empty((self._pairs, bits.words(len(self._matrix))), dtype=np.uint64)
                bits.everywhere(by_row, self._matrix.shape[1], self._matrix, members)
                self._members = members

    def _anew(self, mask: np.ndarray) -> np.ndarray:
        return group_counts(self._matrix, mask, None, self._sparse)

    def _worth(self, moved: int, mask: np.ndarray, held: int | None) -> bool:
        return self._members is not None and moved * PER_ROW * self._members.shape[1] < self._whole

    def _change(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        members = self._members
        assert members is not None
        changed = _shared(positions, len(after), (64 * members.shape[1],), np.int64, members, before, after)
        return changed[: len(self._matrix)]


@njit(nogil=True, cache=True)
def tally(codes, before, after, counts, first, last):
    """Adds to `counts` `(k, size)`, for each column of codes `(n, k)` and each code, how many more rows of `after` than
    of `before` have it."""
    for w in range(first, last):
        moved = before[w] ^ after[w]
        gone = before[w]
        base = w * WORD
        while moved:
            bit = lowest(moved)
            row = base + np.int64(bit)
            sign = 1 - 2 * np.int64((gone >> bit) & np.uint64(1))
            for k in range(codes.shape[1]):
                counts[k, codes[row, k]] += sign
            moved &= moved - np.uint64(1)


@njit(nogil=True, cache=True)
def positions(members, before, after, counts, first, last):
    """Adds, for each bit of a row of `members` `(n, width)` uint64, how many more rows of `after` have it than of
    `before`: `counts` `(64 * width,)` int64.

    Rows are fetched in batches, so that the memory's delays overlap; within a batch the eight bytes of a counter word
    count eight bits at once.
    """
    width = members.shape[1]
    rows = np.empty((2, BATCH), dtype=np.int64)
    places = np.zeros(2, dtype=np.int64)
    fetched = np.empty((width, BATCH), dtype=np.uint64)
    for w in range(first, last):
        moved = before[w] ^ after[w]
        gone = before[w]
        base = w * WORD
        while moved:
            bit = lowest(moved)
            side: Any = np.int64((gone >> bit) & np.uint64(1))
            rows[side, places[side]] = base + np.int64(bit)
            places[side] += 1
            if places[side] == BATCH:
                _count_batch(members, rows[side], BATCH, fetched, counts, 1 - 2 * side)
                places[side] = 0
            moved &= moved - np.uint64(1)
    for side in (0, 1):
        _count_batch(members, rows[side], places[side], fetched, counts, 1 - 2 * side)


@njit(nogil=True, cache=True)
def _count_batch(members, rows, count, fetched, counts, sign):
    """`count` rows, at most 255, for that is what a byte counts to."""
    every_eighth = np.uint64(0x0101010101010101)
    for r in range(count):
        row = rows[r]
        for k in range(members.shape[1]):
            fetched[k, r] = members[row, k]
    for k in range(members.shape[1]):
        words = fetched[k, :count]
        for j in range(8):
            held = np.uint64(0)
            for r in range(count):
                held += (words[r] >> np.uint64(j)) & every_eighth
            for octet in range(8):
                counts[k * 64 + octet * 8 + j] += sign * np.int64((held >> np.uint64(8 * octet)) & np.uint64(255))


@njit(nogil=True, cache=True)
def by_row(bitmaps, members, first, last):
    """Turns `(groups, words)` bitmaps into `(rows, width)` uint64: bit g of a row is whether it is in group g."""
    rows = len(members)
    block = np.empty(64, dtype=np.uint64)
    for w in range(first, last):
        for k in range(members.shape[1]):
            groups = min(64, len(bitmaps) - 64 * k)
            for g in range(64):
                block[g] = bitmaps[64 * k + g, w] if g < groups else np.uint64(0)
            _transpose(block)
            for bit in range(min(64, rows - w * 64)):
                members[w * 64 + bit, k] = block[bit]


@njit(nogil=True, cache=True)
def _transpose(block):
    """A 64 x 64 matrix of bits in place, by halves (Warren, Hacker's Delight, 7-3)."""
    size = 32
    mask = np.uint64(0x00000000FFFFFFFF)
    while size:
        k = 0
        while k < 64:
            swap = ((block[k] >> np.uint64(size)) ^ block[k + size]) & mask
            block[k + size] ^= swap
            block[k] ^= swap << np.uint64(size)
            k = (k + size + 1) & ~size
        size >>= 1
        mask ^= mask << np.uint64(size)

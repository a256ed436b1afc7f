"""Counts of packed masks: the pairs of each group, of two groups together, and of each group by code, compiled.

A group is a mask: bit `row % 64` of word `row // 64`, see `bits`.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from .bits import popcount

LANES = 64  # of the rows that threads share out
SPARSE = 0.4  # a row with a smaller part of words that are not 0 is counted by those alone


@dataclass(frozen=True, eq=False)
class Sparse:
    """The words that are not 0 of the rows of a matrix in which they are few: most groups are a small part of a pool.

    Row r has `places[starts[r]:starts[r + 1]]` (uint32 word numbers) and `bits` there; a denser row has none here.
    """

    starts: np.ndarray
    places: np.ndarray
    bits: np.ndarray

    @classmethod
    def of(cls, bitmaps: np.ndarray) -> "Sparse":
        """`bitmaps`: `(G, words)` uint64."""
        most = SPARSE * bitmaps.shape[1]
        none = np.empty(0, dtype=np.int64)
        few = [np.flatnonzero(row) if np.count_nonzero(row) < most else none for row in bitmaps]
        starts = np.zeros(len(few) + 1, dtype=np.int64)
        np.cumsum([len(columns) for columns in few], out=starts[1:])
        bits = [row[columns] for row, columns in zip(bitmaps, few)]
        places = np.concatenate([*few, np.empty(0, np.int64)]).astype(np.uint32)
        return cls(starts, places, np.concatenate([*bits, np.empty(0, np.uint64)]))


def group_counts(
    bitmaps: np.ndarray, mask_bits: np.ndarray, rows: np.ndarray | None = None, sparse: Sparse | None = None
) -> np.ndarray:
    """`(G,)` int64: pairs of each group in the mask. `bitmaps`: `(G, words)` uint64, `mask_bits`: `(words,)` uint64;
    with `rows` only these rows of the bitmaps, in their order.

    One pass over the bitmaps (200 groups of 12.8M pairs are 320 MB), or with `sparse` over the words that are not 0.
    """
    rows = np.arange(len(bitmaps)) if rows is None else rows
    counts = np.zeros(len(rows), dtype=np.int64)
    if len(rows) and bitmaps.shape[1]:
        if sparse is None:
            sparse = Sparse(np.zeros(len(bitmaps) + 1, np.int64), np.empty(0, np.uint32), np.empty(0, np.uint64))
        _count_and(bitmaps, mask_bits, rows, sparse.starts, sparse.places, sparse.bits, counts)
    return counts


def pair_counts(first: np.ndarray, second: np.ndarray, mask_bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`(A, B)` int64 twice: pairs in both groups, and those of them in the mask."""
    both = np.zeros((len(first), len(second)), dtype=np.int64)
    kept = np.zeros_like(both)
    if both.size and first.shape[1]:
        _count_pairs(first, second, mask_bits, both, kept)
    return both, kept


def coded_counts(bitmaps: np.ndarray, codes: np.ndarray, size: int) -> np.ndarray:
    """`(G, size)` int64: how many pairs of each group have each code. `codes`: `(n,)` uint16 below `size`.

    Codes are score bins (the histogram of a score inside a group), strata, or stratum and kept in one number.
    """
    counts = np.zeros((len(bitmaps), size), dtype=np.int64)
    if bitmaps.size:
        _count_codes(bitmaps, np.ascontiguousarray(codes, dtype=np.uint16), counts)
    return counts


@njit(parallel=True, nogil=True, cache=True)
def _count_and(bitmaps, mask_bits, rows, starts, places, few, counts):  # pragma: no cover
    stride = min(LANES, len(rows))
    for lane in prange(stride):  # neighbours are of one family and alike in cost, so threads take them in turn
        for group in range(lane, len(rows), stride):
            total, row = 0, rows[group]
            first, last = starts[row], starts[row + 1]
            if last > first:
                for index in range(first, last):
                    total += popcount(few[index] & mask_bits[places[index]])
            else:
                bits = bitmaps[row]
                for word in range(len(mask_bits)):
                    total += popcount(bits[word] & mask_bits[word])
            counts[group] = total


@njit(parallel=True, nogil=True, cache=True)
def _count_pairs(first, second, mask_bits, both, kept):  # pragma: no cover
    for a in prange(first.shape[0]):
        for b in range(second.shape[0]):
            inside, taken = 0, 0
            for word in range(first.shape[1]):
                shared = first[a, word] & second[b, word]
                if shared:
                    inside += popcount(shared)
                    taken += popcount(shared & mask_bits[word])
            both[a, b], kept[a, b] = inside, taken


@njit(parallel=True, nogil=True, cache=True)
def _count_codes(bitmaps, codes, counts):  # pragma: no cover
    for group in prange(bitmaps.shape[0]):
        for word in range(bitmaps.shape[1]):
            bits = bitmaps[group, word]
            while bits:
                lowest = bits & (~bits + np.uint64(1))
                row = word * 64 + popcount(lowest - np.uint64(1))
                counts[group, codes[row]] += 1
                bits ^= lowest

"""Counter: the pairs of each group under a mask that moves, as under a slider."""

from threading import Lock, Thread

import numpy as np

from . import bitmaps, bits

LARGE = 1_000_000  # pairs from which on rows are kept the other way round too
MOST = 1 << 30  # bytes that this may take
PER_ROW = 10  # a word of a row that moved costs as much as so many words of the bitmaps, measured
PER_PLACE = 2  # and one of the words that are kept by their places


class Counter:
    """Counts all rows of a matrix `(M, words)` of bitmaps, and remembers the last mask.

    A mask that differs from the last one in few pairs is counted by those alone: the groups of each pair are kept as
    one row of bits, which takes as much memory as the bitmaps. Exact either way; threads may share it.
    """

    def __init__(self, matrix: np.ndarray, sparse: bitmaps.Sparse, pairs: int) -> None:
        self._matrix, self._sparse, self._pairs = matrix, sparse, pairs
        self._whole = (np.diff(sparse.starts) == 0).sum() * matrix.shape[1] + PER_PLACE * len(sparse.places)
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._members: np.ndarray | None = None
        self._making = Lock()
        self._begun = pairs < LARGE or matrix.nbytes > MOST

    def count(self, mask: np.ndarray) -> np.ndarray:
        """`(M,)` int64 of the packed mask `(words,)`, which must not be written to afterwards."""
        if len(mask) != self._matrix.shape[1]:  # compiled code would read beyond the bitmaps
            raise ValueError(f"a mask of {len(mask):,} words for bitmaps of {self._matrix.shape[1]:,}")
        last, members = self._last, self._members
        counts = None
        if last is not None:
            moved = sum(bits.everywhere(bits.different, len(mask), last[0], mask))
            if not moved:
                counts = last[1]
            elif members is not None and moved * PER_ROW * members.shape[1] < self._whole:
                counts = last[1] + self._change(members, last[0], mask)
        if counts is None:
            counts = bitmaps.group_counts(self._matrix, mask, None, self._sparse)
        self._last = (mask, counts)
        self._begin()
        return counts

    def prepare(self) -> None:
        """Keeps the groups of each pair; without it this is begun in the background with the first count."""
        with self._making:
            if self._members is None:
                members = np.empty((self._pairs, -(-len(self._matrix) // 64)), dtype=np.uint64)
                bits.everywhere(bits.by_row, self._matrix.shape[1], self._matrix, members)
                self._members = members

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            Thread(target=self.prepare, name="groups of each pair", daemon=True).start()

    def _change(self, members: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        made = [np.zeros(64 * members.shape[1], dtype=np.int64) for _ in range(bits.PIECES * bits.parts())]
        spare = iter(made)

        def change(first: int, last: int) -> None:
            bits.positions(members, before, after, next(spare), first, last)

        bits.everywhere(change, len(after))
        return np.sum(made, axis=0)[: len(self._matrix)]

"""Counts of the pairs under a mask that moves little: only the rows that changed since the last mask are counted."""

from collections.abc import Callable

import numpy as np

from backend.recipe import bits
from backend.recipe.ranked import Ranked

MOST = 255  # bars that one byte names, one more stands for no score


class Tally:
    """Counts by bit of a mask, brought along from the last mask when that is less work than starting over.

    `kernel(before, after, counts, first, last)` adds the counts of `after` less those of `before`. Exact either way.
    Threads may share it.
    """

    def __init__(self, kernel: Callable[..., None], size: int) -> None:
        self._kernel = kernel
        self._size = size
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def count(self, mask: np.ndarray) -> np.ndarray:
        """`(size,)` int64 of the packed mask `(words,)` uint64, which must not be written to afterwards."""
        before, base = np.zeros_like(mask), np.zeros(self._size, dtype=np.int64)
        words, last = len(mask), self._last
        if last is not None:
            moved = sum(bits.everywhere(bits.different, words, last[0], mask))
            if moved < sum(bits.everywhere(bits.ones, words, mask)):
                before, base = last
        made = [np.zeros(self._size, dtype=np.int64) for _ in range(bits.parts())]
        spare = iter(made)

        def change(first: int, last: int) -> None:
            self._kernel(before, mask, next(spare), first, last)

        bits.everywhere(change, words)
        counts = base + np.sum(made, axis=0)
        self._last = (mask, counts)
        return counts


class Bars:
    """The histogram of a score under a mask: for each pair the number of its bar, one byte (two beyond 255 bars)."""

    def __init__(self, ranked: Ranked, edges: np.ndarray) -> None:
        """`edges` `(b + 1,)` rise; scores beyond the outer edges belong to the outer bars."""
        self.bars = len(edges) - 1
        codes = bar_codes(ranked, edges)
        self._tally = Tally(lambda *masks: bits.retally(codes, *masks), self.bars + 1)
        places = [ranked.place_below(float(edge), inclusive=True) for edge in edges[1:-1]]
        self.everything = -np.diff(np.array([ranked.scored, *places, 0], dtype=np.int64))

    def count(self, mask: np.ndarray | None) -> np.ndarray:
        """`(b,)` int64: how many pairs of the mask each bar holds; of all pairs for None."""
        return self.everything if mask is None else self._tally.count(mask)[:-1]


def bar_codes(ranked: Ranked, edges: np.ndarray) -> np.ndarray:
    """`(n,)` uint8 or uint16: the bar of each pair; the number of bars for a pair without a score.

    From the bin of each pair; the pairs of a bin that an edge cuts are done again one by one.
    """
    bars = len(edges) - 1
    kind = np.dtype(np.uint8 if bars <= MOST else np.uint16)
    starts = [ranked.place_below(float(edge), inclusive=True) for edge in edges[1:-1]][::-1]  # of bars b - 2, …, 0
    of_place = np.array([0, *starts])
    of_bin = (bars - np.searchsorted(of_place, np.arange(ranked.bins + 1) << ranked.shift, side="right")).astype(kind)
    of_bin[ranked.bins] = bars
    codes = of_bin[ranked.codes]
    for which in {start >> ranked.shift for start in starts}:
        first, last = which << ranked.shift, min((which + 1) << ranked.shift, ranked.scored)
        bar = bars - np.searchsorted(of_place, np.arange(first, last), side="right")
        codes[ranked.order[first:last]] = bar.astype(kind)
    return codes

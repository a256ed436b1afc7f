"""The histograms of scores under a mask that moves."""

from collections.abc import Mapping

import numpy as np

from ..kernels.incremental import Tally
from .bars import weighed
from .ranked import Ranked

MOST = 255  # bars that one byte names beside that of the pairs without a score


class Histograms:
    """The histograms of some scores under a mask: for each pair and score the number of its bar, one byte."""

    def __init__(self, columns: Mapping[str, tuple[Ranked, np.ndarray]]) -> None:
        """For each name the column and its edges `(b + 1,)`, which rise; scores beyond the outer edges belong to the
        outer bars. At most 255 bars."""
        self._bars = {name: len(edges) - 1 for name, (_, edges) in columns.items()}
        if max(self._bars.values()) > MOST:
            raise ValueError(f"{max(self._bars.values())} bars; at most {MOST} are counted.")
        some = next(iter(columns.values()))[0]
        codes = np.empty((some.n, len(columns)), dtype=np.uint8)
        for number, (ranked, edges) in enumerate(columns.values()):
            codes[:, number] = bar_codes(ranked, edges)
        self._codes = codes
        self._tally = Tally(codes, MOST + 1)

    def count(self, mask: np.ndarray, held: int) -> dict[str, np.ndarray]:
        """For each score `(b,)` int32: how many of the `held` pairs of the packed mask each bar holds."""
        counts = self._tally.count(mask, held)
        return {name: counts[number, :bars] for number, (name, bars) in enumerate(self._bars.items())}

    def weigh(self, copies: np.ndarray) -> dict[str, np.ndarray]:
        """For each score `(b,)` int64: how many pairs each bar holds, each as often as `copies` `(n,)` says."""
        rows = np.flatnonzero(copies)
        return {
            name: weighed(self._codes[rows, number], copies[rows], bars)
            for number, (name, bars) in enumerate(self._bars.items())
        }


def bar_codes(ranked: Ranked, edges: np.ndarray) -> np.ndarray:
    """`(n,)` uint8: the bar of each pair; the number of bars for a pair without a score.

    From the bin of each pair; the pairs of a bin that an edge cuts are done again one by one.
    """
    bars = len(edges) - 1
    starts = [ranked.place_below(float(edge), inclusive=True) for edge in edges[1:-1]][::-1]  # of bars b - 2, …, 0
    of_place = np.array([0, *starts])
    of_bin = bars - np.searchsorted(of_place, np.arange(ranked.bins + 1) << ranked.shift, side="right")
    of_bin[ranked.bins] = bars
    codes = of_bin.astype(np.uint8)[ranked.codes]
    for which in {start >> ranked.shift for start in starts}:
        first, last = which << ranked.shift, min((which + 1) << ranked.shift, ranked.scored)
        bar = bars - np.searchsorted(of_place, np.arange(first, last), side="right")
        codes[ranked.order[first:last]] = bar.astype(np.uint8)
    return codes

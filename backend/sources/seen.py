"""Seen uids: which pairs of a stream came before, at 16 bytes a pair."""

import numpy as np

_MIX = np.uint64(0x9E3779B97F4A7C15)


Run = tuple[np.ndarray, np.ndarray]  # keys in ascending order, and the low halves of the same uids


class Seen:
    """Sorted runs of uids, merged when they are of like size, so that a lookup searches few of them."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def fresh(self, uids: np.ndarray) -> np.ndarray:
        """`(n,)` bool for `(n,)` records `u8,u8`: True at the first place of a uid that no earlier call had; remembers
        them."""
        keys, low = (uids["f0"] * _MIX) ^ uids["f1"], np.ascontiguousarray(uids["f1"])
        order = np.argsort(keys)
        ordered = keys[order]
        if (ordered[1:] == ordered[:-1]).any():  # by the low halves too, the first place first
            order = np.lexsort((np.arange(len(keys)), low, keys))
            ordered = keys[order]
        low = low[order]
        first = np.ones(len(keys), dtype=bool)
        first[1:] = (ordered[1:] != ordered[:-1]) | (low[1:] != low[:-1])
        for run in self._runs:
            first &= ~_inside(run, ordered, low)
        fresh = np.zeros(len(keys), dtype=bool)
        fresh[order] = first
        self._add((ordered, low) if first.all() else (ordered[first], low[first]))
        return fresh

    def _add(self, run: Run) -> None:
        if not len(run[0]):
            return
        while self._runs and len(self._runs[-1][0]) <= 2 * len(run[0]):
            run = _merged(self._runs.pop(), run)
        self._runs.append(run)


def _merged(one: Run, other: Run) -> Run:
    place = np.searchsorted(one[0], other[0]) + np.arange(len(other[0]))
    kept = np.ones(len(one[0]) + len(other[0]), dtype=bool)
    kept[place] = False
    keys, low = np.empty((2, len(kept)), dtype=np.uint64)
    for both, first, second in ((keys, one[0], other[0]), (low, one[1], other[1])):
        both[kept], both[place] = first, second
    return keys, low


def _inside(run: Run, keys: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Where the sorted `keys` stand in the run; uids that share a mixed key are looked at one by one."""
    place = np.searchsorted(run[0], keys)
    inside = np.zeros(len(keys), dtype=bool)
    open_ = np.flatnonzero(run[0].take(place, mode="clip") == keys)
    while len(open_):
        here = place[open_]
        hit = run[1][here] == low[open_]
        inside[open_[hit]] = True
        open_ = open_[~hit]
        place[open_] += 1
        open_ = open_[place[open_] < len(run[0])]
        open_ = open_[run[0][place[open_]] == keys[open_]]
    return inside

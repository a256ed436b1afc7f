"""Seen uids: which pairs of a stream came before, at 16 bytes a pair."""

import numpy as np

_MIX = np.uint64(0x9E3779B97F4A7C15)


class Seen:
    """Sorted runs of uids, merged when they are of like size, so that a lookup searches few of them."""

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def fresh(self, uids: np.ndarray) -> np.ndarray:
        """`(n,)` bool for `(n,)` records `u8,u8`: True at the first place of a uid that no earlier call had; remembers
        them."""
        keys = np.empty(len(uids), dtype=[("key", "<u8"), ("low", "<u8")])
        keys["key"], keys["low"] = (uids["f0"] * _MIX) ^ uids["f1"], uids["f1"]
        order = np.argsort(keys["key"], kind="stable")
        ordered = keys[order]
        if (ordered["key"][1:] == ordered["key"][:-1]).any():  # by `low` too, the first place first
            order = np.lexsort((np.arange(len(keys)), keys["low"], keys["key"]))
            ordered = keys[order]
        first = np.ones(len(keys), dtype=bool)
        first[1:] = ordered[1:] != ordered[:-1]
        for run in self._runs:
            first &= ~_inside(run, ordered)
        fresh = np.zeros(len(keys), dtype=bool)
        fresh[order] = first
        self._add(ordered[first])
        return fresh

    def _add(self, run: np.ndarray) -> None:
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            both = np.concatenate([self._runs.pop(), run])
            run = both[np.argsort(both["key"], kind="stable")]
        self._runs.append(run)


def _inside(run: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where `wanted` stands in the sorted `run`; uids that share a mixed key are looked at one by one."""
    keys = np.ascontiguousarray(run["key"])
    place = np.searchsorted(keys, wanted["key"])
    found = np.zeros(len(wanted), dtype=bool)
    open_ = np.flatnonzero(place < len(run))
    while len(open_):
        here = run[place[open_]]
        same = here["key"] == wanted["key"][open_]
        hit = same & (here["low"] == wanted["low"][open_])
        found[open_[hit]] = True
        open_ = open_[same & ~hit]
        place[open_] += 1
        open_ = open_[place[open_] < len(run)]
    return found

"""Uid order: the pairs in ascending uid order, kept beside the pool, so that a subset file is written by masking."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .. import files
from .uids import UID_DTYPE

ROWS, RANK, UIDS = "order.npy", "rank.npy", "uids.npy"


def sorted_rows(uids: np.ndarray) -> np.ndarray:
    """`(n,)` rows in ascending order of (hi, lo, row), uint32 (int64 from 2^32 rows on).

    Sorts one uint64 per pair, the leading bits of its uid with its row below them, and then sorts in full the few
    runs whose leading bits are equal.
    """
    count = len(uids)
    low_bits = np.uint64((1 << max(1, (count - 1).bit_length())) - 1)
    keys = (uids["f0"] & ~low_bits) | np.arange(count, dtype=np.uint64)
    keys.sort()
    order = (keys & low_bits).astype(np.uint32 if count < 2**32 else np.int64)
    keys &= ~low_bits
    same = keys[1:] == keys[:-1]
    if same.any():
        in_run = np.zeros(count, dtype=bool)
        in_run[1:] |= same
        in_run[:-1] |= same
        part = order[in_run]
        order[in_run] = part[np.lexsort((part, uids["f1"][part], uids["f0"][part]))]
    return order


def first_rows(uids: np.ndarray) -> np.ndarray:
    """`(n,)` rows: for each pair the first row that has its uid, which is its own unless the uid repeats."""
    order = sorted_rows(uids)
    high, low = uids["f0"][order], uids["f1"][order]
    starts = np.zeros(len(order), dtype=order.dtype)
    fresh = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    starts[1:][fresh] = np.flatnonzero(fresh) + 1
    np.maximum.accumulate(starts, out=starts)
    first = np.empty_like(order)
    first[order] = order[starts]
    return first


def places_in(uids: np.ndarray, high: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """`(k,)` int64: the first place of each of `wanted` among the ascending `uids`, records `u8,u8`; -1 where it is none.

    `high`: the leading halves of `uids`, contiguous.
    """
    places = np.full(len(wanted), -1, dtype=np.int64)
    ascending = np.argsort(wanted["f0"])  # neighbours in the sorted uids then share their pages
    place = np.empty(len(wanted), dtype=np.int64)
    place[ascending] = np.searchsorted(high, wanted["f0"][ascending])
    open_ = np.arange(len(wanted))
    while len(open_):  # one round, and one more for each uid that shares its high half with another
        open_ = open_[place[open_] < len(high)]
        here = uids[place[open_]]
        equal = here["f0"] == wanted["f0"][open_]
        hit = equal & (here["f1"] == wanted["f1"][open_])
        places[open_[hit]] = place[open_[hit]]
        open_ = open_[equal & ~hit]
        place[open_] += 1
    return places


CHECKED = 1 << 24  # rows of a kept order that are looked at before it is believed; more would cost too much


class UidOrder:
    """The three arrays of a pool of `pairs` pairs: kept in `folder` and memory-mapped, or in memory where that can't be
    written. `uids()` gives the pool's uids in row order; an older version (`keep` false) leaves the files alone."""

    def __init__(self, folder: Path, pairs: int, uids: Callable[[], np.ndarray], *, keep: bool = True) -> None:
        self._folder, self._pairs, self._uids, self._keep = folder, pairs, uids, keep
        self._arrays: dict[str, np.ndarray] = {}

    def read(self, name: str) -> np.ndarray:
        """`ROWS`, `RANK` or `UIDS`; all are made again when the pool has grown."""
        if name not in self._arrays:
            kept = _kept(self._folder / name, self._pairs)
            if kept is None:
                self._make()
            else:
                self._arrays[name] = kept
        return self._arrays[name]

    def find(self, wanted: np.ndarray) -> np.ndarray:
        """`(k,)` int64: the row of each uid, -1 when the pool lacks it."""
        wanted = np.asarray(wanted, dtype=UID_DTYPE)
        if not self._pairs or not len(wanted):
            return np.full(len(wanted), -1, dtype=np.int64)
        uids = self.read(UIDS)
        places = places_in(uids, np.ascontiguousarray(uids["f0"]), wanted)
        there = places >= 0
        places[there] = self.read(ROWS)[places[there]]
        return places

    def _make(self) -> None:
        uids = self._uids()
        order = sorted_rows(uids)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order), dtype=order.dtype)
        for name, array in ((UIDS, uids[order]), (RANK, rank), (ROWS, order)):
            self._arrays[name] = self._held(self._folder / name, array)

    def _held(self, path: Path, array: np.ndarray) -> np.ndarray:
        if not self._keep:
            return array
        try:
            files.write_array(path, array)
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except OSError:  # a medium that may only be read, or a full disk
            return array


def _kept(path: Path, length: int) -> np.ndarray | None:
    try:
        array = files.read_array(path, mapped=True)
    except (OSError, ValueError):
        return None
    if array.shape != (length,) or (array.dtype != UID_DTYPE and array.dtype.kind not in "iu"):
        return None
    if array.dtype != UID_DTYPE and length <= CHECKED and array.max(initial=0) >= length:
        return None
    return array

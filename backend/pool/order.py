"""Uid order: the pairs in ascending uid order, kept beside the pool, so that a subset file is written by masking."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import files
from .uids import UID_DTYPE

if TYPE_CHECKING:
    from .store import Pool

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


def read(pool: "Pool", name: str) -> np.ndarray:
    """One of the three arrays, memory-mapped; all are made again when the pool has grown."""
    kept = _kept(pool.path / name, len(pool))
    if kept is not None:
        return kept
    _make(pool)
    return np.load(pool.path / name, mmap_mode="r", allow_pickle=False)


def find(pool: "Pool", wanted: np.ndarray) -> np.ndarray:
    """`(k,)` int64: the row of each uid, -1 when the pool lacks it."""
    wanted = np.asarray(wanted, dtype=UID_DTYPE)
    found = np.full(len(wanted), -1, dtype=np.int64)
    if not len(pool) or not len(wanted):
        return found
    uids, rows = read(pool, UIDS), read(pool, ROWS)
    ascending = np.argsort(wanted["f0"])  # neighbours in the sorted file then share its pages
    place = np.empty(len(wanted), dtype=np.int64)
    high = uids["f0"]
    place[ascending] = np.searchsorted(
        high if high.flags.c_contiguous else np.ascontiguousarray(high), wanted["f0"][ascending]
    )
    open_ = np.arange(len(wanted))
    while len(open_):  # one round, and one more for each uid that shares its high half with another
        open_ = open_[place[open_] < len(uids)]
        here = uids[place[open_]]
        equal = here["f0"] == wanted["f0"][open_]
        hit = equal & (here["f1"] == wanted["f1"][open_])
        found[open_[hit]] = rows[place[open_[hit]]]
        open_ = open_[equal & ~hit]
        place[open_] += 1
    return found


def _kept(path: Path, length: int) -> np.ndarray | None:
    if not path.exists():
        return None
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return array if len(array) == length else None


def _make(pool: "Pool") -> None:
    uids = pool.uids()
    order = sorted_rows(uids)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order), dtype=order.dtype)
    for name, array in ((UIDS, uids[order]), (RANK, rank), (ROWS, order)):
        with files.replacing(pool.path / name) as part, part.open("wb") as handle:
            np.save(handle, array)

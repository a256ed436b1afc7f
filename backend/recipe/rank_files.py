"""Ranked columns on disk: made once for a pool, mapped by every process that comes after."""

import hashlib
import mmap
from pathlib import Path

import numpy as np

from .. import files
from .columns import PoolColumns
from .ranked import Ranked, bins_of

SAMPLED = 1 << 16


def ranked(columns: PoolColumns, name: str, scores: np.ndarray, folder: Path | None) -> Ranked:
    """The column by rank: from `folder` if it is there and of these scores, else made, and kept there if that is
    possible."""
    if folder is None:
        return Ranked.of(scores, columns.rank, columns.rows_by_uid)
    paths = [folder / f"{name}.{_key(scores, columns.rank)}.{part}.npy" for part in ("order", "codes")]
    try:
        order, codes = (files.read_array(path, mapped=True) for path in paths)
        if _fits(order, codes, len(scores)):
            _let_go(order, columns.rank)
            return Ranked(scores, order, codes)
    except (OSError, ValueError):
        pass
    ranked = Ranked.of(scores, columns.rank, columns.rows_by_uid)
    try:
        _keep(paths, ranked)
        kept = Ranked(scores, *(np.load(path, mmap_mode="r", allow_pickle=False) for path in paths))
    except (OSError, ValueError):  # a pool that may only be read, a full disk, or other scores were ranked meanwhile
        return ranked
    _let_go(columns.rank, columns.rows_by_uid)
    return kept


def _let_go(*arrays: np.ndarray) -> None:
    """Gives the pages of mapped files back: a slider reads few of an order, and the uid order only to rank a column."""
    for array in arrays:
        held = getattr(array, "_mmap", None)
        if held is not None:
            held.madvise(mmap.MADV_DONTNEED)


def _fits(order: np.ndarray, codes: np.ndarray, pairs: int) -> bool:
    """Whether compiled code, which checks nothing, may index by them."""
    if order.dtype != np.uint32 or codes.dtype != np.uint8 or order.ndim != 1 or codes.shape != (pairs,):
        return False
    _, bins = bins_of(pairs, len(order))
    return len(order) <= pairs and order.max(initial=0) < max(1, pairs) and codes.max(initial=0) <= bins


def _keep(paths: list[Path], ranked: Ranked) -> None:
    folder = paths[0].parent
    folder.mkdir(parents=True, exist_ok=True)
    name = paths[0].name.rsplit(".", 3)[0]
    for old in folder.glob("*.npy"):
        if old.name.rsplit(".", 3)[0] == name and old not in paths:
            old.unlink(missing_ok=True)
    for path, array in zip(paths, (ranked.order, ranked.codes)):
        files.write_array(path, array)


def _key(scores: np.ndarray, rank: np.ndarray) -> str:
    """Says which scores and which uid order were ranked: all of the scores count, of the order a sample."""
    digest = hashlib.sha256()
    digest.update(f"{len(scores)} {scores.dtype}".encode())
    digest.update(np.ascontiguousarray(scores).data)
    digest.update(np.ascontiguousarray(rank[:: max(1, len(rank) // SAMPLED)]).data)
    return digest.hexdigest()[:16]

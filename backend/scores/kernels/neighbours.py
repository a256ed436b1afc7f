"""Near-duplicate groups: vectors above a cosine are linked, all with all or within cells, and what is linked is a component.

Beyond 60,000 vectors faiss makes k-means cells, every vector joins its three nearest, and pairs within a cell are compared,
so that a link is missed only if two near-identical vectors share no cell.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit

from ...kernels import matmul

EXACT_UP_TO = 60_000
PROBES = 3
"""Cells that a vector joins: its nearest."""
TILE = 2048
_PENDING = 4_000_000  # edges held before they are folded into the components


class Components:
    """Connected components of n nodes while edges arrive; 8 bytes a node, 24 more while edges are folded in."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._labels = np.arange(n, dtype=np.int32 if n < 2**31 else np.int64)
        self._pending: list[np.ndarray] = []
        self._held = 0

    def join(self, a: np.ndarray, b: np.ndarray) -> None:
        """Adds edges between nodes `a` and `b`, (m,) each."""
        apart = self._labels[a] != self._labels[b]
        if apart.any():
            self._pending.append(np.stack([a[apart], b[apart]]))
            self._held += int(apart.sum())
            if self._held > _PENDING:
                self._fold()

    def first_members(self, rank: np.ndarray | None = None) -> np.ndarray:
        """(n,) int64: the smallest node of each node's component, or the smallest `rank` (n,) of its nodes."""
        self._fold()
        first = np.full(self._n, self._n, np.int64)
        np.minimum.at(first, self._labels.astype(np.intp, copy=False), np.arange(self._n) if rank is None else rank)
        return first[self._labels]

    def _fold(self) -> None:
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        if self._pending:
            a, b = self._labels[np.concatenate(self._pending, axis=1)]
            graph = coo_matrix((np.ones(len(a), bool), (a, b)), shape=(self._n, self._n))
            self._labels = connected_components(graph, directed=False)[1][self._labels]
        self._pending, self._held = [], 0


def cells_for(count: int, cells: int = 0) -> int:
    """The number of cells that narrow the comparison of `count` vectors: as asked for, else none up to 60,000; 0: none."""
    if not cells and count > EXACT_UP_TO:
        cells = max(2, int(4 * np.sqrt(count)))
    return min(cells, max(1, count // 40)) if cells and count else 0


def comparisons(count: int, cells: int = 0) -> float:
    """Inner products that groups of `count` vectors take: training of cells, assignment, and pairs within cells."""
    cells = cells_for(count, cells)
    if not cells:
        return count * count / 2
    return 8 * cells * min(count, 64 * cells) + count * cells + PROBES**2 * count**2 / (2 * cells)


def nearest_cells(vectors: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The `PROBES` nearest cells of each vector (n, d), (n, probes) int32; -1 for a zero or non-finite one."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(centers, np.float32))
    nearest = np.full((len(vectors), min(PROBES, len(centers))), -1, np.int32)
    for start in range(0, len(vectors), 16384):
        part = np.asarray(vectors[start : start + 16384], np.float32)
        good = ~matmul.bad_rows(part)
        nearest[start : start + 16384][good] = index.search(part[good], nearest.shape[1])[1]
    return nearest


def members_of_cells(nearest: np.ndarray, order: np.ndarray, cells: int, out: np.ndarray) -> np.ndarray:
    """Writes into `out` (m,) the rows of each cell, one cell after the other, within a cell in the given `order` (n,);
    returns where each cell begins, and the end, (cells + 1,). nearest: (n, probes), -1 for a row in no cell."""
    counts = np.zeros(cells + 1, np.int64)
    for start in range(0, len(nearest), 1 << 20):
        part = nearest[start : start + (1 << 20)]
        counts[1:] += np.bincount(part[part >= 0], minlength=cells)
    starts = np.cumsum(counts)
    _place(nearest, order, starts[:-1].copy(), out)
    return starts


@njit(cache=True, nogil=True)
def _place(nearest: Any, order: Any, following: Any, out: Any) -> None:
    for i in range(len(order)):  # row by row: both arrays are mapped, and larger than memory where the pool is
        row = order[i]
        for probe in range(nearest.shape[1]):
            cell = nearest[row, probe]
            if cell >= 0:
                out[following[cell]] = row
                following[cell] += 1


def blocks_of_cells(starts: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Ranges of consecutive cells that hold at most `most` members together; a larger cell is a range of its own."""
    ranges, first = [], 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + most, side="right")) - 1
        last = min(max(last, first + 1), len(starts) - 1)
        ranges.append((first, last))
        first = last
    return ranges


def links(vectors: np.ndarray, threshold: float) -> np.ndarray:
    """Places (2, m) of the vectors (n, d) of one cell that are linked, directly or by others of the cell: each with the
    first of its component. Two are linked whose cosine reaches the threshold. Zero or non-finite vectors are alone."""
    good = np.flatnonzero(~matmul.bad_rows(vectors))
    within = Components(len(vectors))
    for a, b in _close(vectors, good, threshold):
        within.join(a, b)
    first = within.first_members()
    later = np.flatnonzero(first != np.arange(len(first)))
    return np.stack([later, first[later]])


def _close(vectors: np.ndarray, rows: np.ndarray, threshold: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs of rows whose cosine reaches the threshold, by tiles of the upper triangle."""
    import torch

    with torch.inference_mode(), matmul.accurate():
        for start in range(0, len(rows), TILE):
            left = _unit(vectors[rows[start : start + TILE]])
            for other in range(start, len(rows), TILE):
                right = left if other == start else _unit(vectors[rows[other : other + TILE]])
                close = (left @ right.T).numpy() >= threshold
                if other == start:
                    close = np.triu(close, 1)
                a, b = np.nonzero(close)
                yield rows[start + a], rows[other + b]


def _unit(rows: np.ndarray):
    import torch

    tile = torch.from_numpy(np.asarray(rows, np.float32))
    return tile / tile.norm(dim=1, keepdim=True)

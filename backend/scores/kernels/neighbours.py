"""Near-duplicate groups: pairs of vectors above a cosine, joined into connected components."""

import numpy as np

from ...kernels import matmul
from ...progress import Progress, silent

EXACT_UP_TO = 60_000
TILE = 2048
_PENDING = 4_000_000  # edges held before they are folded into the components


class Components:
    """Connected components of n nodes while edges arrive."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._labels = np.arange(n)
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

    def first_members(self) -> np.ndarray:
        """(n,) int64: the smallest node of each node's component."""
        self._fold()
        first = np.full(self._n, self._n, np.int64)
        np.minimum.at(first, self._labels, np.arange(self._n))
        return first[self._labels]

    def _fold(self) -> None:
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        if self._pending:
            a, b = self._labels[np.concatenate(self._pending, axis=1)]
            graph = coo_matrix((np.ones(len(a), bool), (a, b)), shape=(self._n, self._n))
            self._labels = connected_components(graph, directed=False)[1][self._labels]
        self._pending, self._held = [], 0


def duplicate_groups(
    vectors: np.ndarray, threshold: float, *, cells: int = 0, probes: int = 3, progress: Progress = silent
) -> np.ndarray:
    """The group of each row of `vectors` (n, d): the smallest row of its connected component, (n,) int64.

    Two rows are linked if their cosine is at least `threshold`. Up to 60,000 rows all pairs are compared; beyond, or with
    `cells`, faiss makes k-means cells, every row joins its `probes` nearest, and pairs within a cell are compared, so
    that a link is missed only if two near-identical vectors share no cell. Zero or non-finite rows are alone.
    """
    good = np.flatnonzero(~matmul.bad_rows(vectors))
    found = Components(len(vectors))
    if not cells and len(good) > EXACT_UP_TO:
        cells = max(2, int(4 * np.sqrt(len(good))))
    groups = _cells(vectors, good, min(cells, max(1, len(good) // 40)), probes, progress) if cells else [good]
    done = 0
    for group in groups:
        _link(vectors, group, threshold, found)
        done += len(group)
        progress(min(done, len(vectors)), len(vectors), "comparing")
    return found.first_members()


def _link(vectors: np.ndarray, rows: np.ndarray, threshold: float, found: Components) -> None:
    """Links the rows of one cell whose cosine reaches the threshold, by tiles of the upper triangle."""
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
                found.join(rows[start + a], rows[other + b])


def _unit(rows: np.ndarray):
    import torch

    tile = torch.from_numpy(np.asarray(rows, np.float32))
    return tile / tile.norm(dim=1, keepdim=True)


def _cells(vectors: np.ndarray, rows: np.ndarray, cells: int, probes: int, progress: Progress) -> list[np.ndarray]:
    import faiss

    from .centroids import train_centroids

    sample = rows[:: max(1, len(rows) // (64 * cells))]
    centers = train_centroids(np.asarray(vectors[sample], np.float32), cells, iterations=8, progress=progress)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(centers / np.linalg.norm(centers, axis=1, keepdims=True))
    members: list[np.ndarray] = []
    owners: list[np.ndarray] = []
    for start in range(0, len(rows), 16384):
        part = rows[start : start + 16384]
        _, nearest = index.search(np.asarray(vectors[part], np.float32), min(probes, cells))
        owners.append(nearest.reshape(-1))
        members.append(np.repeat(part, nearest.shape[1]))
    owner, member = np.concatenate(owners), np.concatenate(members)
    order = np.argsort(owner, kind="stable")
    edges = np.flatnonzero(np.diff(owner[order])) + 1
    return np.split(member[order], edges)

"""Positions of pairs that a map's landmarks are not: between the landmarks nearest to them."""

from typing import Any

import numpy as np

NEAREST = 4
CELLS, LOOKED_AT = 256, 4
ASIDE = 0.06  # of a map that is 2 wide: a landmark so far from the nearest one is on another island


class Placing:
    """Places vectors among landmarks `(m, c)` float32 whose positions `xy` `(m, 2)` are known.

    The mean of the 4 nearest (Euclidean), each weighted by `exp(-(d^2 - d_1^2) / s)`, with s the median of `d_1^2`
    among the landmarks themselves, but for those that lie elsewhere on the map, which would draw threads between
    islands. The nearest are looked for in 4 of 256 k-means cells when landmarks are many.
    """

    def __init__(self, landmarks: np.ndarray, xy: np.ndarray) -> None:
        import faiss

        self._xy = xy
        dim = landmarks.shape[1]
        self._index: Any = faiss.IndexFlatL2(dim)
        if len(landmarks) >= 40 * CELLS:
            self._centres = self._index  # the index of cells does not keep it alive
            self._index = faiss.IndexIVFFlat(self._centres, dim, CELLS)
            self._index.nprobe = LOOKED_AT
            self._index.train(landmarks)
        self._index.add(landmarks)
        self._near = min(NEAREST, len(landmarks))
        some = landmarks[:: max(1, len(landmarks) // 1000)]
        apart = self._index.search(some, min(2, len(landmarks)))[0][:, -1]
        self._spread = max(float(np.median(apart)), 1e-12)

    def of(self, vectors: np.ndarray) -> np.ndarray:
        """`(k, 2)` float32 positions of `vectors` `(k, c)` float32."""
        apart, which = self._index.search(np.ascontiguousarray(vectors), self._near)
        at = self._xy[which]
        together = (np.abs(at - at[:, :1]) < ASIDE).all(axis=2) & (which >= 0)  # -1: the cells held fewer
        weight = np.exp(-(apart - apart[:, :1]) / self._spread) * together
        return ((at * weight[..., None]).sum(axis=1) / weight.sum(axis=1, keepdims=True)).astype(np.float32)

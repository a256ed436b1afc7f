"""The map of a large pool: UMAP on landmarks, every other pair between the landmarks nearest to it."""

from importlib.metadata import version
from typing import Any

import numpy as np

from ..errors import InputError
from ..kernels.hashing import lowest, uniform
from ..pool import Pool
from ..pool.columns import matrix
from ..progress import Progress, silent
from .layout import COMPONENTS, NEIGHBOURS, distinct, even_out, principal, scale, umap_of
from .maps import Map, save, steps_of

LANDMARKS = 20_000
POINTS = 30_000  # a million can be drawn; 10,000 more cost a slider step 7 ms in a browser without a GPU
TILE = 16_384
NOWHERE = np.uint16(65535)  # x and y of a pair without an embedding
NEAREST = 4
CELLS, LOOKED_AT = 256, 4
ASIDE = 0.06  # of a map that is 2 wide: a landmark so far from the nearest one is on another island


def build_large(
    pool: Pool,
    model: str,
    *,
    points: int = POINTS,
    landmarks: int = LANDMARKS,
    seed: int = 0,
    progress: Progress = silent,
) -> Map:
    """Builds and stores the map of `<model>_img` for a pool that is too large for UMAP.

    UMAP (McInnes et al. 2018, arXiv 1802.03426) places `landmarks` pairs, drawn by a hash of (seed, uid), in their
    first 50 principal components. Every other pair lies at the mean of its nearest landmarks, see `Placing`. The map
    of the landmarks is stored first, so that it can be looked at while the others are placed; then `points` pairs to
    draw one by one, and the positions of all, from which the density is drawn. One pass over the embeddings; memory 4
    bytes a pair. Raises InputError when the pool has too few embeddings.
    """
    column = f"{model}_img"
    uids = pool.uids()
    chance = uniform(seed, uids["f0"], uids["f1"])
    del uids
    progress(0, len(pool), "choosing the landmarks")
    chosen = lowest(chance, landmarks)
    vectors = pool.embeddings(column, chosen)
    there = np.isfinite(vectors).all(axis=1)
    chosen, vectors = chosen[there], vectors[there]
    first, _ = distinct(vectors)
    if len(first) < COMPONENTS:
        raise InputError(
            f"only {len(first)} different embeddings {column!r} were found in {landmarks:,} pairs; too few for a map."
        )
    chosen, vectors = chosen[first], vectors[first]
    mean, axes = principal(vectors, COMPONENTS)
    reduced = np.ascontiguousarray((vectors - mean) @ axes)
    progress(0, len(pool), f"placing {len(chosen):,} landmarks")
    xy = scale(even_out(umap_of(reduced, seed)))
    about = {
        "model": model, "column": column, "pairs": len(pool), "landmarks": len(chosen), "seed": seed,
        "pca": reduced.shape[1], "neighbours": NEIGHBOURS, "umap": version("umap-learn"), "pool_version": pool.version,
    }  # fmt: skip
    order = np.argsort(chosen)
    save(pool, Map(model, chosen[order].astype(np.uint32), xy[order], about | {"points": len(chosen), "partial": True}))
    everyone = _placed(pool, column, mean, axes, Placing(reduced, xy), progress)
    seen = everyone[:, 0] != NOWHERE
    chance[~seen] = 2  # after all others
    rows = np.sort(lowest(chance, min(points, int(seen.sum())))).astype(np.uint32)
    placed = Map(model, rows, everyone[rows] / np.float32(32767.5) - 1, about | {"points": len(rows)}, everyone)
    save(pool, placed)
    progress(len(pool), len(pool), "map done")
    return placed


def _placed(
    pool: Pool, column: str, mean: np.ndarray, axes: np.ndarray, placing: "Placing", progress: Progress
) -> np.ndarray:
    """`(n, 2)` uint16 positions of all pairs."""
    import torch

    everyone = np.full((len(pool), 2), NOWHERE, dtype=np.uint16)
    start, turn, offset = 0, torch.from_numpy(axes), torch.from_numpy(mean @ axes)
    for batch in pool.scan([column], batch_size=TILE):
        vectors = matrix(batch.column(0))
        reduced = (torch.from_numpy(vectors.astype(np.float32)) @ turn - offset).numpy()
        there = np.isfinite(reduced).all(axis=1)
        part = everyone[start : start + len(reduced)]
        if there.all():
            part[:] = steps_of(placing.of(reduced))
        elif there.any():
            part[there] = steps_of(placing.of(reduced[there]))
        start += len(reduced)
        progress(start, len(pool), "placing every pair")
    return everyone


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

"""The map of a large pool: UMAP on landmarks, every other pair between the landmarks nearest to it."""

from importlib.metadata import version

import numpy as np

from ..errors import InputError
from ..kernels.hashing import uniform
from ..pool import Pool
from ..pool.columns import matrix
from ..progress import Progress, silent
from .layout import COMPONENTS, NEIGHBOURS, distinct, even_out, principal, scale, umap_of
from .maps import Map, save, steps_of
from .place import Placing

LANDMARKS = 20_000
POINTS = 30_000  # a million can be drawn; 10,000 more cost a slider step 7 ms in a browser without a GPU
TILE = 16_384
NOWHERE = np.uint16(65535)  # x and y of a pair without an embedding


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
    chosen = _first(chance, min(landmarks, len(pool)))
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
    rows = np.sort(_first(chance, min(points, int(seen.sum())))).astype(np.uint32)
    placed = Map(model, rows, everyone[rows] / np.float32(32767.5) - 1, about | {"points": len(rows)}, everyone)
    save(pool, placed)
    progress(len(pool), len(pool), "map done")
    return placed


def _placed(
    pool: Pool, column: str, mean: np.ndarray, axes: np.ndarray, placing: Placing, progress: Progress
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


def _first(chance: np.ndarray, count: int) -> np.ndarray:
    """`(count,)` rows with the lowest chance, lowest first."""
    rows = np.argpartition(chance, count - 1)[:count] if count < len(chance) else np.arange(len(chance))
    return rows[np.lexsort((rows, chance[rows]))]

"""Builds the map of a pool: PCA to 50 dimensions, then UMAP with a fixed seed, so the same pool gives the same map."""

from importlib.metadata import version

import numpy as np

from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from .everyone import POINTS, build_large
from .layout import COMPONENTS, NEIGHBOURS, distinct, even_out, fan_out, reduce, scale, umap_of
from .maps import Map, load, save
from .sample import embedded, stratified

SAMPLE = 50_000
LARGE = 200_000
SMALLEST = 8


def build(
    pool: Pool,
    *,
    model: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    replace: bool = False,
    progress: Progress = silent,
) -> Map:
    """Builds and stores the map of `<model>_img`, or returns the one there is.

    UMAP (McInnes et al. 2018, arXiv 1802.03426) on at most `sample` pairs (50,000 by default); time is ~30 s of
    compilation in a new process plus ~0.4 ms per pair. A pool of more than 200,000 pairs gets the map of `everyone`, of
    all its pairs, with `sample` of them (30,000 by default) as points.
    Raises InputError when the pool has too few embeddings.
    """
    model = pool.model(model)
    known = None if replace else load(pool, model)
    if known is not None:
        return known
    column = f"{model}_img"
    if len(pool) > LARGE:
        return build_large(pool, model, points=sample or POINTS, seed=seed, progress=progress)
    sample = sample or SAMPLE
    rows = embedded(pool, column, progress)
    if len(rows) < SMALLEST:
        raise InputError(f"only {len(rows)} pairs of pool {pool.name!r} have {column}: a map needs {SMALLEST} or more.")
    rows = stratified(pool, column, rows, sample, seed, progress)
    progress(0, 3, "reducing the embeddings")
    vectors = pool.embeddings(column, rows)
    first, same = distinct(vectors)
    reduced = reduce(vectors[first], COMPONENTS)
    progress(1, 3, f"placing {len(first):,} different images of {len(rows):,} pairs")
    xy = fan_out(scale(even_out(umap_of(reduced, seed))), same)
    made_by = {
        "model": model, "column": column, "pairs": len(pool), "points": len(rows), "different": len(first), "sample": sample, "seed": seed,
        "pca": reduced.shape[1], "neighbours": NEIGHBOURS, "umap": version("umap-learn"), "pool_version": pool.version,
    }  # fmt: skip
    placed = Map(model, rows.astype(np.uint32), xy, made_by)
    save(pool, placed)
    progress(3, 3, "map done")
    return placed

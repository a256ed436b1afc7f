"""Positions of pairs that a map's sample left out: between their nearest landmarks."""

import numpy as np

from backend.pool import Pool
from backend.projection.store import Map

LANDMARKS = 5


def place(made: Map, pool: Pool, rows: np.ndarray) -> np.ndarray:
    """`(k, 2)` float32 positions of `rows`: exact for pairs on the map, else the mean of the 5 landmarks nearest in
    cosine, weighted by similarity. Memory: the landmarks' embeddings, `len(made)·d·4` bytes."""
    rows = np.asarray(rows, dtype=np.int64)
    at = np.searchsorted(made.rows, rows)
    known = (at < len(made)) & (made.rows[np.minimum(at, len(made) - 1)] == rows)
    xy = np.empty((len(rows), 2), dtype=np.float32)
    xy[known] = made.xy[at[known]]
    if not known.all():
        import faiss

        column = f"{made.model}_img"
        landmarks = pool.embeddings(column, made.rows)
        index = faiss.IndexFlatIP(landmarks.shape[1])
        index.add(landmarks)
        near, which = index.search(pool.embeddings(column, rows[~known]), min(LANDMARKS, len(made)))
        weight = np.exp((near - near.max(axis=1, keepdims=True)) * 20)
        xy[~known] = (made.xy[which] * weight[..., None]).sum(axis=1) / weight.sum(axis=1, keepdims=True)
    return xy

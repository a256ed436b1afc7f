"""Centroids of a pool's images: trained with faiss or on a GPU, and the nearest by inner product."""

from typing import Any

import numpy as np

from ...errors import InputError
from ...kernels import matmul
from ...progress import Progress, silent
from .targets import padded

ROWS, COLUMNS = 1024, 4096


def train_centroids(
    vectors: np.ndarray,
    clusters: int,
    *,
    iterations: int = 20,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> np.ndarray:
    """k-means centroids (k, d) float32 of `vectors` (n, d), by faiss as DataComp trained its own: squared Euclidean
    distance, centroids not normalised, all points used; on a GPU by torch, from a start of its own. InputError if there
    are fewer points than clusters."""
    if clusters > len(vectors):
        raise InputError(
            f"clusters is {clusters:,} and there are {len(vectors):,} images to train on: use clusters={max(1, len(vectors) // 40)}."
        )
    if device != "cpu":
        from .device_centroids import train

        return train(vectors, clusters, device=device, iterations=iterations, seed=seed, progress=progress)
    import faiss

    points = np.ascontiguousarray(vectors, dtype=np.float32)
    training = faiss.Clustering(points.shape[1], clusters)
    training.niter, training.seed = iterations, seed
    training.max_points_per_centroid, training.min_points_per_centroid = 10_000_000, 1
    progress(0, 1, f"training {clusters:,} centroids on {len(points):,} images")
    training.train(points, faiss.IndexFlatL2(points.shape[1]))
    return faiss.vector_to_array(training.centroids).reshape(clusters, -1).copy()


def nearest_centroids(vectors: np.ndarray, centroids: Any, *, device: str = "cpu") -> np.ndarray:
    """The centroid of largest inner product (not smallest distance: DataComp's rule), the first of equals; (n,) int32.

    vectors (n, d), centroids (k, d), any float dtype; -1 for a zero or non-finite vector. Streams both in tiles. On a
    GPU the centroids may be a tensor that lies there already.
    """
    import torch

    bad = matmul.bad_rows(vectors)
    if device != "cpu":
        from .device_centroids import nearest

        right = centroids if isinstance(centroids, torch.Tensor) else torch.from_numpy(np.array(centroids, np.float32))
        clean = np.where(bad[:, None], vectors.dtype.type(0), vectors) if bad.any() else vectors
        label = nearest(clean, right.to(device).float())
        label[bad] = -1
        return label
    left = padded(vectors, bad, ROWS)
    best = np.full(len(left), -np.inf, np.float32)
    label = np.full(len(left), -1, np.int32)
    with torch.inference_mode(), matmul.accurate():
        for start in range(0, len(centroids), COLUMNS):
            right = torch.from_numpy(np.array(centroids[start : start + COLUMNS], np.float32)).T
            for top in range(0, len(best), ROWS):
                rows = slice(top, top + ROWS)
                similarity = torch.mm(left[rows], right).numpy()
                place = similarity.argmax(axis=1)
                value = similarity[np.arange(ROWS), place]
                higher = value > best[rows]
                best[rows][higher] = value[higher]
                label[rows][higher] = start + place[higher]
    label = label[: len(vectors)]
    label[bad] = -1
    return label

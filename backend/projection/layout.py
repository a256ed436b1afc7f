"""Layout: from embeddings to positions in a plane, by principal components and UMAP; arrays in, arrays out."""

from contextlib import suppress

import numpy as np

COMPONENTS = 50
NEIGHBOURS = 15


def reduce(vectors: np.ndarray, components: int) -> np.ndarray:
    """`(m, d)` to `(m, min(components, d, m))` float32: principal components, signs fixed so that a rerun agrees."""
    mean, axes = principal(vectors, components)
    return np.ascontiguousarray((vectors - mean) @ axes)


def principal(vectors: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean `(d,)` and the axes `(d, min(components, d, m))` of the principal components, float32."""
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    covariance = centred.T @ centred / max(1, len(centred) - 1)
    values, axes = np.linalg.eigh(covariance.astype(np.float64))
    axes = axes[:, np.argsort(-values, kind="stable")[: min(components, len(vectors))]]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return mean, axes.astype(np.float32)


def distinct(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices `(u,)` of the first pair of each different embedding, and `(m,)` which of them each pair equals.

    An image with many captions would else be its own nearest neighbours, and the map a sky of single stars.
    """
    small = np.ascontiguousarray(vectors.astype(np.float16))
    _, first, same = np.unique(
        small.view(np.dtype((np.void, small.itemsize * small.shape[1]))).ravel(), return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    place = np.empty(len(first), dtype=np.int64)
    place[order] = np.arange(len(first))
    return first[order], place[same.ravel()]


def fan_out(xy: np.ndarray, same: np.ndarray) -> np.ndarray:
    """`(m, 2)` positions of all pairs: those of one image lie around its place `xy[same]`, a hair apart."""
    sizes = np.bincount(same, minlength=len(xy))
    order = np.argsort(same, kind="stable")
    nth = np.empty(len(same), dtype=np.int64)
    nth[order] = np.arange(len(same)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    angle = nth * 2.399963  # the golden angle: a sunflower
    radius = np.minimum(0.0022 * np.sqrt(nth), 0.02)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]
    return np.clip(xy[same] + around, -1, 1).astype(np.float32)


def even_out(xy: np.ndarray) -> np.ndarray:
    """Positions with empty space between far islands taken in: each axis is mixed with its ranks, 40 % of them.

    Monotone on each axis, so what was left of something stays left of it.
    """
    span = np.maximum(xy.max(axis=0) - xy.min(axis=0), 1e-9)
    linear = (xy - xy.min(axis=0)) / span
    ranks = np.argsort(np.argsort(xy, axis=0, kind="stable"), axis=0, kind="stable") / max(1, len(xy) - 1)
    return (0.6 * linear + 0.4 * ranks).astype(np.float32)


def scale(xy: np.ndarray) -> np.ndarray:
    """Positions moved and scaled, with one factor for both axes, into [-0.97, 0.97], but for a few of the outermost."""
    low, high = np.percentile(xy, 0.05, axis=0), np.percentile(xy, 99.95, axis=0)
    half = max(float((high - low).max()) / 2, 1e-9)
    centred = (xy - (low + high) / 2) / half * 0.97
    return np.clip(centred, -1, 1).astype(np.float32)


def umap_of(reduced: np.ndarray, seed: int) -> np.ndarray:
    """`(m, 2)` positions; starts from the first two components, so that a rerun agrees."""
    import umap

    _keep_compiled()
    start = reduced[:, :2] / max(float(np.abs(reduced[:, :2]).max()), 1e-9) * 10
    jitter = np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)
    fit = umap.UMAP(
        n_neighbors=min(NEIGHBOURS, len(reduced) - 1), min_dist=0.08, metric="euclidean", init=(start + jitter).astype(np.float32),
        random_state=seed, n_jobs=1, low_memory=True,
    )  # fmt: skip
    return fit.fit_transform(reduced)


def _keep_compiled() -> None:
    """Half of a first map is UMAP's compiling, which it would do again in every process: numba keeps what it compiled."""
    from umap import umap_

    for name in ("fast_knn_indices", "smooth_knn_dist", "compute_membership_strengths"):
        with suppress(AttributeError, RuntimeError):  # another version of UMAP, or nowhere to keep it
            getattr(umap_, name).enable_caching()

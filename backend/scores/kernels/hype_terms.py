"""HYPE's three terms in a hyperbolic space: specificity of image and caption, and their nearness."""

from dataclasses import dataclass, field

import numpy as np

from ...kernels.matmul import bad_rows

TERMS = ("hype_image_specificity", "hype_text_specificity", "hype_nearness")
_TILE = 512


@dataclass(frozen=True)
class Space:
    """The hyperbolic space that pairs are scored in: curvature, reference tangent vectors (r, d), and the network's file."""

    c: float
    images: np.ndarray
    texts: np.ndarray
    network: str


@dataclass(frozen=True)
class Spaces:
    """The space of each fold, and the lines `(a, b)` that bring each term of each fold to one mean and spread.

    `own`, `shuffled`: nearness of sampled images to their own captions and to others', from networks that know neither.
    """

    folds: tuple[Space, ...]
    lines: tuple[tuple[tuple[float, float], ...], ...]
    own: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    shuffled: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))


def hype_terms(
    images: np.ndarray, texts: np.ndarray, reference_images: np.ndarray, reference_texts: np.ndarray, c: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """eps_i, eps_t and -d_L of n pairs, three (n,) float32, from tangent vectors (n, d) and references (r, d).

    NaN where a tangent vector is not finite; references that are not finite are left out. Cost: 4 r d FLOP and 2 r
    arc cosines a pair; the n x r matrix never exists, tiles of 512 rows do.
    """
    import torch

    from . import lorentz

    with torch.inference_mode():

        def points(tangent: np.ndarray) -> torch.Tensor:
            return lorentz.exponential_map(torch.from_numpy(np.ascontiguousarray(tangent, dtype=np.float32)), c)

        anchors_i, anchors_t = (points(rows[~bad_rows(rows)]) for rows in (reference_images, reference_texts))
        parts = []
        for start in range(0, len(images), _TILE):
            tile = images[start : start + _TILE], texts[start : start + _TILE]
            missing = _TILE - len(tile[0])  # tiles of one size, so that a score does not depend on its neighbours
            x, y = (points(np.pad(rows.astype(np.float32), ((0, missing), (0, 0)))) for rows in tile)
            near = -lorentz.distance(lorentz.excess_of_pairs(x, y, c), c)
            specific = lorentz.image_specificity(x, anchors_t, c), lorentz.text_specificity(y, anchors_i, c)
            parts.append(torch.stack([*specific, near]).numpy()[:, : len(tile[0])])
    terms = np.concatenate(parts, axis=1) if parts else np.zeros((3, 0), np.float32)
    terms[:, ~np.isfinite(images).all(axis=1) | ~np.isfinite(texts).all(axis=1)] = np.nan
    return terms[0], terms[1], terms[2]

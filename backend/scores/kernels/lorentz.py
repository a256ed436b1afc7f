"""Hyperbolic geometry in the Lorentz model of curvature -c: distances, cones, and how specific a point is.

Points are given by their space part x; the time part is `x_t = sqrt(1/c + |x|^2)`, and `<x,y>_L = x.y - x_t y_t`. All is
written in `q = -c <x,y>_L - 1 = (c/2) (|x-y|^2 - (x_t-y_t)^2)`, which keeps its digits near the origin, where the textbook
form subtracts nearly equal numbers. torch tensors, float32 or float64; everything is differentiable.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ...kernels.matmul import bad_rows

if TYPE_CHECKING:
    from torch import Tensor

APERTURE = 0.1  # K, MERU's minimum radius of an entailment cone
TERMS = ("hype_image_specificity", "hype_text_specificity", "hype_nearness")
_LARGEST = math.asinh(2.0**15)
_TILE = 512


def exponential_map(tangent: "Tensor", c: "float | Tensor") -> "Tensor":
    """The point of tangent vector v at the origin: `sinh(a) v / a` with `a = sqrt(c) |v|`, at most asinh(2^15). (n, d)."""
    import torch

    length = tangent.norm(dim=-1, keepdim=True) * c**0.5
    a = length.clamp(1e-8, _LARGEST)
    # sinh(a)/a by its series where it is 1 + a^2/6 to the last digit
    stretch = torch.where(a < 1e-2, 1 + a * a / 6 + a**4 / 120, torch.sinh(a) / a)
    return tangent * stretch * (a / length.clamp(min=1e-8))


def time_part(x: "Tensor", c: "float | Tensor") -> "Tensor":
    """`sqrt(1/c + |x|^2)`, (n,)."""
    return (1 / c + (x * x).sum(dim=-1)) ** 0.5


def excess(x: "Tensor", y: "Tensor", c: "float | Tensor") -> "Tensor":
    """q of every pair, (n, r) from (n, d) and (r, d), at least 0."""
    squares_x, squares_y = (x * x).sum(dim=-1), (y * y).sum(dim=-1)
    apart = (squares_x[:, None] + squares_y[None, :] - 2 * (x @ y.T)).clamp(min=0)
    return (c / 2 * (apart - _time_difference(x[:, None], y[None], c) ** 2)).clamp(min=0)


def excess_of_pairs(x: "Tensor", y: "Tensor", c: "float | Tensor") -> "Tensor":
    """q of row i of x with row i of y, (n,)."""
    return (c / 2 * (((x - y) ** 2).sum(dim=-1) - _time_difference(x, y, c) ** 2)).clamp(min=0)


def distance(q: "Tensor", c: "float | Tensor") -> "Tensor":
    """Lorentzian distance `arcosh(1 + q) / sqrt(c)`; never NaN (HYPE's clamp at 1e-8 instead of 1 gives NaN)."""
    import torch

    return torch.log1p(q + (q * (q + 2)).clamp(min=1e-20) ** 0.5) / c**0.5


def half_aperture(x: "Tensor", c: "float | Tensor") -> "Tensor":
    """`arcsin(2 K / (sqrt(c) |x|))`, pi/2 for points nearer than 2K/sqrt(c) to the origin; (n,)."""
    import torch

    sine = 2 * APERTURE / (c**0.5 * x.norm(dim=-1).clamp(min=1e-12))
    return torch.asin(sine.clamp(max=1 - 1e-7 if x.requires_grad else 1))


def exterior_angles(apex: "Tensor", y: "Tensor", c: "float | Tensor") -> "Tensor":
    """The exterior angle at each apex of the triangle origin, apex, y: (n, r) in [0, pi]."""
    return _angle(apex[:, None], y[None], excess(apex, y, c), c)


def exterior_angles_of_pairs(apex: "Tensor", y: "Tensor", c: "float | Tensor") -> "Tensor":
    """The exterior angle at row i of apex towards row i of y, (n,)."""
    return _angle(apex, y, excess_of_pairs(apex, y, c), c)


def _time_difference(x: "Tensor", y: "Tensor", c: "float | Tensor") -> "Tensor":
    """`y_t - x_t` without cancellation."""
    return ((y * y).sum(dim=-1) - (x * x).sum(dim=-1)) / (time_part(x, c) + time_part(y, c))


def _angle(x: "Tensor", y: "Tensor", q: "Tensor", c: "float | Tensor") -> "Tensor":
    """arccos of `(y_t + x_t c<x,y>) / (|x| sqrt((c<x,y>)^2 - 1))`, with `c<x,y> = -(1 + q)`."""
    import torch

    across = (x.norm(dim=-1) * (q * (q + 2)).clamp(min=1e-20) ** 0.5).clamp(min=1e-20)
    ratio = (_time_difference(x, y, c) - time_part(x, c) * q) / across
    edge = 1 - 1e-6 if ratio.requires_grad else 1  # acos has no slope at its ends
    return torch.acos(ratio.clamp(-edge, edge))


def image_specificity(images: "Tensor", texts: "Tensor", c: float) -> "Tensor":
    """eps_i: mean over reference `texts` (r, d) of exterior angle minus half-aperture, text the apex; (n,) for (n, d).

    Positive = outside the text's cone; not clamped; higher is more specific.
    """
    return exterior_angles(texts, images, c).mean(dim=0) - half_aperture(texts, c).mean()


def text_specificity(texts: "Tensor", images: "Tensor", c: float) -> "Tensor":
    """eps_t: mean over reference `images` (r, d) of the exterior angle at each text, minus its half-aperture; (n,)."""
    return exterior_angles(texts, images, c).mean(dim=1) - half_aperture(texts, c)


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

    with torch.inference_mode():

        def points(tangent: np.ndarray) -> "Tensor":
            return exponential_map(torch.from_numpy(np.ascontiguousarray(tangent, dtype=np.float32)), c)

        anchors_i, anchors_t = (points(rows[~bad_rows(rows)]) for rows in (reference_images, reference_texts))
        parts = []
        for start in range(0, len(images), _TILE):
            tile = images[start : start + _TILE], texts[start : start + _TILE]
            missing = _TILE - len(tile[0])  # tiles of one size, so that a score does not depend on its neighbours
            x, y = (points(np.pad(rows.astype(np.float32), ((0, missing), (0, 0)))) for rows in tile)
            near = -distance(excess_of_pairs(x, y, c), c)
            specific = image_specificity(x, anchors_t, c), text_specificity(y, anchors_i, c)
            parts.append(torch.stack([*specific, near]).numpy()[:, : len(tile[0])])
    terms = np.concatenate(parts, axis=1) if parts else np.zeros((3, 0), np.float32)
    terms[:, ~np.isfinite(images).all(axis=1) | ~np.isfinite(texts).all(axis=1)] = np.nan
    return terms[0], terms[1], terms[2]

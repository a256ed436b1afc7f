"""Frequency: ideal and Butterworth low-pass and high-pass images, and the radial power spectrum."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...progress import Progress, silent
from ..descriptor import RINGS, greys, radial_spectrum
from ..sample import Sample
from .base import Features, ImageFamily, OfImages, by_chunk

PAPER_SIZE = 224
ORDER = 2


def mask(size: int, radius: float, *, passes: str, shape: str) -> np.ndarray:
    """`(size, size)` weights of the shifted spectrum. Ideal: distance ≤ radius passes low, > radius high.
    Butterworth of order n = 2: low 1 / (1 + (d/d0)^2n), high 1 / (1 + (d0/d)^2n), with d = 1e-5 in the centre."""
    axis = np.arange(size) - size // 2
    distance = np.hypot(axis[:, None], axis[None, :])
    if shape == "ideal":
        return (distance <= radius if passes == "low" else distance > radius).astype(np.float64)
    distance = np.where(distance == 0, 1e-5, distance)
    ratio = distance / radius if passes == "low" else radius / distance
    return 1 / (1 + ratio ** (2 * ORDER))


def filtered(grey: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`(n, s, s)` to `(n, s, s)` uint8: the filtered image, stretched to its own range.

    `weights` are alike for a frequency and its negative, so half of the spectrum says all. In float64, because the
    stretch turns float32's rounding errors into an image where nothing is left, as of one colour after a high-pass.
    """
    from scipy import fft

    half = np.fft.ifftshift(weights)[:, : grey.shape[2] // 2 + 1]
    real = fft.irfft2(fft.rfft2(grey.astype(np.float64)) * half, s=grey.shape[1:])
    low = real.min(axis=(1, 2), keepdims=True)
    reach = real.max(axis=(1, 2), keepdims=True) - low
    return ((real - low) / (reach + 1e-5) * 255).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Filtered(ImageFamily):
    """`radius` is in cycles of an image of 224 pixels, the paper's size; at another size it scales, so that the same
    share of the frequencies passes."""

    group = "frequency"
    photographic = False
    radius: float = 40.0
    passes: Literal["low", "high"] = "low"
    shape: Literal["ideal", "butterworth"] = "ideal"

    def change(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        size = images.shape[1]
        weights = mask(size, self.radius * size / PAPER_SIZE, passes=self.passes, shape=self.shape)
        return np.repeat(filtered(greys(images), weights)[..., None], 3, axis=3)


@dataclass(frozen=True, kw_only=True)
class LowPass(Filtered):
    """Grey, only frequencies within 40 of the centre."""

    id = "low_pass"
    title = "Low-pass"
    keeps = "coarse shapes, grey"
    published = (70.4, 0.5)


@dataclass(frozen=True, kw_only=True)
class HighPass(Filtered):
    """Grey, only frequencies farther than 40 from the centre."""

    id = "high_pass"
    title = "High-pass"
    keeps = "fine texture, grey"
    published = (79.2, 0.2)
    passes: Literal["low", "high"] = "high"


@dataclass(frozen=True, kw_only=True)
class LowPassButterworth(Filtered):
    """Low-pass with a soft edge, radius 30."""

    id = "low_pass_butterworth"
    title = "Low-pass, Butterworth"
    keeps = "coarse shapes, soft edge"
    published = (73.8, 0.0)
    radius: float = 30.0
    shape: Literal["ideal", "butterworth"] = "butterworth"


@dataclass(frozen=True, kw_only=True)
class HighPassButterworth(Filtered):
    """High-pass with a soft edge, radius 30."""

    id = "high_pass_butterworth"
    title = "High-pass, Butterworth"
    keeps = "fine texture, soft edge"
    published = (79.1, 0.0)
    radius: float = 30.0
    passes: Literal["low", "high"] = "high"
    shape: Literal["ideal", "butterworth"] = "butterworth"


class RadialSpectrum(OfImages):
    """Log power in rings of frequency: how much detail of which fineness, nothing of where or in which direction."""

    id = "radial_spectrum"
    title = "Radial spectrum"
    group = "frequency"
    keeps = "the amount of detail per fineness"

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        rings = min(RINGS, sample.size // 2)
        names = tuple(f"power at {ring + 1}/{rings} of the finest detail" for ring in range(rings))
        return Features(by_chunk(sample, lambda block, start: radial_spectrum(greys(block), rings), progress), names)

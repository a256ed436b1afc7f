"""Colour alone: the mean colour, statistics of colour, and appearance that a reader can name."""

import numpy as np

from ...progress import Progress, silent
from ..descriptor import greys
from ..sample import Sample
from .base import Features, ImageFamily, OfImages, by_chunk

WHITE = 245
HUES = 12
SPACES = {
    "HSV": ("hue", "saturation", "value"),
    "Lab": ("lightness", "green to red", "blue to yellow"),
}


class MeanColour(ImageFamily):
    """Every pixel is the image's mean colour, cut to whole numbers."""

    id = "mean_rgb"
    title = "Mean colour"
    group = "colour"
    keeps = "one colour per image"
    published = (48.5, 0.7)

    def change(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        mean = images.mean(axis=(1, 2), dtype=np.float64).astype(np.uint8)
        return np.broadcast_to(mean[:, None, None, :], images.shape).copy()

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        means = by_chunk(sample, lambda block, start: self.change(block, sample, start)[:, 0, 0], progress)
        return Features(mean_features(means), MEAN_NAMES)


MEAN_NAMES = ("red", "green", "blue", *(f"{a} × {b}" for a, b in ("RR", "GG", "BB", "RG", "RB", "GB")), "all 255")


def mean_features(means: np.ndarray) -> np.ndarray:
    """`(n, 3)` uint8 to `(n, 10)`: the colour, its squares and products, and whether it is pure white."""
    unit = means.astype(np.float32) / 255
    red, green, blue = unit.T
    products = [red * red, green * green, blue * blue, red * green, red * blue, green * blue]
    return np.stack([red, green, blue, *products, (means == 255).all(axis=1)], axis=1).astype(np.float32)


class ColourStatistics(OfImages):
    """Means, spreads and histograms of the pixels in RGB, HSV and Lab; nothing of where they are."""

    id = "colour"
    title = "Colour statistics"
    group = "colour"
    keeps = "how often each colour occurs"

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        return Features(by_chunk(sample, lambda block, start: colour_statistics(block), progress), COLOUR_NAMES)


COLOUR_NAMES = (
    *(f"{word} of {channel}" for channel in ("red", "green", "blue") for word in ("mean", "spread")),
    *(f"{word} of {channel}" for names in SPACES.values() for channel in names[1:] for word in ("mean", "spread")),
    *(f"hue {360 // HUES * hue}° to {360 // HUES * (hue + 1)}°" for hue in range(HUES)),
    *(f"{channel} {32 * part}…{32 * part + 31}" for names in SPACES.values() for channel in names[1:] for part in range(8)),
)  # fmt: skip


def colour_statistics(images: np.ndarray) -> np.ndarray:
    """`(n, s, s, 3)` uint8 to `(n, 58)` float32; the hue histogram counts a pixel by its saturation."""
    import cv2

    shares = np.empty((len(images), len(COLOUR_NAMES)), dtype=np.float32)
    for number, image in enumerate(images):
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
        moments, histograms = [], []
        for space, channels in ((image, (0, 1, 2)), (hsv, (1, 2)), (lab, (1, 2))):
            mean, spread = cv2.meanStdDev(space)
            for channel in channels:
                moments += [mean[channel, 0] / 255, spread[channel, 0] / 255]
        for space in (hsv, lab):
            for channel in (1, 2):
                histograms.append(np.bincount(space[..., channel].reshape(-1) >> 5, minlength=8))
        pixels = image.shape[0] * image.shape[1]
        hue = np.bincount(
            np.minimum(hsv[..., 0].reshape(-1) // (180 // HUES), HUES - 1), hsv[..., 1].reshape(-1), minlength=HUES
        )
        shares[number] = np.concatenate([moments, hue / (255 * pixels), np.concatenate(histograms) / pixels])
    return shares


class Appearance(OfImages):
    """Eight plain properties of an image, so that a reader sees in words what the sets differ by."""

    id = "appearance"
    title = "Appearance in eight numbers"
    group = "colour"
    keeps = "brightness, contrast, saturation, colourfulness, white border, flatness, sharpness, edges"

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        return Features(by_chunk(sample, lambda block, start: appearance(block), progress), APPEARANCE)


APPEARANCE = (
    "brightness", "contrast", "saturation", "colourfulness", "white border", "few colours", "sharpness", "edges",
)  # fmt: skip


def appearance(images: np.ndarray) -> np.ndarray:
    """`(n, s, s, 3)` uint8 to `(n, 8)` float32.

    Mean and spread of luma (0 to 1), mean saturation, colourfulness of Hasler and Süsstrunk 2003, share of the border
    that is white (all channels ≥ 245), 1 - log of the number of colours (5 bits a channel) over that of the pixels,
    log variance of the Laplacian, share of Canny edge pixels.
    """
    import cv2

    from .edges import canny

    size = images.shape[1]
    grey = greys(images)
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    white = (border >= WHITE).all(axis=2).mean(axis=1)
    wide = images.astype(np.float32)
    red_green = wide[..., 0] - wide[..., 1]
    yellow_blue = (wide[..., 0] + wide[..., 1]) / 2 - wide[..., 2]
    flat = (len(images), -1)
    colourful = np.hypot(red_green.reshape(flat).std(axis=1), yellow_blue.reshape(flat).std(axis=1)) + 0.3 * np.hypot(
        red_green.reshape(flat).mean(axis=1), yellow_blue.reshape(flat).mean(axis=1)
    )
    highest, lowest = wide.max(axis=3), wide.min(axis=3)
    saturation = ((highest - lowest) / np.maximum(highest, 1)).mean(axis=(1, 2))
    coarse = images.astype(np.int32) >> 3
    codes = np.sort(((coarse[..., 0] << 10) | (coarse[..., 1] << 5) | coarse[..., 2]).reshape(flat), axis=1)
    colours = 1 + np.count_nonzero(np.diff(codes, axis=1), axis=1)
    sharpness = [np.log1p(cv2.Laplacian(one, cv2.CV_32F).var()) for one in grey]
    edges = [np.count_nonzero(canny(one)) / size**2 for one in images]
    return np.stack(
        [
            grey.mean(axis=(1, 2)) / 255, grey.std(axis=(1, 2)) / 255, saturation, colourful / 255, white,
            1 - np.log(colours) / np.log(size**2), sharpness, edges,
        ],
        axis=1,
    ).astype(np.float32)  # fmt: skip

"""Face blurring as img2dataset does it, so that shards made here match those of DataComp's own resharder."""

import io
import math
from collections.abc import Sequence

import numpy as np


def blur_faces(pixels: np.ndarray, boxes: Sequence[Sequence[float]]) -> np.ndarray:
    """Blurs boxes in a picture, `(h, w, 3)` uint8.

    `boxes` are `[x0, y0, x1, y1]` as fractions of width and height. Each is widened by a tenth of its longer side on
    all sides; `out = image (1 - m) + blurred m`, where m is the blurred mask and both blurs have sigma = 0.1 times the
    longest side of all boxes, 2 ceil(4 sigma) + 1 pixels wide.
    """
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width, 1), dtype=np.float32)
    longest = 0
    for x0, y0, x1, y1 in boxes:
        left, top, right, bottom = int(x0 * width), int(y0 * height), int(x1 * width), int(y1 * height)
        side = max(right - left, bottom - top)
        longest = max(longest, side)
        more = int(0.1 * side)
        left, right = (min(max(x, 0), width - 1) for x in (left - more, right + more))
        top, bottom = (min(max(y, 0), height - 1) for y in (top - more, bottom + more))
        mask[top:bottom, left:right] = 1
    sigma = 0.1 * longest
    if sigma <= 0:
        return pixels
    image = pixels.astype(np.float32) / 255
    soft = _gaussian(mask, sigma)
    return (255 * (image * (1 - soft) + _gaussian(image, sigma) * soft)).astype(np.uint8)


def blur_file(picture: bytes, boxes: Sequence[Sequence[float]], *, quality: int = 100) -> bytes:
    """A picture file with its faces blurred, as WebP. Raises OSError or ValueError if it can't be decoded."""
    from PIL import Image

    from ..pool.decoding import open_rgb

    blurred = blur_faces(np.asarray(open_rgb(picture)), boxes)
    out = io.BytesIO()
    Image.fromarray(blurred).save(out, "WEBP", quality=quality)
    return out.getvalue()


def _gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    from scipy.ndimage import correlate1d

    radius = math.ceil(4 * sigma)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        image = correlate1d(image, weights, axis=axis, mode="mirror")
    return image

"""Face blurring as img2dataset does it, so that shards made here match those of DataComp's own resharder."""

import io
import math
from collections.abc import Sequence

import numpy as np


def blur_faces(pixels: np.ndarray, boxes: Sequence[Sequence[float]]) -> np.ndarray:
    """Blurs boxes in an image, `(h, w, 3)` uint8.

    `boxes` are `[x0, y0, x1, y1]` as fractions of width and height. Each is widened by a tenth of its longer side on
    all sides; `out = image (1 - m) + blurred m`, where m is the blurred mask and both blurs have sigma = 0.1 times the
    longest side of all boxes, 2 ceil(4 sigma) + 1 pixels wide.
    """
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width, 1), dtype=np.float32)
    longest = 0
    for box in boxes:
        (left, top, right, bottom), side = widened(box, width, height)
        longest = max(longest, side)
        mask[top:bottom, left:right] = 1
    sigma = 0.1 * longest
    if sigma <= 0:
        return pixels
    image = pixels.astype(np.float32) / 255
    soft = _gaussian(mask, sigma)
    return (255 * (image * (1 - soft) + _gaussian(image, sigma) * soft)).astype(np.uint8)


def widened(box: Sequence[float], width: int, height: int) -> tuple[tuple[int, int, int, int], int]:
    """A box in pixels, `(left, top, right, bottom)`, widened by a tenth of its longer side; and that side, not widened.

    The corners are truncated to whole pixels, widened, and their sums truncated again; none lies outside the image.
    """
    x0, y0, x1, y1 = box
    left, top, right, bottom = int(x0 * width), int(y0 * height), int(x1 * width), int(y1 * height)
    side = max(right - left, bottom - top)
    more = 0.1 * side
    left, right = (min(max(int(x), 0), width - 1) for x in (left - more, right + more))
    top, bottom = (min(max(int(y), 0), height - 1) for y in (top - more, bottom + more))
    return (left, top, right, bottom), side


def blur_file(content: bytes, boxes: Sequence[Sequence[float]], *, quality: int = 100) -> bytes:
    """An image file with its faces blurred, as WebP. Raises OSError or ValueError if it can't be decoded."""
    from PIL import Image

    from ..pool.decoding import open_rgb

    blurred = blur_faces(np.asarray(open_rgb(content)), boxes)
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

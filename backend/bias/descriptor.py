"""The descriptor: 398 numbers of an image that every image family is judged by, and greys, gradients, spectra for it."""

import numpy as np

GRID = 8
CHANNEL_BINS = 8
ORIENTATIONS = 9
RINGS = 32
CELL = 8
BLOCK = 3
EPSILON = 1e-5

DESCRIPTOR = (
    *(f"{channel} at {row},{column}" for row in range(GRID) for column in range(GRID) for channel in "RGB"),
    *(f"share of {channel} in {bin * 32}…{bin * 32 + 31}" for channel in "RGB" for bin in range(CHANNEL_BINS)),
    *(f"mean {channel}" for channel in "RGB"),
    *(f"spread of {channel}" for channel in "RGB"),
    *(f"edges at {180 // ORIENTATIONS * turn}° in {row},{column}"
      for row in range(4) for column in range(4) for turn in range(ORIENTATIONS)),
    *(f"power at {ring + 1}/{RINGS} of the finest detail" for ring in range(RINGS)),
)  # fmt: skip


def describe(images: np.ndarray) -> np.ndarray:
    """`(n, s, s, 3)` uint8 to `(n, 398)` float32: 8 × 8 mean colours, histograms, edge directions in 4 × 4 cells, spectrum.

    Each part sees another kind of information, so that one descriptor serves every transformation and a difference in
    accuracy comes from the transformation. About 0.2 ms per image of 64 pixels on one core.
    """
    n = len(images)
    grey = greys(images)
    levels = channel_levels(images)
    coarse = area_means(images.astype(np.float32), GRID).reshape(n, -1) / 255
    mean, spread = _moments(levels)
    edges = area_means(hog_cells(grey), 4).reshape(n, -1)
    parts = [coarse, channel_histograms(levels), mean, spread, edges, radial_spectrum(grey, RINGS)]
    return np.concatenate([part.astype(np.float32) for part in parts], axis=1)


def channel_levels(images: np.ndarray) -> np.ndarray:
    """`(n, s, s, 3)` uint8 to `(n, 3, 256)` float32: how often each value occurs in each channel."""
    import cv2

    counts = np.empty((len(images), 3, 256), dtype=np.float32)
    for levels, picture in zip(counts, images):
        for channel in range(3):
            levels[channel] = cv2.calcHist([picture], [channel], None, [256], [0, 256]).reshape(-1)
    return counts


def _moments(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel as shares of 255, from `(n, 3, 256)` counts."""
    shares = levels / levels.sum(axis=2, keepdims=True, dtype=np.float64)
    value = np.arange(256) / 255
    mean = shares @ value
    return mean, np.sqrt(np.maximum(shares @ value**2 - mean**2, 0))


def greys(images: np.ndarray) -> np.ndarray:
    """`(n, s, s, 3)` to `(n, s, s)`, both uint8: OpenCV's grey, Rec. 601's luma rounded to whole levels."""
    import cv2

    levels = np.empty(images.shape[:3], dtype=np.uint8)
    for grey, image in zip(levels, images):
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY, dst=grey)
    return levels


def area_means(blocks: np.ndarray, cells: int) -> np.ndarray:
    """`(n, h, w, c)` float32 to `(n, cells, cells, c)`: means of equal areas; smaller inputs are repeated first."""
    n, high, wide, channels = blocks.shape
    if high < cells or wide < cells:
        blocks = blocks.repeat(-(-cells // high), axis=1).repeat(-(-cells // wide), axis=2)
        n, high, wide, channels = blocks.shape
    rows = np.arange(cells) * high // cells
    columns = np.arange(cells) * wide // cells
    sums = np.add.reduceat(np.add.reduceat(blocks, rows, axis=1), columns, axis=2)
    sizes = np.outer(np.diff(np.append(rows, high)), np.diff(np.append(columns, wide)))
    return sums / sizes[None, :, :, None]


def channel_histograms(levels: np.ndarray) -> np.ndarray:
    """`(n, 3, 256)` counts to `(n, 24)`: the share of each eighth of the range, per channel."""
    eighths = levels.reshape(len(levels), 3 * CHANNEL_BINS, -1).sum(axis=2)
    return eighths / levels[:, :1].sum(axis=2)


def hog_cells(grey: np.ndarray) -> np.ndarray:
    """Histogram of oriented gradients, `(n, s, s)` uint8 to `(n, s//8, s//8, 9)` float32.

    Dalal and Triggs 2005 with the parameters of Zeng et al.: square root of the intensities, 9 orientations, cells of
    8 × 8 pixels, blocks of 3 × 3 cells, L2-Hys (clip 0.2). A cell's histogram is the mean over the blocks it is in.
    """
    import cv2

    root = np.sqrt(grey, dtype=np.float32)
    down, right = np.zeros_like(root), np.zeros_like(root)
    down[:, 1:-1] = root[:, 2:] - root[:, :-2]
    right[:, :, 1:-1] = root[:, :, 2:] - root[:, :, :-2]
    magnitude, turn = cv2.cartToPolar(right.reshape(-1, 1), down.reshape(-1, 1), angleInDegrees=True)
    n, cells = len(grey), grey.shape[1] // CELL
    bins = (turn.reshape(grey.shape) * (ORIENTATIONS / 180)).astype(np.int32) % ORIENTATIONS
    trimmed = slice(0, cells * CELL)
    cell = np.arange(n)[:, None, None] * cells + (np.arange(cells * CELL) // CELL)[:, None]
    place = (cell * cells + np.arange(cells * CELL) // CELL) * ORIENTATIONS + bins[:, trimmed, trimmed]
    strength = magnitude.reshape(grey.shape)[:, trimmed, trimmed].reshape(-1)
    histogram = np.bincount(place.reshape(-1), strength, minlength=n * cells * cells * ORIENTATIONS) / CELL**2
    histogram = histogram.reshape(n, cells, cells, ORIENTATIONS).astype(np.float32)
    return _over_blocks(histogram)


def _over_blocks(histogram: np.ndarray) -> np.ndarray:
    """Normalises every block of 3 × 3 cells and gives each cell the mean of its shares."""
    cells = histogram.shape[1]
    block = min(BLOCK, cells)
    total, times = np.zeros_like(histogram), np.zeros((cells, cells, 1), dtype=np.float32)
    for row in range(cells - block + 1):
        for column in range(cells - block + 1):
            inside = (slice(None), slice(row, row + block), slice(column, column + block))
            part = histogram[inside]
            part = part / np.sqrt((part**2).sum(axis=(1, 2, 3), keepdims=True) + EPSILON**2)
            part = np.minimum(part, 0.2)
            total[inside] += part / np.sqrt((part**2).sum(axis=(1, 2, 3), keepdims=True) + EPSILON**2)
            times[inside[1:]] += 1
    return total / times


def radial_spectrum(grey: np.ndarray, rings: int) -> np.ndarray:
    """`(n, s, s)` to `(n, rings)`: log of the mean power in `rings` rings of frequency up to half the sampling rate."""
    from scipy import fft

    size = grey.shape[1]
    spectrum = fft.rfft2((grey - grey.mean(axis=(1, 2), keepdims=True)).astype(np.float32))
    power = spectrum.real**2 + spectrum.imag**2
    across = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    ring = np.minimum((across * 2 * rings).astype(np.int64), rings).reshape(-1)
    inside = ring < rings
    sums = np.zeros((len(grey), rings))
    flat = power.reshape(len(grey), -1)
    for one in range(rings):
        members = inside & (ring == one)
        if members.any():
            sums[:, one] = flat[:, members].mean(axis=1)
    return np.log1p(sums)

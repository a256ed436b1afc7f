"""Structure without colour: Canny edges, histograms of oriented gradients, SIFT key points."""

import numpy as np

from ...progress import Progress, silent
from ..descriptor import CELL, ORIENTATIONS, area_means, greys, hog_cells
from ..sample import Sample
from .base import Features, ImageFamily, by_chunk

LOW, HIGH = 85, 255
WORDS = 64
LEARNT_FROM = 40_000


def canny(image: np.ndarray) -> np.ndarray:
    """`(s, s, 3)` uint8 to `(s, s)` uint8, 0 or 255: Gaussian 3 × 3, thresholds 85 and 255, aperture 3, L1 gradient."""
    import cv2

    blurred = cv2.GaussianBlur(image, (3, 3), 0)
    return cv2.Canny(blurred, LOW, HIGH, apertureSize=3, L2gradient=False)


class Canny(ImageFamily):
    """Edges as a black and white drawing."""

    id = "canny"
    title = "Canny edges"
    group = "structure"
    keeps = "outlines"
    published = (71.0, 0.2)
    photographic = False
    mirror = False

    def change(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        edges = np.stack([canny(image) for image in images])
        return np.repeat(edges[..., None], 3, axis=3)

    def parameters(self) -> dict[str, object]:
        return {"blur": "3 × 3", "thresholds": [LOW, HIGH], "aperture": 3, "gradient": "L1"}


class _Structure(ImageFamily):
    """An image family whose numbers are its own descriptor; `change` only draws it."""

    photographic = False

    def change(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        return self.show(images, sample, start)


class Hog(_Structure):
    """Histograms of oriented gradients, at most 8 × 8 cells."""

    id = "hog"
    title = "HOG"
    group = "structure"
    keeps = "local directions of edges"
    published = (79.9, 0.2)

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        def of(block: np.ndarray, start: int) -> np.ndarray:
            return area_means(hog_cells(greys(block)), 8).reshape(len(block), -1)

        names = tuple(f"{turn * 20}° in {row},{column}" for row in range(8) for column in range(8) for turn in range(9))
        return Features(by_chunk(sample, of, progress), names)

    def show(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        """Strokes along the edges of each cell, as strong as the histogram."""
        import cv2

        drawn = np.zeros_like(images)
        for image, cells in zip(drawn, hog_cells(greys(images))):
            strongest = max(float(cells.max()), 1e-6)
            strokes = np.zeros(image.shape[:2], dtype=np.float32)
            for row, column, one in np.ndindex(cells.shape):
                middle = (column * CELL + CELL // 2, row * CELL + CELL // 2)
                angle = np.deg2rad((one + 0.5) * 180 / ORIENTATIONS) + np.pi / 2
                reach = np.array([np.cos(angle), np.sin(angle)]) * (CELL / 2 - 0.5)
                line = np.zeros_like(strokes)
                first, last = np.rint(middle - reach).astype(int), np.rint(middle + reach).astype(int)
                cv2.line(line, first.tolist(), last.tolist(), float(cells[row, column, one] / strongest))
                strokes = np.maximum(strokes, line)
            image[:] = (strokes * 255).astype(np.uint8)[..., None]
        return drawn

    def parameters(self) -> dict[str, object]:
        return {"orientations": ORIENTATIONS, "cell": CELL, "block": 3, "norm": "L2-Hys", "power law": True}


class Sift(_Structure):
    """SIFT key points: how many, how large, which way, and how often each of 64 visual words occurs."""

    id = "sift"
    title = "SIFT"
    group = "structure"
    keeps = "key points"
    published = (65.2, 1.4)

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        from sklearn.cluster import MiniBatchKMeans

        def of(block: np.ndarray, start: int) -> np.ndarray:
            keypoints = np.empty(len(block), dtype=object)
            keypoints[:] = [key_points(grey) for grey in greys(block)]
            return keypoints

        keypoints = by_chunk(sample, of, progress)
        every = np.concatenate([vectors for _, vectors in keypoints])
        facts = np.stack([facts for facts, _ in keypoints])
        if len(every) < WORDS:
            return Features(facts, KEY_POINT_FACTS)
        step = max(1, len(every) // LEARNT_FROM)
        words = MiniBatchKMeans(WORDS, random_state=sample.seed, n_init=1, batch_size=4096, max_iter=20).fit(
            every[::step]
        )
        counts = np.zeros((len(keypoints), WORDS), dtype=np.float32)
        owner = np.repeat(np.arange(len(keypoints)), [len(vectors) for _, vectors in keypoints])
        np.add.at(counts, (owner, words.predict(every)), 1)
        counts /= np.maximum(counts.sum(axis=1, keepdims=True), 1)
        names = (*KEY_POINT_FACTS, *(f"visual word {word}" for word in range(WORDS)))
        return Features(np.concatenate([facts, np.sqrt(counts)], axis=1), names)

    def show(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        """Rich key points on black: a circle of the key point's size with its direction."""
        import cv2

        detector = cv2.SIFT.create()
        drawn = []
        for grey in greys(images):
            black = np.zeros((*grey.shape, 3), dtype=np.uint8)
            points = detector.detect(grey, None)
            flags = cv2.DRAW_MATCHES_FLAGS_DRAW_RICH_KEYPOINTS
            drawn.append(cv2.drawKeypoints(black, points, black.copy(), color=(90, 220, 120), flags=flags))
        return np.stack(drawn)

    def parameters(self) -> dict[str, object]:
        return {"detector": "OpenCV defaults", "visual words": WORDS}


KEY_POINT_FACTS = (
    "log key points", "mean size", "spread of size", "mean strength", *(f"direction {45 * part}°" for part in range(8)),
    *(f"size 2^{part}" for part in range(1, 7)),
)  # fmt: skip


def key_points(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Facts of the key points `(18,)` float32, and their descriptors `(m, 128)` float32 as square roots (RootSIFT)."""
    import cv2

    points, vectors = cv2.SIFT.create().detectAndCompute(grey, None)
    if not points or vectors is None:
        return np.zeros(len(KEY_POINT_FACTS), dtype=np.float32), np.empty((0, 128), dtype=np.float32)
    sizes = np.asarray([point.size for point in points])
    turns = np.asarray([point.angle for point in points])
    count = len(points)
    directions = np.bincount((turns % 360 // 45).astype(np.int64), minlength=8) / count
    octaves = np.bincount(np.clip(np.log2(sizes), 0, 5).astype(np.int64), minlength=6) / count
    strength = np.mean([point.response for point in points])
    facts = [np.log1p(count), sizes.mean(), sizes.std(), strength, *directions, *octaves]
    shares = vectors / np.maximum(vectors.sum(axis=1, keepdims=True), 1e-6)
    return np.asarray(facts, dtype=np.float32), np.sqrt(shares)

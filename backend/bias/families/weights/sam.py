"""SAM contours: outlines of whatever a segmenter takes for a thing."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .base import WithWeights, imported, loaded

POINTS = 32


class SamContours(WithWeights):
    """Borders between automatic masks (32 points a side) as white on black, by a SAM model of transformers. Where masks
    overlap the one with the higher predicted overlap wins, as the paper's text says."""

    id = "sam"
    title = "SAM contours"
    group = "structure"
    keeps = "outlines of things"
    published = (73.2, 0.6)

    @cached_property
    def _pipeline(self) -> Any:
        transformers = imported("transformers")
        return loaded(transformers.pipeline, "mask-generation", model=self.weights, device=self.where)

    def parameters(self) -> dict[str, Any]:
        return {"weights": self.weights, "points per side": POINTS}

    def changed(self, images: np.ndarray) -> np.ndarray:
        from PIL import Image

        drawn = []
        for image in images:
            results = self._pipeline(Image.fromarray(image), points_per_batch=64, points_per_crop=POINTS)
            drawn.append(contours(results["masks"], results["scores"], image.shape[0]))
        return np.repeat(np.stack(drawn)[..., None], 3, axis=3)


def contours(masks: Sequence[Any], scores: Sequence[Any], size: int) -> np.ndarray:
    """`(size, size)` uint8: 255 where one of the 4 neighbours belongs to another mask; the image's border never."""
    owner = np.zeros((size, size), dtype=np.int32)
    order = np.argsort([float(score) for score in scores], kind="stable")
    for number in order:
        owner[np.asarray(masks[number], dtype=bool)] = int(number) + 1
    edge = np.zeros((size, size), dtype=bool)
    middle = owner[1:-1, 1:-1]
    for down, right in ((0, 1), (2, 1), (1, 0), (1, 2)):
        edge[1:-1, 1:-1] |= middle != owner[down : down + size - 2, right : right + size - 2]
    return np.where(edge, 255, 0).astype(np.uint8)

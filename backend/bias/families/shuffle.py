"""Pixel and patch shuffle: local texture without the arrangement."""

from dataclasses import dataclass

import numpy as np

from ..sample import Sample
from .base import ImageFamily


@dataclass(frozen=True, kw_only=True)
class Shuffle(ImageFamily):
    """Moves square patches of `patch` pixels; `fixed` moves those of every image alike, else each has its own order,
    drawn from (seed, uid). An image whose side is no multiple of `patch` loses the rest at its right and bottom."""

    id = "shuffle"
    title = "Shuffle"
    group = "shuffle"
    keeps = "pixels or patches without their place"
    patch: int = 1
    fixed: bool = False

    @property
    def name(self) -> str:
        what = "pixel_shuffle" if self.patch == 1 else f"patch_shuffle_{self.patch}"
        return f"{what}_{'fixed' if self.fixed else 'random'}"

    @property
    def label(self) -> str:
        what = "Pixel shuffle" if self.patch == 1 else f"Patch shuffle {self.patch} px"
        return f"{what}, {'fixed' if self.fixed else 'random'}"

    @property
    def reference(self) -> tuple[float, float] | None:
        """The published accuracy; sizes other than 1 and 16 are read off a figure."""
        return PUBLISHED.get((self.patch, self.fixed))

    def change(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        count = (images.shape[1] // self.patch) ** 2
        if self.fixed:
            order = np.random.default_rng(sample.seed).permutation(count)
            return shuffled(images, np.broadcast_to(order, (len(images), count)), self.patch)
        orders = np.empty((len(images), count), dtype=np.int64)
        for number in range(len(images)):
            place = start + number
            key = [sample.seed, int(sample.uid_hi[place]), int(sample.uid_lo[place])]
            orders[number] = np.random.default_rng(key).permutation(count)
        return shuffled(images, orders, self.patch)


PUBLISHED = {
    (1, False): (52.2, 0.8), (1, True): (58.5, 0.5), (16, False): (80.1, 0.2), (16, True): (81.2, 0.3),
    (2, False): (70.8, 0.0), (2, True): (70.3, 0.0), (4, False): (76.3, 0.0), (4, True): (76.6, 0.0),
    (8, False): (77.3, 0.0), (8, True): (78.3, 0.0),
}  # fmt: skip


def shuffled(images: np.ndarray, orders: np.ndarray, patch: int) -> np.ndarray:
    """`(n, s, s, 3)` with patch j of the result = patch `orders[i, j]` of image i, both counted row by row."""
    n, size = images.shape[:2]
    side = size // patch
    tiles = images[:, : side * patch, : side * patch].reshape(n, side, patch, side, patch, 3)
    tiles = tiles.transpose(0, 1, 3, 2, 4, 5).reshape(n, side * side, patch, patch, 3)
    moved = np.take_along_axis(tiles, orders[:, :, None, None, None], axis=1)
    moved = moved.reshape(n, side, side, patch, patch, 3).transpose(0, 1, 3, 2, 4, 5)
    moved = moved.reshape(n, side * patch, side * patch, 3)
    if side * patch == size:
        return np.ascontiguousarray(moved)
    whole = np.zeros_like(images)
    whole[:, : side * patch, : side * patch] = moved
    return whole

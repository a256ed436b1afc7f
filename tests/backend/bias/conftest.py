"""Samples with a known difference, without a pool where none is needed."""

from collections.abc import Callable

import numpy as np
import pytest

from poolscope.bias.image import FILE_FACTS
from poolscope.bias.sample import Sample
from poolscope.bias.sets import PairSet

Make = Callable[..., Sample]


def noise(count: int, seed: int, size: int = 32) -> np.ndarray:
    """`(count, size, size, 3)` images of smooth random colours."""
    import cv2

    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_CUBIC) for one in small])


@pytest.fixture
def make() -> Make:
    """`make(images, labels, texts=…)` is a sample of those pairs."""

    def build(images: np.ndarray, labels: np.ndarray, **more: object) -> Sample:
        count = len(labels)
        names = tuple(PairSet(f"set {one}") for one in range(int(labels.max()) + 1))
        values = {
            "sets": names, "labels": labels, "rows": np.arange(count), "seed": 0, "size": images.shape[1],
            "uid_hi": np.arange(count, dtype=np.uint64), "uid_lo": np.arange(count, dtype=np.uint64) * 7,
            "images": images, "facts": np.zeros((count, len(FILE_FACTS)), np.float32),
        }  # fmt: skip
        return Sample(**(values | more))  # type: ignore[arg-type]

    return build

"""Images and captions of a pool as a network takes them, batch by batch."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...pool import Pool

BATCH = 256


@dataclass(frozen=True)
class Images:
    """k pairs: `rows` (k,), the `pixels` (m, 3, H, W) of those that have a readable image and a caption, `there` (k,) bool,
    captions, empty where there is none."""

    rows: np.ndarray
    pixels: Any
    there: np.ndarray
    captions: list[str]


def decode(raw: bytes | None, transform: Callable[[Any], Any]) -> Any:
    """The transformed image `(3, H, W)`, None if there is none or it can't be decoded."""
    from ...pool.decoding import open_rgb

    try:
        return None if raw is None else transform(open_rgb(raw))
    except (ValueError, OSError):
        return None


def read_images(pool: Pool, rows: Sequence[int] | np.ndarray, transform: Callable[[Any], Any]) -> Iterator[Images]:
    """The pairs of `rows` in batches; images are decoded by two threads, those that can't be, or whose pair has no caption,
    are left out of `pixels`."""
    import torch

    with ThreadPoolExecutor(2) as threads:
        for start in range(0, len(rows), BATCH):
            part = np.asarray(rows[start : start + BATCH])
            captions = [caption or "" for caption in pool.take(part, ["text"])["text"].to_pylist()]
            files = [raw if caption.strip() else None for raw, caption in zip(pool.images(part), captions, strict=True)]
            images = list(threads.map(partial(decode, transform=transform), files))
            there = np.array([image is not None for image in images], bool)
            pixels = torch.stack([image for image in images if image is not None]) if there.any() else None
            yield Images(part, pixels, there, captions)

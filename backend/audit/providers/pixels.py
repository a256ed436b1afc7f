"""Looks of images: white or dark surroundings, grey, flat graphics, from small copies of the images."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ...pool import Pool
from ...progress import Progress
from ..group import Group
from ..provider import Provider

SIDE = 64
BATCH = 512
LOOKS = {
    "white_background": ("has a white surrounding", "at least 90 % of the border pixels are near white"),
    "dark_background": ("has a dark surrounding", "at least 90 % of the border pixels are near black"),
    "grey": ("is without colour", "mean chroma below 6 of 255"),
    "flat": ("looks like a flat graphic", "the eight commonest of 4,096 colours cover 80 % of the pixels or more"),
    "photo": ("looks like a photograph", "the eight commonest of 4,096 colours cover less than 40 % of the pixels"),
}
ERROR = "thresholds set by hand; product photographs count as white surrounding, simple photographs as flat graphics"


class Pixels(Provider):
    """Decodes every image once, at 64 pixels; about 1 ms an image."""

    id = "pixels"
    families = ("look of image",)
    costly = True

    def missing(self, pool: Pool) -> str:
        return "" if "image" in pool.columns else "the pool has no images"

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        number, first = distinct_pictures(pool)
        flags = np.zeros((len(first), len(LOOKS)), dtype=bool)
        with ThreadPoolExecutor(2) as threads:
            for start in range(0, len(first), BATCH):
                images = pool.images(first[start : start + BATCH])
                flags[start : start + len(images)] = list(threads.map(_look, images))
                progress(min(start + BATCH, len(first)), len(first), "looks of images")
        looks = flags[number] if len(first) else np.zeros((len(pool), len(LOOKS)), dtype=bool)
        return [
            Group.of(looks[:, place], f"look.{name}", self.families[0], name, title,
                     method=method, error=ERROR, source=self.id)
            for place, (name, (title, method)) in enumerate(LOOKS.items())
            if looks[:, place].any()
        ]  # fmt: skip


def distinct_pictures(pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    """`(n,)` number of each pair's image among the distinct ones, and `(m,)` a row that has each; by place in its file."""
    import pyarrow as pa

    table = pa.Table.from_batches(pool.scan(["image", "image_offset"], batch_size=65_536))
    image = table["image"].combine_chunks().dictionary_encode()
    if isinstance(image, pa.ChunkedArray):
        image = image.combine_chunks()
    file = image.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    offset = table["image_offset"].fill_null(0).to_numpy().astype(np.int64)
    order = np.lexsort((offset, file))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (np.diff(file[order]) != 0) | (np.diff(offset[order]) != 0)
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(fresh) - 1
    return number, order[fresh]


def look(pixels: np.ndarray) -> np.ndarray:
    """`(h, w, 3)` uint8 to `(5,)` bool in the order of LOOKS."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    chroma = (pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)).mean()
    coarse = (pixels >> 4).astype(np.int32)
    colours = np.sort(np.bincount((coarse[..., 0] << 8 | coarse[..., 1] << 4 | coarse[..., 2]).ravel(), minlength=4096))
    covered = colours[-8:].sum() / pixels[..., 0].size
    white, dark = (border.min(axis=1) >= 240).mean(), (border.max(axis=1) <= 24).mean()
    return np.array([white >= 0.9, dark >= 0.9, chroma < 6, covered >= 0.8, covered < 0.4])


def _look(picture: bytes | None) -> np.ndarray:
    from ...pool.decoding import open_rgb

    try:
        image = open_rgb(picture or b"")
    except ValueError:
        return np.zeros(len(LOOKS), dtype=bool)
    image.thumbnail((SIDE, SIDE))
    return look(np.asarray(image))

"""A source image of the demo: its captions, its thumbnail, and the near duplicates among many."""

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

THUMBNAIL = 96
QUALITY = 72
HASH_SIDE = 16


@dataclass(frozen=True, kw_only=True)
class Caption:
    """One caption of an image; `language` is a code where the source says it, else None."""

    text: str
    language: str | None = None


@dataclass(frozen=True, kw_only=True)
class SourceImage:
    """One image of a source package.

    `url` is a stable pseudo path, `width` and `height` the pixels of the source image, `sha256` the digest
    of its bytes (64 hex digits), `thumbnail` a WebP file, `print_` a 256-bit difference hash as 32 bytes.
    """

    url: str
    source: str
    title: str
    group: str
    keywords: str
    captions: tuple[Caption, ...]
    width: int
    height: int
    sha256: str
    thumbnail: bytes = field(repr=False)
    print_: bytes = field(repr=False)

    @property
    def stem(self) -> str:
        """The file name without folder and extension."""
        return self.url.rsplit("/", 1)[1].rsplit(".", 1)[0]


def on_white(image: Image.Image, side: int) -> Image.Image:
    """The image shrunk so that its longest side is at most `side` pixels, transparency on white, RGB."""
    rgba = image.convert("RGBA")
    if max(rgba.size) > 4 * side:
        rgba.thumbnail((4 * side, 4 * side), Image.Resampling.BOX)
    paper = Image.new("RGBA", rgba.size, "white")
    paper.alpha_composite(rgba)
    rgb = paper.convert("RGB")
    rgb.thumbnail((side, side), Image.Resampling.LANCZOS)
    return rgb


def webp(image: Image.Image, quality: int = QUALITY) -> bytes:
    """The image as a WebP file: lossy or lossless, whichever is smaller."""
    files = []
    for options in ({"quality": quality}, {"lossless": True, "quality": 80}):
        buffer = io.BytesIO()
        image.save(buffer, "webp", method=6, **options)
        files.append(buffer.getvalue())
    return min(files, key=len)


def difference_hash(image: Image.Image) -> bytes:
    """256 bits: is each pixel of a 17 x 16 grey version brighter than its left neighbour. 32 bytes."""
    grey = np.asarray(image.convert("L").resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX), np.int16)
    return np.packbits(np.diff(grey, axis=1) > 2).tobytes()


def unit_hash(*parts: str) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def clusters(images: Sequence[SourceImage], *, distance: int = 12) -> np.ndarray:
    """Group near duplicates: (n,) int64, equal numbers for images of one cluster.

    Two images join if their bytes are equal, if their difference hashes differ in at most `distance` of
    256 bits and neither is almost blank, or if they share the title and the file name up to its numbers, in a
    series of at most four (longer series are different images with a poor title).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(images)
    by_bytes: dict[str, list[int]] = {}
    by_name: dict[tuple[str, str], list[int]] = {}
    for i, image in enumerate(images):
        by_bytes.setdefault(image.sha256, []).append(i)
        name = re.sub(r"[\d_]+", "", image.stem)
        if image.title and name:
            by_name.setdefault((image.title.lower(), name), []).append(i)
    alike = [*by_bytes.values(), *(members for members in by_name.values() if len(members) <= 4)]
    joined = [(members[0], other) for members in alike for other in members[1:]]

    prints = np.frombuffer(b"".join(p.print_ for p in images), np.uint64).reshape(n, -1)
    bits = np.bitwise_count(prints).sum(1)
    clear = np.flatnonzero((bits >= 12) & (bits <= 244))
    for i, row in enumerate(clear[:-1]):
        later = clear[i + 1 :]
        apart = np.bitwise_count(prints[later] ^ prints[row]).sum(1)
        joined += [(row, other) for other in later[apart <= distance]]
    ends = np.array(joined, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(ends.shape[1]), tuple(ends)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)

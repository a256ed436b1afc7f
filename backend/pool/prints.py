"""Prints: what an image looks like in a few bytes, so that copies are found that were resized or compressed again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from .decoding import open_rgb

BITS, SHADES = 4, 16  # of 64 bits and of 256 shades: what compression moves, and less than another skin tone does
GRID = 8


@dataclass(frozen=True, eq=False)
class Prints:
    """Of n images: `digests` of their files, `shapes` `(n,)` uint64 (perceptual hash), `colours` `(n, 192)` uint8.

    An image that can't be decoded has the shape 0 and no colour, and is only like its exact copies.
    """

    digests: tuple[bytes, ...]
    shapes: np.ndarray
    colours: np.ndarray

    @classmethod
    def of(cls, images: Iterable[bytes]) -> "Prints":
        digests, shapes, colours = [], [], []
        for image in images:
            shape, colour = _looks(image)
            digests.append(blake2b(image, digest_size=16).digest())
            shapes.append(shape)
            colours.append(colour)
        grid = np.stack(colours) if colours else np.empty((0, 3 * GRID * GRID), np.uint8)
        return cls(tuple(digests), np.array(shapes, np.uint64), grid)

    def like(self, others: "Prints") -> np.ndarray:
        """`(n,)` int64: for each image the first of `others` that is the same file or nearly the same image, else -1."""
        places = {digest: place for place, digest in reversed(list(enumerate(others.digests)))}
        rows = np.array([places.get(digest, -1) for digest in self.digests], np.int64)
        for place in np.flatnonzero((rows < 0) & (self.shapes != 0)):
            near = np.flatnonzero(np.bitwise_count(others.shapes ^ self.shapes[place]) <= BITS)
            shades = np.abs(others.colours[near].astype(np.int16) - self.colours[place]).max(axis=1, initial=0)
            same = near[(shades <= SHADES) & (others.shapes[near] != 0)]
            rows[place] = same[0] if len(same) else -1
        return rows


def joined(parts: Sequence[Prints]) -> Prints:
    """All images of several, in order."""
    return Prints(
        tuple(digest for part in parts for digest in part.digests),
        np.concatenate([part.shapes for part in parts]),
        np.concatenate([part.colours for part in parts]),
    )


def _looks(image: bytes) -> tuple[int, np.ndarray]:
    import imagehash

    try:
        opened = open_rgb(image, 128)
    except ValueError:
        return 0, np.zeros(3 * GRID * GRID, np.uint8)
    shape = int.from_bytes(np.packbits(imagehash.phash(opened).hash).tobytes(), "big")
    return shape or 1, np.asarray(opened.resize((GRID, GRID)), np.uint8).ravel()

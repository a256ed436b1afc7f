"""The density of all pairs of a large pool, kept and dropped, as an image under the points of its map."""

import io

import numpy as np

from ..kernels.incremental import Tally
from .everyone import NOWHERE

GRID = 512  # cells to a side
SHARES, STRENGTHS = 16, 16  # steps of the kept share and of the density: 256 colours
FAINTEST, STRONGEST = 24, 190  # of 255


class Density:
    """Counts the pairs of each cell of a grid under a mask; follows a slider by the pairs that moved."""

    def __init__(self, everyone: np.ndarray) -> None:
        """`everyone` `(n, 2)` uint16: see `Map`."""
        codes = np.full(len(everyone), GRID * GRID, dtype=np.uint32)
        size = 65536 // GRID
        for start in range(0, len(everyone), 1 << 20):
            part = everyone[start : start + (1 << 20)]
            down = GRID - 1 - part[:, 1].astype(np.uint32) // size  # the first row is on top
            cell = down * GRID + part[:, 0] // size
            there = part[:, 0] != NOWHERE
            codes[start : start + len(part)][there] = cell[there]
        self._tally = Tally(codes[:, None], GRID * GRID + 1)
        self.all = np.bincount(codes, minlength=GRID * GRID + 1)[:-1].reshape(GRID, GRID)
        most = max(2.0, float(np.quantile(self.all[self.all > 0], 0.995))) if self.all.any() else 2.0
        strength = np.clip(np.log1p(self.all) / np.log1p(most), 0, 1)
        self._levels = np.where(self.all > 0, 1 + np.rint(strength * (STRENGTHS - 2)), 0).astype(np.uint8)
        self._share_of = ((SHARES - 1) / np.maximum(self.all, 1)).astype(np.float32)

    def kept(self, mask: np.ndarray) -> np.ndarray:
        """`(512, 512)` int32 pairs of the packed mask in each cell, the top row first."""
        return self._tally.count(mask)[0, :-1].reshape(GRID, GRID)

    def png(self, mask: np.ndarray, kept: str, dropped: str) -> bytes:
        """The image: hue from the colour `dropped` to `kept` (`#rrggbb`) by the kept share of a cell, opacity by the
        logarithm of its pairs, nothing where there are none."""
        from PIL import Image

        shares = self.kept(mask).astype(np.float32)
        shares *= self._share_of
        codes = np.rint(shares, out=shares).astype(np.uint8)
        codes *= STRENGTHS
        codes += self._levels
        image = Image.fromarray(codes, "P")
        ends = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (dropped, kept)])
        steps = np.linspace(0, 1, SHARES)[:, None]
        hues = np.rint(ends[0] * (1 - steps) + ends[1] * steps).astype(np.uint8)
        image.putpalette(np.repeat(hues, STRENGTHS, axis=0).tobytes())
        opacity = np.concatenate([[0], np.linspace(FAINTEST, STRONGEST, STRENGTHS - 1)])
        out = io.BytesIO()
        image.save(out, "PNG", transparency=bytes(np.tile(opacity, SHARES).astype(np.uint8)), compress_level=1)
        return out.getvalue()

"""The density under the points counts every pair, where it lies."""

import io

import numpy as np
from PIL import Image

from poolscope.kernels import bits
from poolscope.projection.density import GRID, Density
from poolscope.projection.everyone import NOWHERE


def test_the_image_shows_where_pairs_are_kept_and_dropped():
    places = np.array([[0, 65535], [10, 65535], [65535 - 1, 0], [65535 - 1, 5], [NOWHERE, NOWHERE]], dtype=np.uint16)
    density = Density(places)
    assert density.all.sum() == 4
    assert (density.all[0, 0], density.all[GRID - 1, GRID - 1]) == (2, 2)  # y upwards: the first two are on top
    kept = bits.pack(np.array([True, True, False, False, True]))
    assert density.kept(kept)[0, 0] == 2
    assert density.kept(kept).sum() == 2
    image = Image.open(io.BytesIO(density.png(kept, "#0000ff", "#ff0000"))).convert("RGBA")
    assert image.size == (GRID, GRID)
    assert image.getpixel((0, 0))[:3] == (0, 0, 255)
    assert image.getpixel((GRID - 1, GRID - 1))[:3] == (255, 0, 0)
    assert image.getpixel((0, 0))[3] > 100
    assert image.getpixel((5, 5))[3] == 0


def test_a_moved_mask_counts_only_what_moved_and_agrees():
    rng = np.random.default_rng(0)
    places = rng.integers(0, 65535, (20_000, 2)).astype(np.uint16)
    density = Density(places)
    for fraction in (0.3, 0.31, 0.9):
        kept = np.random.default_rng(1).random(20_000) < fraction
        expected = Density(places[kept]).all
        assert np.array_equal(density.kept(bits.pack(kept)), expected)

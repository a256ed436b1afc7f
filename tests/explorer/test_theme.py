"""Colours of the map: two recipes are told apart by who doesn't see red, green or blue apart."""

import itertools

import numpy as np

from poolscope.explorer import theme

# Machado, Oliveira and Fernandes (2009), severity 1: linear RGB as people with protanopia, deuteranopia, tritanopia see it.
SEEN = {
    "usual": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def lab(colour: str, seen: object) -> np.ndarray:
    """CIELAB of `#rrggbb`."""
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(np.asarray(seen) @ linear, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_two_recipes_are_told_apart_by_the_colour_blind():
    for seen in SEEN.values():
        for one, other in itertools.combinations([theme.BOTH, theme.ONLY_A, theme.ONLY_B, theme.NEITHER], 2):
            assert np.linalg.norm(lab(one, seen) - lab(other, seen)) > 20


def test_every_value_of_a_category_has_its_own_colour():
    from poolscope.projection.colouring import CLASSES, MOST

    assert len(set(theme.CATEGORIES)) == MOST
    assert len(set(theme.SEQUENCE)) == CLASSES

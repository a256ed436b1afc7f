"""The descriptor's parts against slow, literal versions of their definitions."""

import numpy as np
import pytest

from poolscope.bias.descriptor import DESCRIPTOR, area_means, describe, greys, hog_cells, radial_spectrum
from tests.backend.bias.conftest import noise


def literal_hog(grey: np.ndarray) -> np.ndarray:
    """One image, loop by loop."""
    root = np.sqrt(grey.astype(np.float64))
    size, cells = len(grey), len(grey) // 8
    histogram = np.zeros((cells, cells, 9))
    for row in range(cells * 8):
        for column in range(cells * 8):
            down = root[row + 1, column] - root[row - 1, column] if 0 < row < size - 1 else 0.0
            right = root[row, column + 1] - root[row, column - 1] if 0 < column < size - 1 else 0.0
            angle = np.rad2deg(np.arctan2(down, right)) % 180
            histogram[row // 8, column // 8, min(int(angle // 20), 8)] += np.hypot(down, right) / 64
    total, times = np.zeros_like(histogram), np.zeros((cells, cells, 1))
    for row in range(cells - 2):
        for column in range(cells - 2):
            block = histogram[row : row + 3, column : column + 3]
            block = block / np.sqrt((block**2).sum() + 1e-10)
            block = np.minimum(block, 0.2)
            block = block / np.sqrt((block**2).sum() + 1e-10)
            total[row : row + 3, column : column + 3] += block
            times[row : row + 3, column : column + 3] += 1
    return total / times


def test_grey_is_rounded_as_opencv_does():
    colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [3, 2, 4], [10, 20, 30], [90, 90, 90]]
    assert greys(np.array([[colours]], dtype=np.uint8)).tolist() == [[[76, 150, 29, 3, 18, 90]]]


def test_hog_is_that_of_scikit_image():
    """`skimage.feature.hog` 0.26 with the parameters of Zeng et al. on the same image: its only block, two cells of it."""
    row, column = np.mgrid[:24, :24]
    image = np.stack([row * 10, column * 7 % 90, (row + column) * 5], axis=2).astype(np.uint8)
    cells = hog_cells(greys(image[None]))[0]
    assert cells[0, 0] == pytest.approx([0.100206, 0.282925, 0, 0, 0.086626, 0, 0, 0, 0], abs=1e-5)
    assert cells[2, 1] == pytest.approx([0.069037, 0.257369, 0, 0, 0, 0, 0, 0, 0.282925], abs=1e-5)


def test_one_colour_has_no_edges_and_no_spectrum():
    flat = np.full((1, 64, 64, 3), (200, 13, 77), dtype=np.uint8)
    assert not hog_cells(greys(flat)).any()
    assert not radial_spectrum(greys(flat), 32).any()


def test_hog_is_the_literal_one():
    grey = greys(noise(3, 4))
    found = hog_cells(grey)
    assert found.shape == (3, 4, 4, 9)
    for one, picture in zip(found, grey):
        # angles come from a fast arctangent, which is off by up to 0.3 degrees: a few pixels change their bin
        assert np.abs(one - literal_hog(picture)).mean() < 2e-3


def test_area_means_of_equal_and_unequal_areas():
    block = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    assert area_means(block, 2)[0, :, :, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert area_means(block, 3).shape == (1, 3, 3, 1)
    assert area_means(block, 8)[0, 0, 0, 0] == 0


def test_spectrum_finds_the_frequency_of_a_wave():
    axis = np.arange(64)
    for waves in (4, 20):
        picture = np.broadcast_to(np.sin(2 * np.pi * waves * axis / 64), (1, 64, 64)).astype(np.float32)
        assert int(radial_spectrum(picture, 32)[0].argmax()) == waves


def test_description_has_a_name_per_number_and_ignores_the_company():
    images = noise(5, 5, size=64)
    found = describe(images)
    assert found.shape == (5, len(DESCRIPTOR))
    assert describe(images[3:4])[0] == pytest.approx(found[3], abs=1e-4)

"""Regions: density decides where they are, their captions what they are called."""

import numpy as np
import pytest

from poolscope.projection import Map
from poolscope.projection.regions import UNNAMED, basins, regions


@pytest.fixture
def crowds() -> tuple[np.ndarray, np.ndarray]:
    """Three crowds of 300, 200 and 100 points, and which crowd each point is of."""
    rng = np.random.default_rng(0)
    centres = np.array([[-0.6, -0.6], [0.6, -0.5], [0.1, 0.7]])
    crowd = np.repeat([0, 1, 2], [300, 200, 100])
    return (centres[crowd] + rng.normal(scale=0.04, size=(600, 2))).astype(np.float32), crowd


def test_each_crowd_is_one_region_largest_first(crowds):
    xy, crowd = crowds
    codes, peaks = basins(xy, smoothing=10, most=9)
    assert codes.tolist() == crowd.tolist()
    assert np.abs(peaks - [[-0.6, -0.6], [0.6, -0.5], [0.1, 0.7]]).max() < 0.05


def test_only_the_largest_regions_are_kept(crowds):
    codes, peaks = basins(crowds[0], smoothing=10, most=2)
    assert len(peaks) == 2
    assert set(codes[crowds[1] == 2]) == {-1}


def test_regions_are_named_by_what_their_captions_share(tiny_pool):
    captions = tiny_pool.strings("text").to_pylist()
    dogs = np.array(["dog" in caption for caption in captions])
    xy = np.where(dogs, 0.7, -0.7)[:, None] * np.ones((1, 2)) + np.random.default_rng(0).normal(
        scale=0.02, size=(200, 2)
    )
    found = regions(tiny_pool, Map("l14", np.arange(200, dtype=np.uint32), xy.astype(np.float32), {}))
    coarse, codes = found.at(0)
    assert set(codes[dogs]) == {1}
    assert coarse[1].points == dogs.sum()
    assert set(coarse[1].label.split(", ")) < {"dog", "runs", "fast", "small"}
    assert not {"dog", "runs", "fast"} & set(coarse[0].label.split(", "))
    assert all(region["label"] != UNNAMED for region in found.as_json())


def test_a_pool_without_words_has_unnamed_regions(tiny_pool):
    rows = np.array([n for n, text in enumerate(tiny_pool.strings("text").to_pylist()) if text.startswith("IMG_")])
    xy = np.random.default_rng(0).normal(scale=0.1, size=(len(rows), 2)).astype(np.float32)
    found = regions(tiny_pool, Map("l14", rows[:13].astype(np.uint32), xy[:13], {}))
    assert found.as_json() == [] or all("img" in region["label"] for region in found.as_json())

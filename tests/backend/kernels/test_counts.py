"""Packed bitmaps count as masks do."""

import numpy as np
import pytest

from poolscope.kernels import bits, counts

PAIRS = 1003  # not a multiple of 64


@pytest.fixture
def masks() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.random((5, PAIRS)) < np.array([[0.0], [0.01], [0.3], [0.9], [1.0]])


@pytest.fixture
def packed(masks: np.ndarray) -> np.ndarray:
    return np.stack([bits.pack(mask) for mask in masks])


def test_packing_goes_there_and_back(masks, packed):
    assert packed.dtype == np.uint64
    assert packed.shape == (5, 16)
    for mask, words in zip(masks, packed):
        np.testing.assert_array_equal(bits.unpack(words, PAIRS), mask)


def test_counts_are_those_of_the_masks(masks, packed):
    kept = np.random.default_rng(1).random(PAIRS) < 0.4
    np.testing.assert_array_equal(counts.group_counts(packed, bits.pack(kept)), (masks & kept).sum(axis=1))
    both, taken = counts.pair_counts(packed, packed[1:3], bits.pack(kept))
    np.testing.assert_array_equal(both, [[(a & b).sum() for b in masks[1:3]] for a in masks])
    np.testing.assert_array_equal(taken, [[(a & b & kept).sum() for b in masks[1:3]] for a in masks])


def test_sparse_rows_count_the_same():
    rng = np.random.default_rng(3)
    masks = rng.random((4, 50_000)) < np.array([[0.0], [0.0005], [0.004], [0.5]])
    packed = np.stack([bits.pack(mask) for mask in masks])
    sparse = counts.Sparse.of(packed)
    assert np.diff(sparse.starts)[1] > 0
    assert np.diff(sparse.starts)[3] == 0
    kept = rng.random(50_000) < 0.4
    rows = np.array([3, 1, 2, 0])
    np.testing.assert_array_equal(
        counts.group_counts(packed, bits.pack(kept), rows, sparse), (masks & kept).sum(axis=1)[rows]
    )


def test_coded_counts_are_histograms(masks, packed):
    codes = np.random.default_rng(2).integers(0, 7, PAIRS).astype(np.uint16)
    expected = [np.bincount(codes[mask], minlength=7) for mask in masks]
    np.testing.assert_array_equal(counts.coded_counts(packed, codes, 7), expected)


def test_no_groups_and_no_pairs_count_nothing():
    assert counts.group_counts(np.empty((0, 4), np.uint64), np.zeros(4, np.uint64)).shape == (0,)
    assert counts.group_counts(np.empty((3, 0), np.uint64), np.zeros(0, np.uint64)).tolist() == [0, 0, 0]

"""Two scores compared: against scipy, against the naive definitions, with ties, gaps and constants."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from poolscope.errors import InputError
from poolscope.recipe.agreement import compare


def scores(n: int = 2000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    a = rng.normal(size=n).astype(np.float32).round(1)
    b = (a + rng.normal(size=n)).astype(np.float32)
    a[rng.integers(0, n, 50)] = np.nan
    b[rng.integers(0, n, 70)] = np.nan
    return a, b, rng.permutation(n).astype(np.uint32)


def test_rank_correlation_is_scipys_with_ties_and_gaps() -> None:
    a, b, order = scores()
    found = compare(a, b, order)
    expected = spearmanr(a, b, nan_policy="omit").statistic
    assert found.spearman == pytest.approx(expected, abs=1e-9)
    assert found.pairs == int((~np.isnan(a) & ~np.isnan(b)).sum())
    assert found.scored == (int((~np.isnan(a)).sum()), int((~np.isnan(b)).sum()))
    assert compare(a, -a, order).spearman == pytest.approx(-1)
    assert np.isnan(compare(np.ones(2000, np.float32), b, order).spearman)


def test_overlap_is_the_share_that_two_tops_have_in_common() -> None:
    a, b, order = scores()
    rank = np.empty(len(a), int)
    rank[order] = np.arange(len(a))
    both = np.flatnonzero(~np.isnan(a) & ~np.isnan(b))
    found = compare(a, b, order, fractions=(0.1, 0.29, 1.0))
    for fraction, overlap in zip(found.fractions, found.overlap, strict=True):
        top = int(np.floor(fraction * len(both)))
        tops = [set(both[np.lexsort((rank[both], -score[both]))[:top]].tolist()) for score in (a, b)]
        assert overlap == len(tops[0] & tops[1]) / top
    assert compare(a, a, order).overlap.tolist() == [1.0] * 100
    assert found.overlap_at(0.3) == found.overlap[1]


def test_the_pairs_they_disagree_on_most() -> None:
    a = np.array([5, 4, 3, 2, 1, np.nan], np.float32)
    b = np.array([1, 4, 3, 2, 5, 9], np.float32)
    found = compare(a, b, np.arange(6), most=2)
    assert found.rows_a.tolist() == [0]
    assert found.rows_b.tolist() == [4]
    assert found.places_a.tolist() == [[0.0, 0.8]]
    assert found.places_b.tolist() == [[0.8, 0.0]]


def test_every_pair_is_in_the_density_once() -> None:
    a, b, order = scores()
    found = compare(a, b, order, bins=10, points=100)
    assert found.density.sum() == found.pairs
    there = ~np.isnan(a) & ~np.isnan(b)
    clipped = [np.clip(x[there], e[0], e[-1]) for x, e in ((a, found.edges_a), (b, found.edges_b))]
    naive = np.histogram2d(*clipped, bins=(found.edges_a, found.edges_b))[0]
    assert np.abs(naive - found.density).sum() <= 0.002 * found.pairs  # a score on an edge may fall on either side
    assert 50 <= len(found.sample) <= 100


def test_row_order_changes_nothing() -> None:
    a, b, order = scores()
    shuffle = np.random.default_rng(1).permutation(len(a))
    back = np.argsort(shuffle)
    one, two = compare(a, b, order), compare(a[shuffle], b[shuffle], back[order])
    np.testing.assert_array_equal(one.overlap, two.overlap)
    np.testing.assert_array_equal(one.rows_a, shuffle[two.rows_a])
    np.testing.assert_array_equal(one.density, two.density)
    assert one.spearman == pytest.approx(two.spearman)


def test_nothing_to_compare_is_said() -> None:
    empty = np.full(4, np.nan, np.float32)
    with pytest.raises(InputError, match="0 pairs have both scores"):
        compare(empty, np.ones(4, np.float32), np.arange(4))
    with pytest.raises(InputError, match="each is above 0"):
        compare(np.arange(4.0), np.arange(4.0), np.arange(4), fractions=(0.0,))

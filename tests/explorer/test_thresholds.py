"""Thresholds and fractions say the same thing, exactly; the pairs next to a threshold are the nearest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolscope.explorer import thresholds
from poolscope.recipe.grammar import exact_count


@given(st.integers(1, 13_000_000), st.data())
def test_fraction_for_gives_exactly_that_count(total, data):
    count = data.draw(st.integers(0, total))
    assert exact_count(thresholds.fraction_for(count, total), total) == count


def test_fraction_for_is_short():
    assert thresholds.fraction_for(3_840_000, 12_800_000) == 0.3


@pytest.mark.parametrize("best", [True, False])
def test_threshold_for_keeps_that_many(best):
    rng = np.random.default_rng(0)
    scores = rng.permutation(1000).astype(np.float32) / 7
    scores[::10] = np.nan
    alive = rng.random(1000) < 0.5
    cut = thresholds.threshold_for(scores, alive, 100, best=best)
    kept = alive & (scores >= np.float32(cut) if best else scores <= np.float32(cut))
    assert kept.sum() == 100


def test_threshold_for_nothing_is_none():
    assert thresholds.threshold_for(np.full(5, np.nan, np.float32), np.ones(5, bool), 3) is None
    assert thresholds.threshold_for(np.ones(5, np.float32), np.ones(5, bool), 0) is None


def test_bars_count_every_scored_pair():
    scores = np.concatenate([np.random.default_rng(0).normal(size=5000), [np.nan, np.inf, 90.0]]).astype(np.float32)
    found = thresholds.bars(scores)
    assert found.counts.sum() == 5001
    assert found.missing == 2
    assert found.high == 90.0
    assert found.edges[-1] < 10  # one outlier doesn't flatten the histogram


def test_bars_of_a_constant_and_of_nothing():
    assert thresholds.bars(np.full(7, 3.0, np.float32)).counts.sum() == 7
    assert thresholds.bars(np.full(7, np.nan, np.float32)).counts.sum() == 0


@pytest.mark.parametrize("above", [True, False])
def test_edge_rows_are_the_nearest(above):
    rng = np.random.default_rng(1)
    scores = rng.normal(size=20_000).astype(np.float32)
    among = rng.random(20_000) < 0.02
    grid = thresholds.bars(scores).grid
    found = thresholds.edge_rows(scores, among, 0.5, above=above, limit=12, grid=grid)
    side = np.flatnonzero(among & (scores >= np.float32(0.5) if above else scores < np.float32(0.5)))
    expected = side[np.argsort(np.abs(scores[side] - 0.5), kind="stable")[:12]]
    assert sorted(found) == sorted(expected)
    assert (np.diff(np.abs(scores[found] - 0.5)) >= 0).all()


def test_edge_rows_of_an_empty_side():
    scores = np.zeros(10, np.float32)
    found = thresholds.edge_rows(
        scores, np.zeros(10, bool), 0.0, above=True, limit=5, grid=thresholds.bars(scores).grid
    )
    assert len(found) == 0


def test_bar_of_counts_as_bars_do():
    scores = np.concatenate([np.random.default_rng(3).normal(size=4000), [np.nan, -np.inf, 70.0]]).astype(np.float32)
    found = thresholds.bars(scores)
    scores[:60] = found.edges[:60]  # exactly on an edge
    found = thresholds.bars(scores)
    assert np.bincount(thresholds.bar_of(scores, found.edges), minlength=65).tolist() == [*found.counts, found.missing]


@pytest.mark.parametrize(("value", "spread"), [(1e8, 0.0), (1.7e9, 3600.0), (0.25, 0.0), (70_000.0, 1e-3)])
def test_edges_differ_in_the_score_s_own_precision(value, spread):
    scores = (value + spread * np.random.default_rng(0).random(3000)).astype(np.float32)
    found = thresholds.bars(scores)
    assert (np.diff(found.edges) > 0).all()
    assert found.counts.sum() == 3000
    assert (
        np.bincount(thresholds.bar_of(scores, found.edges), minlength=len(found.counts) + 1)[:-1].tolist()
        == found.counts.tolist()
    )

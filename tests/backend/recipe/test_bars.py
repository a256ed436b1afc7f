"""The histogram of a score: every pair counted once, outliers in the end bars."""

import numpy as np
import pytest

from poolscope.recipe.bars import bar_of, bars


def test_bars_count_every_scored_pair():
    scores = np.concatenate([np.random.default_rng(0).normal(size=5000), [np.nan, np.inf, 90.0]]).astype(np.float32)
    found = bars(scores)
    assert found.counts.sum() == 5001
    assert found.missing == 2
    assert found.high == 90.0
    assert found.edges[-1] < 10  # one outlier doesn't flatten the histogram


def test_bars_of_a_constant_and_of_nothing():
    assert bars(np.full(7, 3.0, np.float32)).counts.sum() == 7
    assert bars(np.full(7, np.nan, np.float32)).counts.sum() == 0


def test_bar_of_counts_as_bars_do():
    scores = np.concatenate([np.random.default_rng(3).normal(size=4000), [np.nan, -np.inf, 70.0]]).astype(np.float32)
    scores[:60] = bars(scores).edges[:60]  # exactly on an edge
    found = bars(scores)
    assert np.bincount(bar_of(scores, found.edges), minlength=65).tolist() == [*found.counts, found.missing]


@pytest.mark.parametrize(("value", "spread"), [(1e8, 0.0), (1.7e9, 3600.0), (0.25, 0.0), (70_000.0, 1e-3)])
def test_edges_differ_in_the_scores_own_precision(value, spread):
    scores = (value + spread * np.random.default_rng(0).random(3000)).astype(np.float32)
    found = bars(scores)
    assert (np.diff(found.edges) > 0).all()
    assert found.counts.sum() == 3000
    codes = bar_of(scores, found.edges)
    assert np.bincount(codes, minlength=len(found.counts) + 1)[:-1].tolist() == found.counts.tolist()

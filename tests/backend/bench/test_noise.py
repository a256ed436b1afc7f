"""What runs of one seed share, and what test examples add: known answers."""

import numpy as np
import pytest

from tests.benchmarks.bench_noise import correlation_by_seed, own_example_variance


def test_the_correlation_of_runs_of_one_seed_is_found():
    rng = np.random.default_rng(0)
    shared, own = rng.normal(0, 1, 200), rng.normal(0, 1, (20, 200))
    recipes = rng.normal(0, 5, (20, 1))
    correlation, low, high, p = correlation_by_seed(recipes + shared + own)
    assert correlation == pytest.approx(0.5, abs=0.06)
    assert low < correlation < high
    assert p < 1e-6
    nothing = correlation_by_seed(recipes + own)
    assert nothing[1] < 0 < nothing[2]


def test_what_examples_do_to_all_seeds_alike_is_no_spread_over_seeds():
    rng = np.random.default_rng(1)
    alike, alone = rng.normal(0, 3, 20_000), rng.normal(0, 2, (3, 20_000))
    assert own_example_variance(alike + alone) == pytest.approx(4.0, rel=0.05)

"""Intervals and corrected p values against the textbooks' numbers and against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from poolscope.kernels import intervals


def test_wilson_is_the_textbooks_formula_and_exact_at_its_ends():
    k, n, z = np.array([60, 420, 12, 0, 50]), np.array([400, 1000, 120, 3, 50]), intervals.Z95
    low, high = intervals.wilson(k, n)
    middle = (k + z**2 / 2) / (n + z**2)
    reach = z * np.sqrt(n) / (n + z**2) * np.sqrt(k / n * (1 - k / n) + z**2 / (4 * n))
    np.testing.assert_allclose(low, middle - reach, atol=1e-12)
    np.testing.assert_allclose(high, middle + reach, atol=1e-12)
    assert low[3] == 0.0
    assert high[4] == 1.0


def test_an_empty_group_has_no_interval():
    assert np.isnan(intervals.wilson(0, 0)).all()
    assert np.isnan(intervals.newcombe(0, 0, 1, 2)).all()


def test_newcombe_is_statsmodels():
    difference, low, high = intervals.newcombe(60, 400, 420, 1000)
    assert difference == pytest.approx(60 / 400 - 0.42)
    assert (low, high) == pytest.approx(
        confint_proportions_2indep(60, 400, 420, 1000, method="newcomb", compare="diff")
    )


def test_benjamini_hochberg_skips_nan():
    p = np.array([0.001, 0.04, np.nan, 0.03, 0.9, 0.04])
    q = intervals.benjamini_hochberg(p)
    known = ~np.isnan(p)
    np.testing.assert_allclose(q[known], multipletests(p[known], method="fdr_bh")[1])
    assert np.isnan(q[2])
    assert np.isnan(intervals.benjamini_hochberg([np.nan])).all()


def test_holm_steps_down_and_skips_nan():
    np.testing.assert_allclose(intervals.holm([0.01, np.nan, 0.04, 0.03]), [0.03, np.nan, 0.06, 0.06])
    assert intervals.holm([0.5, 0.9]).max() <= 1.0

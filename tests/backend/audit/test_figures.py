"""The audit's figures against scipy and statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable, Table2x2

from poolscope.audit import figures
from poolscope.audit.amplification import flagged, slope
from poolscope.audit.stratified import mantel_haenszel
from poolscope.kernels.intervals import Z95

PAIRS, KEPT = 5000, 1500
N = np.array([400, 1000, 120, 3, 50, 2500])
K = np.array([60, 420, 12, 0, 50, 700])


def table(k: int, n: int) -> np.ndarray:
    return np.array([[k, n - k], [KEPT - k, PAIRS - n - (KEPT - k)]])


def test_odds_ratio_is_statsmodels():
    ratio, low, high = figures.odds_ratio(K, N, KEPT, PAIRS)
    for index in (0, 1, 2, 5):
        reference = Table2x2(table(K[index], N[index]), shift_zeros=False)
        assert ratio[index] == pytest.approx(reference.oddsratio)
        assert (low[index], high[index]) == pytest.approx(reference.oddsratio_confint())


def test_odds_ratio_adds_a_half_to_every_cell_when_one_is_empty():
    ratio, low, high = figures.odds_ratio(K, N, KEPT, PAIRS)
    for index in (3, 4):
        reference = Table2x2(table(K[index], N[index]) + 0.5, shift_zeros=False)
        assert ratio[index] == pytest.approx(reference.oddsratio)
        assert (low[index], high[index]) == pytest.approx(reference.oddsratio_confint())


def test_p_is_chi_square_and_fisher_for_small_groups():
    p = figures.p_value(K, N, KEPT, PAIRS)
    for index in (0, 1, 2, 4, 5):
        assert p[index] == pytest.approx(stats.chi2_contingency(table(K[index], N[index]), correction=False).pvalue)
    assert p[3] == pytest.approx(stats.fisher_exact(table(0, 3)).pvalue)
    assert figures.p_value(12, 120, KEPT, PAIRS).shape == ()


def test_lift_is_the_ratio_of_rates_and_of_shares():
    found = figures.lift(K, N, KEPT, PAIRS)
    np.testing.assert_allclose(found, (K / N) / (KEPT / PAIRS))
    np.testing.assert_allclose(found, (K / KEPT) / (N / PAIRS))


def test_lift_interval_covers_what_a_simulation_spreads_over():
    rng = np.random.default_rng(0)
    n, k = 400, 60
    inside = rng.binomial(n, k / n, 200_000)
    outside = rng.binomial(PAIRS - n, (KEPT - k) / (PAIRS - n), 200_000)
    simulated = np.log((inside / n) / ((inside + outside) / PAIRS)).std()
    low, high = figures.lift_interval(k, n, KEPT, PAIRS)
    assert np.log(high / low) / (2 * Z95) == pytest.approx(simulated, rel=0.02)
    everything = figures.lift_interval(KEPT, PAIRS, KEPT, PAIRS)
    assert everything == (pytest.approx(1.0), pytest.approx(1.0))


def test_mantel_haenszel_is_statsmodels():
    rng = np.random.default_rng(1)
    pairs = np.array([4000, 900, 60, 7])
    kept = np.array([900, 500, 12, 3])
    inside = np.array([800, 100, 20, 2])
    k = np.array([rng.hypergeometric(kept[s], pairs[s] - kept[s], inside[s]) for s in range(4)])
    tables = np.stack(
        [[[k[s], inside[s] - k[s]], [kept[s] - k[s], pairs[s] - inside[s] - kept[s] + k[s]]] for s in range(4)], axis=-1
    )
    reference = StratifiedTable(np.asarray(tables, dtype=np.float64))
    found = mantel_haenszel(k, inside, kept, pairs)
    assert found.odds_ratio == pytest.approx(reference.oddsratio_pooled)
    assert (found.low, found.high) == pytest.approx(reference.oddsratio_pooled_confint())
    assert found.p == pytest.approx(reference.test_null_odds(correction=False).pvalue)


def test_stratifying_takes_away_what_the_stratum_explains():
    """Two languages kept at 10 % and 50 %; the group is kept like its language, but sits mostly in the poorer one."""
    pairs, kept = np.array([10_000, 10_000]), np.array([1_000, 5_000])
    inside, k = np.array([900, 100]), np.array([90, 50])
    crude, _, _ = figures.odds_ratio(k.sum(), inside.sum(), kept.sum(), pairs.sum())
    assert crude < 0.4
    assert mantel_haenszel(k, inside, kept, pairs).odds_ratio == pytest.approx(1.0)


def test_slope_is_scipy_and_statsmodels():
    rng = np.random.default_rng(2)
    n = rng.integers(100, 90_000, 40)
    k = rng.binomial(n, 0.2 + 0.1 * n / n.max())
    found = slope(k, n)
    line = stats.linregress(n, k / n)
    assert (found.slope, found.intercept, found.r2, found.p) == pytest.approx(
        (line.slope, line.intercept, line.rvalue**2, line.pvalue)
    )
    assert found.spearman == pytest.approx(stats.spearmanr(n, k / n).statistic)
    weighted = sm.WLS(np.log((k + 0.5) / (n - k + 0.5)), sm.add_constant(np.log(n)), weights=n).fit()
    assert found.logit_slope == pytest.approx(weighted.params[1])
    assert found.logit_p == pytest.approx(weighted.pvalues[1], rel=1e-6)
    assert slope(np.array([1, 2]), np.array([3, 4])) is None


def test_flag_needs_a_low_share_and_a_lift_surely_below_one():
    n, k = np.array([400, 400, 400]), np.array([60, 60, 119])
    reference = np.array([0.10, 0.05, 0.10])
    assert flagged(n, PAIRS, figures.lift_interval(k, n, KEPT, PAIRS)[1], reference).tolist() == [True, False, False]
    assert not flagged(n, PAIRS, figures.lift_interval(k, n, KEPT, PAIRS)[1], np.full(3, np.nan)).any()

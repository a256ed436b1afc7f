"""Verdicts: textbook values, and a simulation of what they promise."""

import numpy as np
import pytest
from scipy import stats

from poolscope.bench.verdicts import against, alike, between, discovered

RNG = np.random.default_rng


def test_two_recipes_alone_are_compared_by_students_t():
    a, b = np.array([1.0, 2.0, 1.5, 0.5, 1.2]), np.array([0.2, 1.1, -0.3, 0.4])
    one = between(a, b)
    expected = stats.ttest_ind(a, b)
    assert one.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert (one.low, one.high) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6)


def test_spreads_that_differ_are_not_pooled():
    a, b = RNG(0).normal(0, 20, 8), RNG(1).normal(0, 1, 8)
    assert not alike([a, b])
    assert between(a, b).p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-6)


def test_other_recipes_say_more_of_the_spread_and_more_recipes_ask_for_more():
    several = [np.array([-1.0, 1.0]) + 0.3 * place for place in range(12)]
    alone, helped = between(several[0], several[1]), between(several[0], several[1], several[2:])
    assert helped.reach < alone.reach / 1.5
    chosen = between(several[0], several[1], several[2:], recipes=12)
    assert chosen.reach > helped.reach
    tukey = stats.tukey_hsd(*several)
    assert chosen.p == pytest.approx(tukey.pvalue[0, 1], abs=1e-6)


def test_against_no_filter_it_is_dunnetts_test():
    control, groups = RNG(20).normal(0, 1, 4), [RNG(seed).normal(0.5, 1, 3 + seed % 2) for seed in range(5)]
    expected = stats.dunnett(*groups, control=control, rng=RNG(0)).confidence_interval(0.95)
    found = against(control, groups)
    assert [one.low for one in found] == pytest.approx(list(expected.low), abs=0.02)
    assert [one.high for one in found] == pytest.approx(list(expected.high), abs=0.02)


def test_one_run_a_side_is_never_a_verdict():
    one = between(np.array([0.9]), np.array([0.1]))
    assert (one.told, one.reach, one.detectable, one.needed) == (None, None, None, None)
    known = between(np.array([0.9]), np.array([0.1]), [RNG(0).normal(0, 0.01, 5)])
    assert known.told is None
    assert known.reach == pytest.approx(stats.t.ppf(0.975, 4) * RNG(0).normal(0, 0.01, 5).std(ddof=1) * 2**0.5)
    assert against(np.array([0.1, 0.1001]), [np.array([0.9])])[0].told is None


def test_two_points_need_thirteen_seeds_and_three_see_them_seldom():
    """With a spread of 1.72, as measured on the demo."""
    spread = 1.72 / np.array([-1, 0, 1]).std(ddof=1) * np.array([-1, 0, 1])
    one = between(spread + 2, spread)
    assert one.needed == 13
    assert one.detectable > 4.5
    exact = [np.array([-1, 1]) * s for s in (0.001, 0.001)]
    assert between(exact[0] + 1, exact[1]).needed == 2
    assert between(spread + 1e-4, spread).needed is None


def test_examples_add_noise_that_no_seed_takes_away():
    spread = np.array([-1.0, 0.0, 1.0])
    clear, noisy = between(spread + 8, spread), between(spread + 8, spread, fixed=25.0)
    assert clear.told
    assert not noisy.told
    assert between(spread + 8, spread, fixed=100.0).needed is None


def test_results_without_any_spread_and_false_discoveries():
    same = np.array([0.5, 0.5])
    assert not between(same, same).told
    assert between(same + 1, same).told
    assert discovered([0.001, None, 0.04, 0.04, 0.5]) == [True, None, False, False, False]
    assert discovered([]) == []


SPREADS = {"equal": (1.0,) * 7, "unequal": (1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0)}


@pytest.mark.parametrize("spreads", SPREADS)
@pytest.mark.parametrize("seeds", [1, 2, 3, 5, 10])
def test_the_intervals_hold_as_often_as_they_say(seeds, spreads):
    """Recipes that are all the same: 95 % of leaderboards, and of pairs, must say so; with one seed none says anything."""
    rng, rounds, boards, pairs = RNG(7), 250, 0, []
    for _ in range(rounds):
        groups = [rng.normal(0, spread, seeds) for spread in SPREADS[spreads]]
        board = against(groups[0], groups[1:])
        pair = between(groups[1], groups[2], groups[:1] + groups[3:])
        if seeds == 1:
            assert {one.told for one in (*board, pair)} == {None}
            continue
        boards += any(one.told for one in board)
        pairs.append(bool(pair.told))
    if seeds > 1:
        slack = 2.6 * (0.05 * 0.95 / rounds) ** 0.5  # of a share, 99 %
        assert boards / rounds < 0.05 + slack
        assert 0.93 - slack < 1 - np.mean(pairs) < 0.97 + slack

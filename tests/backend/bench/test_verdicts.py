"""Verdicts: textbook values, and a simulation of what they promise."""

import numpy as np
import pytest
from scipy import stats

from poolscope.bench.verdicts import Spread, against, between, discovered

RNG = np.random.default_rng


def test_two_recipes_alone_are_compared_by_students_t():
    a, b = np.array([1.0, 1.5, 2.0, 2.5, 3.0]), np.array([0.0, 0.6, 1.1, 1.6])
    one = between(a, b)
    expected = stats.ttest_ind(a, b)
    assert one.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert (one.low, one.high) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6)


def test_spreads_that_differ_are_not_pooled():
    a, b = RNG(0).normal(0, 20, 8), RNG(1).normal(0, 1, 8)
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert between(a, b).p == pytest.approx(welch.pvalue, rel=1e-6)
    calm = [RNG(seed).normal(0, 1, 8) for seed in range(2, 8)]
    assert between(a, b, calm).p == pytest.approx(welch.pvalue, rel=1e-6), "one wild recipe among calm ones"


def test_other_recipes_say_more_of_the_spread_and_more_recipes_ask_for_more():
    several = [np.array([-1.0, 0.0, 1.0]) + 0.3 * place for place in range(12)]
    alone, helped = between(several[0], several[1]), between(several[0], several[1], several[2:])
    assert helped.reach < 0.8 * alone.reach
    picked = between(several[0], several[1], several[2:], recipes=12)
    assert picked.reach > helped.reach
    assert picked.p == pytest.approx(stats.tukey_hsd(*several).pvalue[0, 1], abs=1e-6)
    few = between(several[0], several[1], several[2:3])
    assert few.reach == alone.reach, "three recipes are too few to speak of one spread"


def test_against_no_filter_it_is_dunnetts_test():
    control, groups = RNG(20).normal(0, 1, 4), [RNG(seed).normal(0.5, 1, 3 + seed % 2) for seed in range(5)]
    spread = Spread.of([control, *groups])
    assert spread is not None
    assert spread.shared
    expected = stats.dunnett(*groups, control=control, rng=RNG(0)).confidence_interval(0.95)
    found = against(control, groups)
    pooled = [one.error is not None and one.error.pooled for one in found]
    assert sum(pooled) >= 3
    for one, low, high in zip(found, expected.low, expected.high):
        if one.error is not None and one.error.pooled:
            assert (one.low, one.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))
        assert (one.p < 0.05) == one.decided


def test_one_run_a_side_is_never_a_verdict():
    one = between(np.array([0.9]), np.array([0.1]))
    assert (one.decided, one.reach, one.detectable, one.needed) == (None, None, None, None)
    seen = RNG(0).normal(0, 0.01, 5)
    known = between(np.array([0.9]), np.array([0.1]), [seen])
    assert (known.decided, known.detectable) == (None, None)
    assert known.reach == pytest.approx(stats.t.ppf(0.975, 4) * seen.std(ddof=1) * 2**0.5)
    assert known.needed == 2
    assert against(np.array([0.1, 0.1001]), [np.array([0.9])])[0].decided is None


def test_two_points_need_thirteen_seeds_and_three_see_them_seldom():
    """With a spread of 1.72, as measured on the demo."""
    spread = 1.72 * np.array([-1, 0, 1])
    one = between(spread + 2, spread)
    assert (one.decided, one.needed, one.missing) == (False, 13, 20)
    rng = RNG(0)
    far = one.detectable
    told = [between(rng.normal(far, 1.72, 3), rng.normal(0, 1.72, 3)).decided for _ in range(1500)]
    assert 0.7 < np.mean(told) < 0.87
    enough = [between(rng.normal(2, 1.72, 13), rng.normal(0, 1.72, 13)).decided for _ in range(1500)]
    assert 0.76 < np.mean(enough) < 0.84
    exact = [np.array([-1, 1]) * s for s in (0.001, 0.001)]
    assert (between(exact[0] + 1, exact[1]).needed, between(exact[0] + 1, exact[1]).missing) == (2, 0)
    assert between(spread + 1e-4, spread).needed is None


def test_examples_add_noise_that_no_seed_takes_away():
    spread = np.array([-1.0, 0.0, 1.0])
    clear, noisy = between(spread + 8, spread), between(spread + 8, spread, fixed=25.0)
    assert clear.decided
    assert not noisy.decided
    assert between(spread + 8, spread, fixed=100.0).needed is None


def test_results_without_any_spread_and_false_discoveries():
    same = np.array([0.5, 0.5])
    assert not between(same, same).decided
    assert between(same + 1, same).decided
    assert discovered([0.001, None, 0.04, 0.04, 0.5]) == [True, None, False, False, False]
    assert discovered([]) == []


SPREADS = {
    "equal": (1.0,) * 7,
    "two sizes": (1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0),
    "one wild": (1.0, 4.0, 1.0, 1.0, 1.0, 1.0, 1.0),
}


@pytest.mark.parametrize("spreads", SPREADS)
@pytest.mark.parametrize("seeds", [1, 2, 3, 4, 6, 10])
def test_the_intervals_hold_as_often_as_they_say(seeds, spreads):
    """Seven recipes that are equally good: 93 to 97 % of the intervals between two of them hold zero, and at most 5 %
    of leaderboards name one better or worse than no filter; with one seed none says anything."""
    rng, rounds, boards, held = RNG(seeds), 300, 0, []
    for _ in range(rounds):
        groups = [rng.normal(0, spread, seeds) for spread in SPREADS[spreads]]
        spread = Spread.of(groups)
        pairs = [between(groups[i], groups[j], spread=spread) for i, j in zip(range(7), (*range(1, 7), 0))]
        board = against(groups[0], groups[1:])
        if seeds == 1:
            assert {one.decided for one in (*board, *pairs)} == {None}
            continue
        boards += any(one.decided for one in board)
        held += [not one.decided for one in pairs]
    if seeds > 1:
        assert 0.93 <= np.mean(held) <= 0.97
        assert boards / rounds <= 0.05 + 2.6 * (0.05 * 0.95 / rounds) ** 0.5  # 99 % of what chance does to 5 %

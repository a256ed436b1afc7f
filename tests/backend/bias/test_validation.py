"""The validation on features whose difference is known, its folds and its groups."""

import numpy as np
import pytest

from poolscope.bias.families.base import Features
from poolscope.bias.folds import assign
from poolscope.bias.validation import CrossValidation, balanced, confusion_of, logistic
from poolscope.errors import InputError


def gaussian(shift: float, count: int = 1200, dims: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    matrix = rng.normal(size=(count, dims)).astype(np.float32)
    matrix[:, 0] += shift * labels
    return matrix, labels


def test_accuracy_is_that_of_the_best_rule():
    from scipy.stats import norm

    matrix, labels = gaussian(2.0)
    found = CrossValidation(labels=labels, groups=np.arange(len(labels))).accuracy_of(logistic(Features(matrix)))
    assert found.low < norm.cdf(1.0) < found.high
    assert found.high - found.low < 0.08
    assert found.p == pytest.approx(1 / 1001)
    assert found.coefficients is not None
    assert int(np.abs(found.coefficients[1]).argmax()) == 0


def test_no_difference_is_chance_and_p_is_large():
    values = []
    for seed in range(5):
        matrix, labels = gaussian(0.0, seed=seed)
        found = CrossValidation(labels=labels, groups=np.arange(len(labels)), replicates=200).accuracy_of(
            logistic(Features(matrix))
        )
        values.append(found.accuracy)
        assert found.p > 0.02
    assert abs(np.mean(values) - 0.5) < 0.02


def test_p_of_no_difference_is_even():
    said = np.random.default_rng(3).integers(0, 2, (40, 300))
    labels = np.arange(300) % 2
    found = [CrossValidation(labels=labels, groups=np.arange(300), replicates=200, seed=seed)._p(one, balanced(confusion_of(labels, one, 2)))
             for seed, one in enumerate(said)]  # fmt: skip
    assert 0.3 < np.mean(found) < 0.7
    assert min(found) < 0.25
    assert max(found) > 0.75


def test_unequal_sets_are_balanced():
    rng = np.random.default_rng(1)
    labels = np.r_[np.zeros(900, dtype=int), np.ones(100, dtype=int)]
    matrix = rng.normal(size=(1000, 3)).astype(np.float32)
    found = CrossValidation(labels=labels, groups=np.arange(1000), replicates=200).accuracy_of(
        logistic(Features(matrix))
    )
    assert abs(found.accuracy - 0.5) < 0.08
    assert found.confusion[0, 1] > 200  # not everything is called the larger set


def test_near_duplicates_leak_unless_they_are_grouped():
    rng = np.random.default_rng(2)
    prototypes = rng.normal(size=(150, 200)).astype(np.float32)
    owner = np.repeat(np.arange(150), 4)
    labels = rng.permutation(150)[owner] % 2  # nothing but the prototype tells the set
    matrix = prototypes[owner] + 0.05 * rng.normal(size=(600, 200)).astype(np.float32)
    leaky = CrossValidation(labels=labels, groups=np.arange(600), replicates=50).accuracy_of(
        logistic(Features(matrix), strength=1.0)
    )
    honest = CrossValidation(labels=labels, groups=owner, replicates=50).accuracy_of(
        logistic(Features(matrix), strength=1.0)
    )
    assert leaky.accuracy > 0.9
    assert honest.accuracy < 0.65
    assert honest.high - honest.low > 1.5 * (leaky.high - leaky.low)


def test_the_interval_covers_what_it_should():
    rng = np.random.default_rng(5)
    labels = np.arange(400) % 2
    covered = 0
    for seed in range(40):
        said = np.where(rng.random(400) < 0.7, labels, 1 - labels)
        low, high = CrossValidation(labels=labels, groups=np.arange(400), replicates=300, seed=seed)._interval(said)
        covered += low <= 0.7 <= high
    assert covered >= 34


def test_folds_keep_groups_whole_and_sets_even():
    rng = np.random.default_rng(0)
    labels = (rng.random(1000) < 0.3).astype(int)
    groups = rng.integers(0, 600, 1000)
    fold = assign(labels, groups, folds=5, seed=0)
    for group in np.unique(groups):
        assert len(np.unique(fold[groups == group])) == 1
    for one in (0, 1):
        sizes = np.bincount(fold[labels == one], minlength=5)
        assert np.ptp(sizes) <= 2
    assert np.array_equal(fold, assign(labels, groups, folds=5, seed=0))


def test_folds_without_groups_differ_by_one_at_most():
    labels = np.arange(103) % 3
    sizes = [
        np.bincount(assign(labels, np.arange(103), folds=5, seed=1)[labels == one], minlength=5) for one in range(3)
    ]
    assert all(np.ptp(one) <= 1 for one in sizes)


def test_too_few_groups_are_refused():
    with pytest.raises(InputError, match="3 groups"):
        assign(np.repeat([0, 1], 10), np.r_[np.repeat([0, 1, 2], [4, 3, 3]), np.arange(3, 13)], folds=5, seed=0)


def test_folds_side_by_side_give_the_same():
    matrix, labels = gaussian(1.0, count=300)
    one = CrossValidation(labels=labels, groups=np.arange(300), replicates=50).accuracy_of(logistic(Features(matrix)))
    two = CrossValidation(labels=labels, groups=np.arange(300), replicates=50, threads=2).accuracy_of(
        logistic(Features(matrix))
    )
    assert one.probability == pytest.approx(two.probability, abs=1e-5)

"""Soft Cap Sampling has the law of the draws that the paper makes one after the other, and depends on no order."""

import numpy as np
import pytest

from poolscope.kernels import soft_cap as soft_cap_module
from poolscope.kernels.hashing import draw
from poolscope.kernels.soft_cap import soft_cap


def one_by_one(scores: np.ndarray, draws: int, penalty: float, repeats: int, batch: int = 1) -> np.ndarray:
    """`(repeats, n)`: multiplicities of the paper's own procedure. Batches of `batch` pairs without replacement inside
    a batch, by softmax of the scores (Gumbel's trick); then the scores of the drawn pairs fall by the penalty."""
    rng = np.random.default_rng(5)
    taken = np.zeros((repeats, len(scores)), dtype=int)
    for _ in range(draws // batch):
        keys = scores - penalty * taken + rng.gumbel(size=taken.shape)
        np.put_along_axis(taken, (best := np.argpartition(-keys, batch - 1, axis=1)[:, :batch]),
                          np.take_along_axis(taken, best, axis=1) + 1, axis=1)  # fmt: skip
    return taken


def ours(scores: np.ndarray, draws: int, penalty: float, repeats: int) -> np.ndarray:
    ids = np.arange(len(scores))
    return np.array([soft_cap(draw(seed, ids, ids), scores, draws, penalty) for seed in range(repeats)])


@pytest.mark.parametrize("penalty", [0.0, 0.4, 30.0])
def test_multiplicities_have_the_law_of_draws_one_after_the_other(penalty):
    scores, repeats = np.array([2.0, 1.0, 0.5, 0.0, -1.0, -3.0]), 600
    expected, got = one_by_one(scores, 9, penalty, 20_000), ours(scores, 9, penalty, repeats)
    assert (got.sum(axis=1) == 9).all()
    for often in range(10):  # the whole distribution of each multiplicity, not its mean alone
        chance, found = (expected == often).mean(axis=0), (got == often).mean(axis=0)
        spread = np.sqrt(chance * (1 - chance) * (1 / repeats + 1 / len(expected)))
        assert (np.abs(found - chance) <= 4.5 * spread + 1e-3).all(), (often, chance, found)
    together = [np.corrcoef(one[:, 0], one[:, 1])[0, 1] for one in (expected, got)] if penalty < 1 else [0, 0]
    assert together[0] == pytest.approx(together[1], abs=0.15)


def test_small_batches_of_the_paper_give_nearly_the_same_multiplicities():
    scores = np.random.default_rng(1).normal(size=300)
    expected = one_by_one(scores, 900, 0.15, 60, batch=10).mean(axis=0)
    got = ours(scores, 900, 0.15, 60).mean(axis=0)
    assert np.corrcoef(expected, got)[0, 1] > 0.98
    assert np.abs(got - expected).max() < 5 * np.sqrt(expected.max() / 60 * 2)
    for best in (scores > 1, scores < -1):
        assert got[best].sum() == pytest.approx(expected[best].sum(), rel=0.06)


def test_the_same_pairs_are_drawn_in_any_order_and_more_draws_only_add():
    rng = np.random.default_rng(2)
    uids, scores = rng.integers(0, 2**63, (2, 5000)), 2 * rng.normal(size=5000)
    states = draw(7, *uids)
    counts = soft_cap(states, scores, 8000, 0.15)
    order = rng.permutation(5000)
    assert (soft_cap(states[order], scores[order], 8000, 0.15) == counts[order]).all()
    assert (soft_cap(states, scores + 100, 8000, 0.15) == counts).all(), "softmax knows no constant"
    assert (soft_cap(states, scores, 9000, 0.15) >= counts).all()
    assert (soft_cap(draw(8, *uids), scores, 8000, 0.15) != counts).any()


@pytest.mark.parametrize("penalty", [0.0, 0.15, 1000.0])
@pytest.mark.parametrize("draws", [1, 97, 6000])
def test_it_draws_as_many_as_asked_for(draws, penalty, monkeypatch):
    monkeypatch.setattr(soft_cap_module, "SAMPLE", 500)
    monkeypatch.setattr(soft_cap_module, "BAND", 40)
    n = 6001  # more than the sample that says about where the last draw is
    ids = np.arange(n)
    scores = np.where(ids == 0, 5e5, np.random.default_rng(3).normal(size=n))  # one takes nearly all, or all
    for some in (scores, scores[1:]):
        counts = soft_cap(draw(0, ids[: len(some)], ids[: len(some)]), some, draws, penalty)
        assert counts.sum() == draws
    assert soft_cap(np.empty(0, np.uint64), np.empty(0), 5, 0.1).sum() == 0

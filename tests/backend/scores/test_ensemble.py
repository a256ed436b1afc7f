"""The ensemble: planted accuracies come back, posteriors are Bayes' rule, and columns that count twice are named."""

from math import prod

import numpy as np
import pytest

from poolscope.engine import fit as fit_inputs
from poolscope.engine import run
from poolscope.engine.catalogue import cautions, notes
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import METHODS, build
from poolscope.scores.ensemble import level_cuts, voted
from poolscope.scores.kernels.label_model import ABSTAINS, LabelModel, fit

PLANTED = np.array([0.92, 0.81, 0.74, 0.66, 0.6, 0.5])


def planted(pairs: int, seed: int, keep: float = 0.35) -> tuple[np.ndarray, np.ndarray]:
    """The class of each pair, and votes that are right with the planted probability; a tenth abstain."""
    random = np.random.default_rng(seed)
    truth = random.random(pairs) < keep
    right = random.random((pairs, len(PLANTED))) < PLANTED
    votes = np.where(right, truth[:, None], ~truth[:, None]).astype(np.int8)
    votes[random.random(votes.shape) < 0.1] = ABSTAINS
    return truth, votes


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_accuracies_and_the_planted_share_come_back(seed: int) -> None:
    truth, votes = planted(40_000, seed)
    found = fit(votes, [2] * len(PLANTED))
    np.testing.assert_allclose(found.accuracies, PLANTED, atol=0.025)
    assert found.prior == pytest.approx(0.35, abs=0.03)
    said = found.posterior(votes)
    best = np.where(votes[:, 0] == ABSTAINS, 0.35, votes[:, 0]) > 0.5
    assert ((said > 0.5) == truth).mean() > (best == truth).mean() + 0.005  # better than its best voter
    near = np.abs(found.dependence(votes) - np.eye(len(PLANTED)))
    assert near.max() < 0.05  # nothing is left that the classes don't explain


def test_levels_of_a_score_carry_more_than_one_cut() -> None:
    truth, votes = planted(20_000, 5)
    random = np.random.default_rng(6)
    score = truth + random.normal(size=len(truth))
    auc = 0.7602  # P(N(1, 1) > N(0, 1))
    for levels, atol in ((2, 0.1), (20, 0.02)):
        cut = voted(score, level_cuts(score, levels))
        assert np.bincount(cut).min() == len(score) // levels
        found = fit(np.column_stack([votes, cut]), [2] * len(PLANTED) + [levels])
        assert found.accuracies[-1] == pytest.approx(auc, abs=atol)


def test_the_posterior_is_bayes_rule() -> None:
    tables = (np.array([[0.7, 0.3], [0.2, 0.8]]), np.array([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]]))
    model = LabelModel(0.4, tables)
    votes = np.array([[0, 0], [1, 2], [1, ABSTAINS], [ABSTAINS, 1], [ABSTAINS, ABSTAINS]], np.int8)
    expected = []
    for row in votes.tolist():
        said = [(table, vote) for table, vote in zip(tables, row) if vote != ABSTAINS]
        keep, drop = (prior * prod(t[k][v] for t, v in said) for k, prior in ((1, 0.4), (0, 0.6)))
        expected.append(keep / (keep + drop) if said else np.nan)
    np.testing.assert_allclose(model.posterior(votes), expected, rtol=1e-12)


def test_a_voter_worse_than_chance_takes_no_part() -> None:
    _, votes = planted(20_000, 7)
    votes[:, 1] = np.where(votes[:, 1] == ABSTAINS, ABSTAINS, 1 - votes[:, 1])  # right in 19 of 100
    found = fit(votes, [2] * len(PLANTED))
    assert found.accuracies[1] == 0.5
    assert found.accuracies[0] == pytest.approx(PLANTED[0], abs=0.05)


def test_the_column_bears_accuracies_and_names_twins(tiny_pool: Pool) -> None:
    random = np.random.default_rng(8)
    truth, votes = planted(200, 9)
    flags = {f"voter{k}": votes[:, k] == 1 for k in range(4)}
    tiny_pool.add_columns(flags, kind="flag", made_by={"test": True})
    score = (truth + random.normal(size=200)).astype(np.float32)
    score[:5] = np.nan
    twins = {"near": score, "twin": score * 2 + 1}
    tiny_pool.add_columns(twins, kind="score", made_by={"test": True})
    pool = run(tiny_pool.reload(), build("ensemble", columns=",".join([*flags, *twins]), levels=4))
    column, values = pool.columns["ensemble"], pool.array("ensemble")
    assert column.kind == "score"
    assert values.dtype == np.float32
    assert not np.isnan(values).any()  # the flags vote where the scores abstain
    assert (values > 0).all()
    assert (values < 1).all()
    found = column.made_by["findings"]
    assert [one["column"] for one in found["inputs"]] == [*flags, *twins]
    assert all(0.5 <= one["accuracy"] <= 1 for one in found["inputs"])
    assert "twin and near" in cautions(column)[0]
    assert notes(column)[0].startswith("accuracy of ")


def test_columns_that_name_none_are_all_that_stand_alone(tiny_pool: Pool) -> None:
    pool = run(run(tiny_pool, build("random")), build("rank_sum", scores="clip_l14,clip_b32"))
    assert fit_inputs("ensemble", pool).parameters()["columns"] == "clip_l14,clip_b32,sharp"
    pool = run(pool, fit_inputs("ensemble", pool))
    assert fit_inputs("ensemble", pool).parameters()["columns"] == "clip_l14,clip_b32,sharp"
    assert METHODS["ensemble"]().needs() == ()


def test_what_can_not_vote_is_refused(tiny_pool: Pool) -> None:
    for columns, said in (
        ("clip_l14,sharp", "at least 3"), ("", "the pool has clip_l14"), ("clip_l14,sharp,nothing", "'nothing'"),
        ("clip_l14,sharp,text", "'text' is metadata"), ("clip_l14,sharp,l14_img", "'l14_img' is an embedding"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            run(tiny_pool, build("ensemble", columns=columns))
    with pytest.raises(InputError, match="levels is 1"):
        build("ensemble", columns="clip_l14,sharp,clip_b32", levels=1)

"""Rank sums against scipy-free ranks."""

import numpy as np
import pytest

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build


def test_the_column_is_the_sum_of_mean_ranks(tiny_pool: Pool) -> None:
    pool = run(tiny_pool, build("rank_sum", scores="clip_l14, clip_b32"))
    expected = np.zeros(200)
    for name in ("clip_l14", "clip_b32"):
        score = pool.array(name)
        scored = score[~np.isnan(score)]
        below = (scored[None, :] < score[:, None]).sum(axis=1)
        equal = (scored[None, :] == score[:, None]).sum(axis=1)
        expected += np.where(np.isnan(score), np.nan, (below + (equal + 1) / 2) / len(scored))
    np.testing.assert_allclose(pool.array("rank_sum"), expected, rtol=1e-6)
    assert np.isnan(pool.array("rank_sum")).sum() == 3


def test_it_needs_two_scores_that_exist(tiny_pool: Pool) -> None:
    with pytest.raises(InputError, match="at least two"):
        build("rank_sum", scores="clip_l14")
    with pytest.raises(InputError, match="'normsim'"):
        run(tiny_pool, build("rank_sum", scores="clip_l14,normsim"))
    with pytest.raises(InputError, match="'sharp'"):
        run(tiny_pool, build("rank_sum", scores="clip_l14,sharp"))


def test_within_lets_only_the_best_of_another_score_through(tiny_pool: Pool) -> None:
    from poolscope.recipe import load, select

    pool = run(tiny_pool, build("within", score_column="clip_b32", quality="clip_l14", top=0.4))
    inside = select(load({"keep": [{"score": "clip_l14", "top": 0.4}]}), pool).mask
    np.testing.assert_array_equal(np.isnan(pool.array("within")), ~inside)
    both = select(load({"keep": [{"score": "clip_l14", "top": 0.4}, {"score": "clip_b32", "top": 0.1}]}), pool)
    one = select(load({"keep": [{"any": [{"score": "within", "top": 0.1}]}]}), pool)
    np.testing.assert_array_equal(one.mask, both.mask)
    assert one.kept == 20

"""Does this model know this pool? The AUC against all pairs of scores, what is kept, and where it is said."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from poolscope import engine
from poolscope.engine import selftest
from poolscope.engine.catalogue import entry
from poolscope.pool import Pool
from poolscope.scores import build
from tests.backend.scores.pairs import copy_of, unit


def blind(pool: Pool) -> Pool:
    """The pool with the embeddings of a model that sees nothing in it."""
    rng = np.random.default_rng(1)
    for side in ("img", "txt"):
        vectors = unit(rng.normal(size=(len(pool), 16))).astype(np.float16)
        pool.add_columns({f"blind_{side}": vectors}, kind="embedding", made_by={"model": "blind"})
    return pool


def test_the_auc_is_mann_whitneys_and_the_interval_holds_it_as_often_as_it_says() -> None:
    rng, inside = np.random.default_rng(0), 0
    for _ in range(300):
        own, other = rng.normal(1, 1, 80), rng.normal(0, 1, 120)
        auc, low, high = selftest.delong(own, other)
        assert auc == pytest.approx(mannwhitneyu(own, other).statistic / (80 * 120))
        inside += low <= 0.76025 <= high  # the normal distribution's at 1/sqrt(2)
    assert 0.91 <= inside / 300 <= 0.985
    assert selftest.delong(np.ones(50), np.zeros(50))[1] < 0.95


def test_a_model_that_knows_the_pool_passes_and_one_that_does_not_is_named(tiny_pool: Pool) -> None:
    pool = blind(tiny_pool)
    good, bad = selftest.check(pool, "l14"), selftest.check(pool, "blind")
    assert good is not None
    assert bad is not None
    assert good.auc > 0.9
    assert good.passed
    assert not good.warning
    assert bad.low < 0.5 < bad.high
    assert "blind hardly knows this pool" in bad.warning
    assert selftest.known(pool, "l14") == good


def test_neither_order_nor_sharding_changes_it_and_new_embeddings_are_tested_anew(
    tiny_pool: Pool, tmp_path: Path
) -> None:
    order = np.random.default_rng(3).permutation(200)
    other = copy_of(tiny_pool, tmp_path / "other", order, 3)
    assert selftest.measure(tiny_pool, "l14") == selftest.measure(other, "l14")
    assert selftest.measure(tiny_pool, "l14", pairs=60) == selftest.measure(other, "l14", pairs=60)
    selftest.check(tiny_pool, "l14")
    tiny_pool.append(other.take(range(3), ["uid_hi", "uid_lo"]).to_batches())
    assert selftest.known(tiny_pool.reload(), "l14") is None


def test_repeated_captions_are_not_taken_for_shuffled_ones(tiny_pool: Pool) -> None:
    text = unit(np.eye(16)[np.arange(200) % 4]).astype(np.float16)
    tiny_pool.add_columns({"few_img": text, "few_txt": text}, kind="embedding", made_by={})
    tested = selftest.measure(tiny_pool, "few")
    assert tested is not None
    assert tested.auc == 1


def test_too_few_pairs_or_no_captions_give_no_test(tiny_pool: Pool, tmp_path: Path) -> None:
    assert selftest.check(copy_of(tiny_pool, tmp_path / "few", np.arange(12), 1), "l14") is None
    tiny_pool.add_columns({"lone_img": np.ones((200, 4), np.float16)}, kind="embedding", made_by={})
    assert selftest.check(tiny_pool, "lone") is None


def test_every_score_of_the_model_carries_it_and_its_card_shows_it(tiny_pool: Pool) -> None:
    pool = engine.run(blind(tiny_pool), build("clip_score", model="blind"), column="blind_score")
    told = pool.columns["blind_score"].made_by["self_test"]["blind"]
    assert told["auc"] < 0.65
    assert not told["passed"]
    assert any("hardly knows" in caution for caution in entry("clip_score", pool).cautions)
    assert engine.run(pool, build("random")).columns["random"].made_by["self_test"] == {}

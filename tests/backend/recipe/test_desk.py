"""The desk answers the same from plain and from ranked columns, and as a plain definition says."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolscope.errors import InputError
from poolscope.kernels import bits
from poolscope.recipe import Desk, Recipe, desk, edit, load, select, tags
from poolscope.recipe.plain import PlainSelection
from poolscope.recipe.score_rule import exact_count, fraction_for

RULES = [
    {"score": "clip_l14", "top": 0.4}, {"score": "clip_b32", "min": 0.3}, {"score": "clip_b32", "max": 0.5},
    {"score": "clip_b32", "between": [0.2, 0.7]}, {"score": "clip_l14", "top": 0.0}, {"score": "clip_b32", "min": 7},
    {"score": "clip_l14", "top": 0.3, "of": "kept"}, {"score": "clip_l14", "top": 0.3, "ties": "all"},
]  # fmt: skip


@pytest.fixture
def both(tiny_pool, monkeypatch):
    """The same pool on a desk of plain columns, and on one of ranked columns."""
    small = Desk(tiny_pool)
    large = Desk(tiny_pool)
    whole = load({"keep": [{"score": "clip_l14", "min": 0}, {"score": "clip_b32", "min": 0}]})
    large._live.step(whole)
    monkeypatch.setattr(large, "_engine", lambda recipe: large._live)
    return small, large


@pytest.mark.parametrize("rule", RULES)
def test_both_engines_say_the_same(both, rule, tiny_pool):
    small, large = both
    recipe = load({"keep": [{"flag": "sharp"}, rule]})
    plain, ranked = small.step(recipe), large.step(recipe)
    assert plain.counts == ranked.counts == select(recipe, tiny_pool).counts
    assert (plain.mask == ranked.mask).all()
    edges = {rule["score"]: small.bars(rule["score"]).edges}
    held = [one._engine(recipe).histograms(step, edges) for one, step in ((small, plain), (large, ranked))]
    assert held[0][rule["score"]].tolist() == held[1][rule["score"]].tolist()
    a, b = small.edge(recipe, 1, 7), large.edge(recipe, 1, 7)
    assert (a.kept.tolist(), a.dropped.tolist()) == (b.kept.tolist(), b.dropped.tolist())
    for mode in ("min", "max", "between", "top", "top_kept"):
        assert edit.into(mode, recipe, 1, small) == edit.into(mode, recipe, 1, large)
    for value in (0.0, 0.25, 0.999, 1.0):
        assert edit.keep(value, recipe, 1, small) == edit.keep(value, recipe, 1, large)
        assert edit.threshold(value, recipe, 1, small) == edit.threshold(value, recipe, 1, large)


@pytest.mark.parametrize("best", [True, False])
@pytest.mark.parametrize("which", [0, 1])
def test_a_threshold_keeps_its_fraction_of_the_pool(both, best, which, tiny_pool):
    after = load({"keep": [{"flag": "sharp"}]})
    cut = both[which].threshold("clip_b32", 0.2, after=after, best=best)
    scores, sharp = tiny_pool.array("clip_b32"), tiny_pool.array("sharp")
    assert (sharp & (scores >= np.float32(cut) if best else scores <= np.float32(cut))).sum() == 40
    if best:
        assert both[which].fraction("clip_b32", cut, after=after) == 0.2
        assert exact_count(both[which].fraction("clip_b32", cut, after=after, of="kept"), int(sharp.sum())) == 40


def test_a_threshold_of_nothing_is_none(both):
    for one in both:
        assert one.threshold("clip_b32", 0.0) is None
        assert one.threshold("clip_b32", 0.5, after=load({"keep": [{"score": "clip_b32", "min": 9}]})) is None


def test_the_edge_is_the_nearest_of_each_side(both, tiny_pool):
    recipe = load({"keep": [{"score": "clip_b32", "top": 0.4}]})
    scores, mask = tiny_pool.array("clip_b32"), select(recipe, tiny_pool).mask
    for one in both:
        found = one.edge(recipe, 0, 6)
        assert scores[found.kept].tolist() == sorted(scores[mask])[:6]
        assert scores[found.dropped].tolist() == sorted(scores[~mask], reverse=True)[:6]


def test_a_large_pool_is_answered_at_once_and_ranked_behind(tiny_pool, monkeypatch):
    monkeypatch.setattr(desk, "LARGE", 1)
    monkeypatch.setattr(desk, "PATIENCE", 0.0)
    one, recipe = Desk(tiny_pool), load({"keep": [{"score": "clip_l14", "top": 0.3}]})
    first = one.step(recipe)
    assert isinstance(one._engine(recipe), PlainSelection) or one._live.ready(recipe)
    for _ in range(600):
        if one._live.ready(recipe):
            break
        time.sleep(0.1)
    assert one._engine(recipe) is one._live
    assert (one.step(recipe).mask == first.mask).all()
    for thread in threading.enumerate():
        if thread.name == "ranking the scores":
            thread.join(20)


def test_kept_bars_wait_for_the_ranks_of_a_large_pool(tiny_pool, monkeypatch):
    recipe = load({"keep": [{"score": "clip_l14", "top": 0.6}, {"flag": "sharp"}]})
    mask, scores = select(recipe, tiny_pool).mask, tiny_pool.array("clip_l14")
    one = Desk(tiny_pool)
    edges = one.bars("clip_l14").edges
    expected = np.histogram(np.clip(scores[mask], edges[0], edges[-1]), edges)[0]
    assert one.kept_bars(recipe)["clip_l14"].tolist() == expected.tolist()
    monkeypatch.setattr(desk, "LARGE", 1)
    monkeypatch.setattr(desk, "PATIENCE", 60.0)
    assert one.kept_bars(recipe) == {}
    one._live.step(recipe)
    assert one.kept_bars(recipe)["clip_l14"].tolist() == expected.tolist()


def test_a_wrong_column_is_refused_in_one_line(tiny_pool):
    one = Desk(tiny_pool)
    for ask in (
        lambda: one.step(load({"keep": [{"score": "nope", "top": 0.1}]})),
        lambda: one.bars("nope"),
        lambda: one.threshold("nope", 0.3),
        lambda: one.fraction("sharp", 0.3),
    ):
        with pytest.raises(InputError):
            ask()


def test_a_tag_that_is_replaced_counts_at_once(both, tiny_pool):
    recipe = load({"keep": [{"tag": "mine"}]})
    for rows in ([3, 1, 1, 2], [7]):
        tags.save(tiny_pool, "mine", np.array(rows), replace=True)
        for one in both:
            Desk._engine(one, recipe)
            assert np.flatnonzero(one.step(recipe).mask).tolist() == sorted(set(rows))
            assert np.flatnonzero(bits.unpack(one.step(recipe).words, 200)).tolist() == sorted(set(rows))


@given(st.integers(1, 13_000_000), st.data())
def test_fraction_for_gives_exactly_that_count(total, data):
    count = data.draw(st.integers(0, total))
    assert exact_count(fraction_for(count, total), total) == count


def test_fraction_for_is_short():
    assert fraction_for(3_840_000, 12_800_000) == 0.3


def test_every_pair_without_rules(both):
    for one in both:
        assert one.step(Recipe()).kept == 200

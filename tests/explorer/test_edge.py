"""At the threshold: the nearest pairs on both sides, and the reason each was dropped."""

import numpy as np
import pytest

from poolscope.engine.reason import reason
from poolscope.explorer import pools
from poolscope.recipe import desk, load, select


@pytest.fixture(params=["small", "large"])
def pool(mapped_pool, request, monkeypatch):
    """As a small pool is looked at, and as a large one, by the places of ranked scores."""
    if request.param == "large":
        monkeypatch.setattr(desk, "LARGE", 1)
    return pools.opened(mapped_pool.path)


def sides(pool, rules, index=0, limit=6):
    recipe = load({"keep": rules})
    selection = select(recipe, pool)
    if desk.LARGE == 1:
        step = pools.desk(pool)._live.step(recipe)
        rows = np.arange(len(pool))
        assert (step.holds(rows) == selection.mask).all()
        assert [step.dropped_at(row) for row in rows] == selection.dropped_by.tolist()
        assert (step.words == selection.words).all()
    edge = pools.desk(pool).edge(recipe, index, limit)
    kept, dropped, scores = edge.kept, edge.dropped, edge.scores
    assert selection.mask[kept].all()
    assert (selection.dropped_by[dropped] == index + 1).all()
    return recipe, selection, kept, dropped, scores


@pytest.mark.parametrize("rule", [{"top": 0.4}, {"min": 0.3}, {"top": 0.2, "of": "kept"}])
def test_the_best_dropped_and_the_worst_kept(pool, rule):
    _, selection, kept, dropped, _ = sides(pool, [{"score": "clip_b32", **rule}])
    scores = pool.array("clip_b32")
    assert sorted(scores[kept]) == sorted(scores[selection.mask])[:6]
    assert sorted(scores[dropped]) == sorted(scores[~selection.mask])[-6:]


def test_at_most_looks_from_above(pool):
    _, selection, kept, dropped, _ = sides(pool, [{"score": "clip_b32", "max": 0.5}])
    scores = pool.array("clip_b32")
    assert sorted(scores[kept]) == sorted(scores[selection.mask])[-6:]
    assert sorted(scores[dropped]) == sorted(scores[~selection.mask])[:6]


def test_ties_at_the_threshold_show_on_both_sides(pool):
    recipe, selection, kept, dropped, _ = sides(pool, [{"score": "clip_l14", "top": 0.5}])
    scores, threshold = pool.array("clip_l14"), selection.counts[0].threshold
    assert np.isclose(scores[kept[0]], threshold)
    tied_and_dropped = np.flatnonzero(np.isclose(scores, threshold) & ~selection.mask)
    assert len(tied_and_dropped), "the fixture's scores are rounded, so that ties are cut"
    assert np.isclose(scores[dropped[0]], threshold)
    assert "ties with the threshold" in reason(int(dropped[0]), recipe, selection, pools.columns(pool), deep=False)


def test_a_flag_shows_some_of_each(pool):
    _, _, kept, dropped, scores = sides(pool, [{"score": "clip_b32", "top": 0.9}, {"flag": "sharp"}], index=1)
    assert scores is None
    assert len(kept) == len(dropped) == 6


def test_reasons_name_the_rule_and_the_distance(pool):
    recipe = load({"keep": [{"flag": "sharp"}, {"score": "clip_l14", "min": 0.5}]})
    selection = select(recipe, pool)
    scores, sharp = pool.array("clip_l14"), pool.array("sharp")
    unsharp = int(np.flatnonzero(~sharp)[0])
    assert reason(unsharp, recipe, selection, pools.columns(pool), deep=False) == "dropped by rule 1, sharp"
    low = int(np.flatnonzero(sharp & (scores < 0.5))[0])
    expected = f"{scores[low]:.4g}, {0.5 - scores[low]:.3g} below the threshold 0.5"
    assert reason(low, recipe, selection, pools.columns(pool), deep=False).endswith(expected)
    kept = int(np.flatnonzero(selection.mask)[0])
    assert reason(kept, recipe, selection, pools.columns(pool), deep=False) == "kept by all rules"
    missing = np.flatnonzero(sharp & np.isnan(scores))
    for row in missing:
        assert reason(int(row), recipe, selection, pools.columns(pool), deep=False).endswith("it has no score")

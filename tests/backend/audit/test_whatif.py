"""Own thresholds give the rates asked for, and their recipe keeps the same pairs."""

import numpy as np
import pytest

from poolscope.audit.group import Definition, Group, Groups
from poolscope.audit.whatif import outcome, own_thresholds, seen_by, to_recipe
from poolscope.errors import InputError
from poolscope.kernels.bits import pack
from poolscope.recipe import PoolColumns, load, select


@pytest.fixture
def groups(tiny_pool) -> Groups:
    rng = np.random.default_rng(0)
    masks = {"a.x": rng.random(200) < 0.3, "a.y": rng.random(200) < 0.2}
    made = [
        Group(Definition(id, "a", id[2:], f"mentions {id}", "", "", "test"), pack(mask)) for id, mask in masks.items()
    ]
    return Groups.of(made, 200)


def test_each_group_gets_its_rate_and_the_size_stays():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=4000).astype(np.float32)
    poor = np.arange(4000) < 1000
    scores[poor] -= 2
    found = own_thresholds(scores, np.ones(4000, bool), {"poor": poor}, {"poor": 0.3}, keep=1200)
    assert found.mask[poor].sum() == 300
    assert found.kept == 1200
    wider = own_thresholds(scores, np.ones(4000, bool), {"poor": poor}, {"poor": 0.3}, keep=1200, same_size=False)
    assert wider.kept > 1200
    assert wider.rest == np.sort(scores)[-1200]


def test_the_recipe_keeps_what_was_shown(tiny_pool, groups):
    recipe = load("name: r\nkeep:\n- {flag: sharp}\n- {score: clip_l14, top: 0.2}\n- {score: clip_b32, min: 0.1}\n")
    selection = select(recipe, tiny_pool)
    alive = seen_by(selection, 1)
    members = {id: groups.mask(id) for id in ("a.x", "a.y")}
    found = own_thresholds(
        tiny_pool.array("clip_l14"), alive, members, {"a.x": 0.5, "a.y": 0.25}, keep=int(seen_by(selection, 2).sum())
    )
    made = to_recipe(recipe, 1, found, groups, tiny_pool)
    again = select(load(made.as_dict()), tiny_pool)
    np.testing.assert_array_equal(seen_by(again, 2), found.mask)
    np.testing.assert_array_equal(again.mask, outcome(recipe, 1, found, PoolColumns(tiny_pool)).mask)
    assert len(made.keep) == 3
    with pytest.raises(InputError, match="rule on one score"):
        to_recipe(recipe, 0, found, groups, tiny_pool)


def test_rates_are_fractions():
    with pytest.raises(InputError, match="fraction from 0 to 1"):
        own_thresholds(np.zeros(4, np.float32), np.ones(4, bool), {"g": np.ones(4, bool)}, {"g": 2.0}, keep=1)

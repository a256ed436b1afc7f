"""Colouring: a code a point, and each legend entry's rule keeps just the pairs that have its colour."""

import numpy as np
import pytest

from poolscope.errors import InputError
from poolscope.projection import Map
from poolscope.projection.colouring import MOST, by_column, by_number, categories, columns
from poolscope.recipe import load, select


@pytest.fixture
def placed(tiny_pool) -> Map:
    return Map("l14", np.arange(200, dtype=np.uint32), np.zeros((200, 2), np.float32), {})


@pytest.mark.parametrize("name", ["clip_l14", "clip_b32", "sharp", "width", "height"])
def test_the_rule_of_each_entry_keeps_the_points_of_its_colour(tiny_pool, placed, name):
    made = by_column(tiny_pool, placed, name)
    assert sum(entry.points for entry in made.entries) == 200
    for code, entry in enumerate(made.entries):
        assert entry.points == (made.codes == code).sum()
        if entry.rule is not None:
            assert (select(load({"keep": [entry.rule]}), tiny_pool).mask == (made.codes == code)).all(), entry


def test_unscored_pairs_have_a_colour_of_their_own(tiny_pool, placed):
    made = by_column(tiny_pool, placed, "clip_l14")
    assert made.entries[-1].label == "not scored"
    assert (made.codes[:3] == len(made.entries) - 1).all()


@pytest.mark.parametrize("values", [[], [np.nan], [2.0, 2.0, 2.0], [np.inf, 1.0]])
def test_numbers_without_a_range(values):
    made = by_number("x", np.array(values))
    assert sum(entry.points for entry in made.entries) == len(values)
    assert all(code < len(made.entries) for code in made.codes)


def test_rare_values_share_a_colour_and_missing_ones_another():
    codes = np.concatenate([np.repeat(np.arange(20), np.arange(20, 0, -1)), [-1, -1]])
    made = categories("x", codes, [f"value {n}" for n in range(20)], [None] * 20)
    assert [entry.label for entry in made.entries[MOST:]] == ["8 others", "none"]
    assert [entry.points for entry in made.entries[MOST:]] == [36, 2]
    assert (made.codes[-2:] == MOST + 1).all()


def test_a_quote_in_a_value_stays_a_value(tiny_pool):
    words = ["it's", "a`b", "x' OR 1=1 --"]
    tiny_pool.add_columns({"word": np.array([words[n % 3] for n in range(200)])}, kind="metadata", made_by={})
    placed = Map("l14", np.arange(200, dtype=np.uint32), np.zeros((200, 2), np.float32), {})
    made = by_column(tiny_pool, placed, "word")
    for code, entry in enumerate(made.entries):
        assert (select(load({"keep": [entry.rule]}), tiny_pool).mask == (made.codes == code)).all()


def test_columns_to_colour_by(tiny_pool):
    offered = columns(tiny_pool)
    assert {"clip_l14", "clip_b32", "sharp", "width"} <= set(offered)
    assert not {"text", "url", "l14_img", "uid_hi", "image"} & set(offered)


def test_what_has_no_colours_is_one_line(tiny_pool, placed):
    with pytest.raises(InputError, match="has no colours; choose clip_l14"):
        by_column(tiny_pool, placed, "l14_img")

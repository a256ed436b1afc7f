"""Any, all and not, built rule by rule."""

import pytest

from poolscope.recipe import load, select
from poolscope.recipe.grouping import join, negated, regrouped, replace_part, take_out

A, B, C = {"flag": "sharp"}, {"score": "clip_l14", "top": 0.5}, {"where": "width >= 200"}


def rules(recipe):
    return recipe.as_dict()["keep"]


def test_a_rule_joins_the_one_before_it_and_groups_of_that_word_grow():
    recipe = join(load({"keep": [A, B, C]}), 1, "any")
    assert rules(recipe) == [{"any": [A, B]}, C]
    assert rules(join(recipe, 1, "any")) == [{"any": [A, B, C]}]
    assert rules(join(recipe, 1, "all")) == [{"all": [{"any": [A, B]}, C]}]


def test_not_comes_and_goes_and_the_switch_stays():
    rule = load({"keep": [{**A, "off": True}]}).keep[0]
    turned = negated(rule)
    assert turned.off
    assert not turned.not_.off
    assert negated(turned) == rule


@pytest.mark.parametrize("word", ["any", "all"])
def test_a_group_changes_its_word_and_loses_its_parts(word):
    group = load({"keep": [{"any": [A, B]}]}).keep[0]
    assert load({"keep": [{word: [A, B]}]}).keep[0] == regrouped(group, word)
    assert replace_part(group, 0, None) == group.parts[1]


def test_a_part_becomes_a_rule_behind_its_group():
    recipe = load({"keep": [{"any": [A, B, C]}, A]})
    assert rules(take_out(recipe, 0, 1)) == [{"any": [A, C]}, B, A]
    assert rules(take_out(load({"keep": [{"all": [A, B]}]}), 0, 0)) == [B, A]


def test_all_of_two_rules_keeps_what_the_two_keep(tiny_pool):
    apart = load({"keep": [A, {"score": "clip_l14", "min": 0.5}]})
    assert (select(join(apart, 1, "all"), tiny_pool).mask == select(apart, tiny_pool).mask).all()

"""Recipes by name: no two names share a file, nothing is replaced unasked, and an edited ready recipe says so."""

import pytest

from poolscope.engine.ready import edited, ready
from poolscope.errors import InputError
from poolscope.recipe import Recipe, dump, load
from poolscope.recipe.ready import path_of, save, saved

ODD = [
    "A/B",
    "A:B",
    "a?b",
    "a*b",
    "A_B",
    "a_b",
    "A B",
    "A B.",
    " A B",
    "x" * 300,
    "x" * 301,
    "é" * 150,
    "∩ 30 %",
    "../up",
    "CON",
]


def test_names_never_collide(tiny_pool):
    for number, name in enumerate(ODD):
        save(load({"name": name, "keep": [{"where": f"width > {number}"}]}), tiny_pool)
    assert len({path_of(name, tiny_pool) for name in ODD}) == len(ODD)
    found = saved(tiny_pool)
    assert set(found) == set(ODD)
    for number, name in enumerate(ODD):
        assert found[name].keep[0].where == f"width > {number}"
        assert path_of(name, tiny_pool).parent == tiny_pool.path / "recipes"


def test_nothing_is_replaced_unasked(tiny_pool):
    first, second = (load({"name": "mine", "keep": [{"where": f"width > {n}"}]}) for n in (1, 2))
    save(first, tiny_pool)
    with pytest.raises(InputError, match="has a recipe 'mine'"):
        save(second, tiny_pool)
    assert saved(tiny_pool)["mine"] == first
    save(second, tiny_pool, replace=True)
    assert saved(tiny_pool)["mine"] == second


def test_a_file_of_an_older_edition_is_found_and_replaced(tiny_pool):
    old = tiny_pool.path / "recipes" / "A_B.yaml"
    old.parent.mkdir(exist_ok=True)
    old.write_text(dump(Recipe(name="A/B")))
    with pytest.raises(InputError, match="has a recipe 'A/B'"):
        save(Recipe(name="A/B"), tiny_pool)
    save(load({"name": "A/B", "keep": [{"flag": "sharp"}]}), tiny_pool, replace=True)
    assert len(saved(tiny_pool)) == 1
    assert len(saved(tiny_pool)["A/B"].keep) == 1


@pytest.mark.parametrize("name", ["", " ", ".", "??", "a\nb", "a\ud800", "\x00a"])
def test_names_that_cannot_be_saved(tiny_pool, name):
    with pytest.raises(InputError, match="can't be saved"):
        save(Recipe.model_construct(name=name), tiny_pool)


def test_an_edited_ready_recipe_keeps_what_is_true_of_it():
    origin = ready()["basic"]
    assert origin.published
    assert edited(origin) == origin
    changed = edited(origin.model_copy(update={"keep": load({"keep": [{"where": "width > 1"}]}).keep}))
    assert changed.name == "Basic, edited"
    assert changed.note == f"Edited from Basic: {origin.note}"
    assert not changed.published
    assert load(dump(changed)) == changed
    again = edited(changed.model_copy(update={"keep": ()}))
    assert (again.name, again.note) == (changed.name, changed.note)
    assert edited(again.model_copy(update={"keep": origin.keep})) == origin


def test_a_recipe_of_ones_own_keeps_its_name_and_note():
    own = load({"name": "Basic", "note": "mine", "keep": [{"flag": "sharp"}]})
    assert edited(own) == own

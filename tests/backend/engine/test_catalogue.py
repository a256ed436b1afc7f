"""Every method says what it is: formula, paper, cost, parameters with ranges, a ready recipe, and a test of its own."""

import dataclasses
import doctest
import importlib
import re
from pathlib import Path

import pytest

from poolscope.engine.ready import ready
from poolscope.recipe import dump, load
from poolscope.scores import METHODS, build
from poolscope.scores.base import Method

TESTS = Path(__file__).parent.parent
RECIPES = ready()


@pytest.mark.parametrize("name", METHODS.shipped)
class TestMethod:
    def test_is_documented(self, name: str) -> None:
        method = METHODS[name]
        assert issubclass(method, Method)
        assert method.id == name
        assert method.title
        assert method.formula
        assert method.cost
        assert re.search(r"arXiv|19\d\d|20\d\d|DataComp", method.paper), method.paper
        text = method.__doc__ or ""
        assert len(text) > 150
        assert re.search(r"\(n,\)|NaN|columns", text), "the docstring says what comes out"
        assert text.count("\n") >= 2

    def test_parameters_have_help_defaults_and_ranges(self, name: str) -> None:
        for entry in dataclasses.fields(METHODS[name]):
            assert entry.metadata.get("help"), entry.name
            assert entry.default is not dataclasses.MISSING, f"{entry.name} has no default"
            if isinstance(entry.default, (int, float)) and not isinstance(entry.default, bool):
                assert entry.metadata["low"] is not None, f"{entry.name} has no range"

    def test_has_a_ready_recipe(self, name: str) -> None:
        used = [entry for recipe in RECIPES.values() for entry in recipe.scores.values() if entry["method"] == name]
        assert used or any(name in recipe.columns() for recipe in RECIPES.values())

    def test_has_a_test_of_its_own_or_an_example_that_runs(self, name: str) -> None:
        module = importlib.import_module(METHODS[name].__module__)
        results = doctest.testmod(module)
        assert not results.failed
        if results.attempted:
            return
        named = re.compile(rf"""build\(\s*["']{name}["']|\b{METHODS[name].__name__}\(""")
        assert any(
            named.search(file.read_text()) for file in TESTS.rglob("test_*.py") if file.name != Path(__file__).name
        )


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_ready_recipe_can_be_made_and_written_back(name: str) -> None:
    recipe = RECIPES[name]
    for entry in recipe.scores.values():
        parameters = {key: value for key, value in entry.items() if key != "method"}
        method = build(entry["method"], **parameters)
        assert {key: getattr(method, key) for key in parameters}.keys() == parameters.keys()
    assert load(dump(recipe)) == recipe
    assert recipe.note
    assert recipe.columns() <= recipe.scores.keys() | {"clip_l14", "clip_b32"}
    assert len({other.name for other in RECIPES.values()}) == len(RECIPES)

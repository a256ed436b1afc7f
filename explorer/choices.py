"""The recipes that can be chosen by name: ready ones that fit the pool, and those saved with it."""

from poolscope.engine.ready import library
from poolscope.pool import Pool
from poolscope.recipe import Recipe
from poolscope.recipe.ready import saved


def all(pool: Pool) -> dict[str, Recipe]:
    """Recipes by the name they are offered under; a saved one hides a ready one of its name."""
    ready = {recipe.name: recipe for recipe in library(pool)}
    return {**ready, **{recipe.name: recipe for recipe in saved(pool).values()}}

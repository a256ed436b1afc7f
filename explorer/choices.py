"""The recipes that can be chosen by name: ready ones that fit the pool, and those saved with it."""

import streamlit as st

from poolscope.engine.ready import library
from poolscope.pool import Pool
from poolscope.recipe import Recipe
from poolscope.recipe.ready import saved, unreadable


def all(pool: Pool) -> dict[str, Recipe]:
    """Recipes by the name they are offered under; a saved one hides a ready one of its name."""
    ready = {recipe.name: recipe for recipe in library(pool)}
    return {**ready, **{recipe.name: recipe for recipe in own(pool).values()}}


def own(pool: Pool) -> dict[str, Recipe]:
    """The recipes saved with the pool, by name."""
    return _read(pool)[0]


def broken(pool: Pool) -> dict[str, str]:
    """Why files of saved recipes can't be read, by their name."""
    return _read(pool)[1]


def _stamp(pool: Pool) -> tuple[object, ...]:
    """Changes with the files of saved recipes."""
    files = [(path, path.stat()) for path in sorted((pool.path / "recipes").glob("*.yaml"))]
    return str(pool.path), *((path.name, stat.st_mtime_ns, stat.st_size) for path, stat in files)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Pool: _stamp})
def _read(pool: Pool) -> tuple[dict[str, Recipe], dict[str, str]]:
    return saved(pool), unreadable(pool)

"""What the command palette offers, and what each choice does."""

from collections.abc import Mapping

import streamlit as st

from poolscope.errors import InputError
from poolscope.explorer import choices, navigation, palette, pools, recipe_state, toolbar
from poolscope.explorer.palette import Command

ASKED = {
    "save": ("Save the recipe", "s"), "share": ("Share this view", ""), "export": ("Export the kept pairs", "e"),
    "score": ("Add a score", ""), "recipe": ("Edit the recipe as YAML", "y"),
}  # fmt: skip
STEPS = {
    "undo": ("Undo the last change of the recipe", "u"), "redo": ("Redo", "r"), "revert": ("Revert the recipe", ""),
}  # fmt: skip


def draw(pages: Mapping[str, st.Page], here: st.Page) -> None:
    """Draws the palette in the rail, and does what was chosen in it."""
    with st.sidebar:
        chosen = palette.draw(_offered(pages))
    if chosen is not None:
        kind, _, name = chosen.partition(":")
        _do(kind, name, pages, here)


def _offered(pages: Mapping[str, st.Page]) -> list[Command]:
    from poolscope.engine.catalogue import loadable

    listed = [
        Command(f"page:{title}", "Pages", title, navigation.PAGES[title][2], str(number))
        for number, title in enumerate(pages, start=1)
    ]
    listed += [Command(f"do:{name}", "Actions", label, key=key) for name, (label, key) in (ASKED | STEPS).items()]
    listed += [Command(f"pool:{path}", "Pools", path.name, str(path)) for path in pools.recent()]
    listed += [Command(f"recipe:{name}", "Recipes", name, about) for name, about in _recipes()]
    listed += [Command(f"method:{method.id}", "Methods", method.title, method.id) for method in loadable()[0]]
    return listed


def _recipes() -> list[tuple[str, str]]:
    """Names and first words of the recipes that fit the pool; none where there is no pool."""
    try:
        return [(name, recipe.note) for name, recipe in choices.all(pools.current()).items()]
    except InputError:
        return []


def _do(kind: str, name: str, pages: Mapping[str, st.Page], here: st.Page) -> None:
    if kind == "pool":
        navigation.switch(name)
        return
    target = pages.get(name) if kind == "page" else pages["Filter"]
    if kind == "recipe":
        pool = pools.current()
        recipe_state.current(pool)
        recipe_state.load_recipe(choices.all(pool)[name])
    elif kind == "method":
        st.session_state["ask"] = ("score", name)
    elif name == "save":
        toolbar.save_now(pools.current())
    elif name in ASKED:
        st.session_state["ask"] = (name, "") if name == "score" else (name,)
    elif kind == "do":
        getattr(recipe_state, name)()
    if target is not None and target != here:
        st.switch_page(target)

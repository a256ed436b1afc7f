"""Two recipes side by side on the map: what both keep, what only one keeps."""

import numpy as np
import streamlit as st

from poolscope.errors import InputError
from poolscope.explorer import choices, images, number_format, pools, theme
from poolscope.explorer.evaluate import Outcome, evaluate
from poolscope.explorer.map import Legend
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection

MOST = 100_000  # pairs that the gallery can page, sort and filter; of more, a regular sample


def name_of_other() -> str | None:
    """The name of the recipe compared with, from the session or, on its first look, from the address."""
    state = st.session_state
    if "compare_with" not in state:
        state["compare_with"] = st.query_params.get("compare") or None
    return state["compare_with"]


def choose(name: str | None) -> None:
    """Compares with the recipe of that name; None stops."""
    st.session_state["compare_with"] = name


def chosen(pool: Pool) -> Outcome | None:
    """The recipe that is compared with, if any, and what it keeps."""
    name = name_of_other()
    other = choices.all(pool).get(name) if name else None
    if other is None:
        return None
    try:
        return Outcome(other, evaluate(other, pool))
    except InputError as error:
        st.warning(f"{plain(name)} can't be compared: {plain(error)}", icon=":material/warning:")
        return None


def legend(selection: Selection, comparison: Outcome | None) -> list[Legend]:
    """The entries of the map by code: bit 0 is the current recipe, bit 1 the other one."""
    if comparison is None:
        dropped = selection.pairs - selection.kept
        return [Legend("dropped", theme.DROPPED, dropped), Legend("kept", theme.KEPT, selection.kept)]
    both = int(np.count_nonzero(selection.mask & comparison.selection.mask))
    mine, other = selection.kept - both, comparison.selection.kept - both
    return [
        Legend("neither", theme.NEITHER, selection.pairs - both - mine - other),
        Legend("only this", theme.ONLY_A, mine),
        Legend(f"only {comparison.recipe.name}", theme.ONLY_B, other),
        Legend("both", theme.BOTH, both),
    ]


def gallery(first: bool, comparison: Outcome, pool: Pool, recipe: Recipe, selection: Selection) -> int | None:
    """The pairs that only the current recipe keeps, or (`first=False`) only the other; returns a row that was clicked."""
    mine, other = selection.mask, comparison.selection.mask
    rows = np.flatnonzero(mine & ~other if first else other & ~mine)
    name, others = (recipe.name, comparison.recipe.name) if first else (comparison.recipe.name, recipe.name)
    share = number_format.share(len(rows), len(pool))
    st.markdown(f"**{len(rows):,}** pairs ({share}) are kept by {plain(name)} and not by {plain(others)}")
    rows = rows[:: max(1, -(-len(rows) // MOST))]
    rows = rows[np.argsort(pools.columns(pool).rank[rows], kind="stable")]
    return images.draw([images.Shelf("", rows)], pool, recipe, selection, key="only")

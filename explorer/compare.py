"""Two recipes side by side on the map: what both keep, what only one keeps."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from poolscope.errors import InputError
from poolscope.explorer import choices, images, number_format, pools, theme
from poolscope.explorer.evaluate import evaluate
from poolscope.explorer.map import Legend
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection

MOST = 100_000  # pairs that the gallery can page, sort and filter; of more, a regular sample


@dataclass(frozen=True)
class Comparison:
    """The other recipe and its selection."""

    recipe: Recipe
    selection: Selection

    def counts(self, selection: Selection) -> tuple[int, int, int, int]:
        """Pairs that both keep, only the current recipe, only the other one, neither."""
        mine, other = selection.mask, self.selection.mask
        both = int(np.count_nonzero(mine & other))
        only_mine, only_other = selection.kept - both, self.selection.kept - both
        return both, only_mine, only_other, len(mine) - both - only_mine - only_other


def name_of_other() -> str | None:
    """The name of the recipe compared with, from the session or, on its first look, from the address."""
    state = st.session_state
    if "compare_with" not in state:
        state["compare_with"] = st.query_params.get("compare") or None
    return state["compare_with"]


def choose(name: str | None) -> None:
    """Compares with the recipe of that name; None stops."""
    st.session_state["compare_with"] = name


def show_in_url() -> None:
    name = name_of_other()
    if name and st.query_params.get("compare") != name:
        st.query_params["compare"] = name
    elif not name and "compare" in st.query_params:
        del st.query_params["compare"]


def chosen(pool: Pool) -> Comparison | None:
    """The comparison that is on, if any."""
    name = name_of_other()
    other = choices.all(pool).get(name) if name else None
    if other is None:
        return None
    try:
        return Comparison(other, evaluate(other, pool))
    except InputError as error:
        st.warning(f"{plain(name)} can't be compared: {plain(error)}", icon=":material/warning:")
        return None


def legend(selection: Selection, comparison: Comparison | None) -> list[Legend]:
    """The entries of the map by code: bit 0 is the current recipe, bit 1 the other one."""
    if comparison is None:
        dropped = selection.pairs - selection.kept
        return [Legend("dropped", theme.DROPPED, dropped), Legend("kept", theme.KEPT, selection.kept)]
    both, mine, other, neither = comparison.counts(selection)
    return [
        Legend("neither", theme.NEITHER, neither),
        Legend("only this", theme.ONLY_A, mine),
        Legend(f"only {comparison.recipe.name}", theme.ONLY_B, other),
        Legend("both", theme.BOTH, both),
    ]


def gallery(first: bool, comparison: Comparison, pool: Pool, recipe: Recipe, selection: Selection) -> int | None:
    """The pairs that only the current recipe keeps, or (`first=False`) only the other; returns a row that was clicked."""
    mine, other = selection.mask, comparison.selection.mask
    rows = np.flatnonzero(mine & ~other if first else other & ~mine)
    name, others = (recipe.name, comparison.recipe.name) if first else (comparison.recipe.name, recipe.name)
    share = number_format.share(len(rows), len(pool))
    st.markdown(f"**{len(rows):,}** pairs ({share}) are kept by {plain(name)} and not by {plain(others)}")
    rows = rows[:: max(1, -(-len(rows) // MOST))]
    rows = rows[np.argsort(pools.columns(pool).rank[rows], kind="stable")]
    return images.draw([images.Shelf("", rows)], pool, recipe, selection, key="only")

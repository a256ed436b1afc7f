"""Filter: rules with sliders, the map, and what the threshold just kept and just dropped."""

import streamlit as st

from poolscope.explorer import (
    add_score,
    at_threshold,
    checklist,
    compare,
    first_start,
    first_steps,
    lasso,
    map,
    map_colours,
    pool_map,
    rules,
    search,
    toolbar,
    views,
)
from poolscope.explorer.audit import found_groups
from poolscope.pool import Pool

DIMMED = "<style>.st-key-middle, .st-key-side {opacity: .45}</style>"  # what was last kept, while a rule can't be read
EDGE, LASSO, SEARCH, ONLY_A, ONLY_B = "Threshold", "Lasso", "Search", "Only A", "Only B"


@st.fragment
def workbench(pool: Pool) -> None:
    recipe, result = toolbar.begin(pool)
    shown, selection = result.recipe, result.selection
    if result.problems:
        st.html(DIMMED)
    left, middle, right = st.columns([0.29, 0.42, 0.29], gap="small")
    with left.container(key="rules", gap="small"):
        first_steps.draw()
        checklist.draw(pool)
        rules.draw(recipe, pool, result)
        if add_score.waiting(pool):
            add_score.watch(pool)
    shown_map = pool_map.current(pool)
    inside = lasso.rows_inside(shown_map, map.lassoed(), pool)
    place = middle.container(key="middle")
    with right.container(key="side", gap="small"):
        found_groups.headline(pool, selection)
        other = compare.chosen(pool)
        view = _view([EDGE, LASSO, SEARCH, *([ONLY_A, ONLY_B] if other is not None else [])])
        clicked = search.draw(shown, pool, selection) if view == SEARCH else None
        marked = search.hits_on_show(pool) if view == SEARCH else ()
        with place:  # before the galleries, so that the browser draws it while they are made
            opened = pool_map.draw(shown_map, pool, selection, other, marked, on_choice=_show_chosen)
        if view == LASSO:
            clicked = lasso.draw(inside, shown_map, shown, pool, selection)
        elif view == EDGE:
            clicked = at_threshold.draw(shown, pool, selection)
        elif view in (ONLY_A, ONLY_B) and other is not None:
            clicked = compare.gallery(view == ONLY_A, other, pool, shown, selection)
    toolbar.end(recipe, pool, result, clicked if opened is None else opened)


def _view(options: list[str]) -> str:
    """What the gallery shows."""
    if st.session_state.get("view", EDGE) not in options:
        st.session_state["view"] = EDGE
    return views.choose("Show", options, "view", preset=True, bind="query-params")


def _show_chosen() -> None:
    if map.lassoed() is not None or (map.sent("legend") and map.sent("legend").get("colour") != map_colours.KEPT):
        st.session_state["view"] = LASSO


workbench(first_start.pool())

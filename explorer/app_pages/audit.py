"""Audit: whom the recipe keeps and drops, group by group, following its sliders."""

import numpy as np
import streamlit as st

from poolscope.audit import Groups, Measures, headline, measure
from poolscope.audit.of_recipe import pooled_within
from poolscope.audit.strata import BUILT_IN, strata
from poolscope.audit.stratified import Pooled
from poolscope.explorer import first_start, rules, skeleton, toolbar, views
from poolscope.explorer.audit import (
    against,
    by_rule,
    download,
    forest,
    found_groups,
    heat,
    inside,
    own_groups,
    shares,
    shown,
    what_if,
)
from poolscope.explorer.text import noted, plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection

GROUPS, SHARES, RULES, CELLS = "Groups", "Shares", "Rule by rule", "Pairs of groups"
INSIDE, TWO, IF, REPORT = "Inside a group", "Two recipes", "What if", "Report"
VIEWS = [GROUPS, SHARES, RULES, CELLS, INSIDE, TWO, IF, REPORT]
NOT_WITHIN = "nothing"


@st.fragment
def workbench(pool: Pool) -> None:
    recipe, result = toolbar.begin(pool)
    left, right = st.columns([0.29, 0.71], gap="small")
    with left.container(key="rules", gap="small"):
        rules.draw(recipe, pool, result)
    clicked = None
    with right.container(key="side", gap="small"):
        found_groups.offer(pool)
        own_groups.draw(pool)
        with skeleton.shape("bars"):
            groups = found_groups.of(pool)
        if len(groups):
            clicked = audit(groups, pool, result.recipe, result.selection)
    toolbar.end(recipe, pool, result, clicked)


def audit(groups: Groups, pool: Pool, recipe: Recipe, selection: Selection) -> int | None:
    """The headline, the views and the one that is chosen; returns the row of an image that was clicked."""
    loss = headline(groups, selection.mask, selection.copies)
    st.subheader(plain(loss.text[:1].upper() + loss.text[1:]), anchor=False)
    st.caption(
        "Groups are what captions mention, what sites and columns say, or what a rule detects: never what people are."
    )
    view = views.choose("View", VIEWS, "audit-view", bind="query-params")
    if view == INSIDE:
        return inside.draw(groups.choose(minimum=10), pool, recipe, selection, loss.id)
    if view == REPORT:
        download.draw(groups, pool, recipe, selection, int(st.session_state.get("audit-minimum", 100)))
    elif view == IF:
        what_if.draw(groups, pool, recipe, selection)
    elif view == CELLS:
        heat.draw(groups, selection.mask, int(st.session_state.get("audit-minimum", 100)))
    elif view == TWO:
        against.draw(groups.choose(minimum=int(st.session_state.get("audit-minimum", 100))), pool, recipe, selection)
    else:
        _charts(view, groups, pool, recipe, selection)
    return None


def _charts(view: str, groups: Groups, pool: Pool, recipe: Recipe, selection: Selection) -> None:
    choice = shown.ask(groups)
    measures = measure(shown.choose(groups, choice), selection.mask, selection.copies)
    places = shown.order(measures, choice)
    if view == SHARES:
        shares.draw(measures, places)
    elif view == RULES:
        by_rule.draw(measures, places, recipe, selection)
    else:
        name = st.segmented_control(
            "Compare within", [NOT_WITHIN, *BUILT_IN], default=NOT_WITHIN, required=True, key="audit-strata",
            help="Odds ratio within strata (Mantel–Haenszel): what is left when language, site or caption length is the same",
        )  # fmt: skip
        pooled = _pooled(measures, pool, selection, name)
        forest.draw(measures, places, shown.ODDS if pooled is not None else choice.measure, pooled, name or "")
        if places:
            forest.table(measures, places, pooled, name or "")


@noted(st.warning, icon=":material/warning:")
def _pooled(measures: Measures, pool: Pool, selection: Selection, name: str | None) -> Pooled | None:
    if name in (None, NOT_WITHIN) or not len(measures.groups):
        return None
    within = _strata(str(pool.path), len(pool), "language" in pool.columns, str(name), pool)
    return pooled_within(measures.groups, selection.mask, *within)


@st.cache_resource(max_entries=6, show_spinner="Reading the strata")
def _strata(path: str, pairs: int, identified: bool, name: str, _pool: Pool) -> tuple[np.ndarray, tuple[str, ...]]:
    return strata(_pool, name)


workbench(first_start.pool())

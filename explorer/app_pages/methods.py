"""Methods: every score and flag that can be computed on this pool, and two scores compared."""

import streamlit as st

from poolscope.engine.catalogue import Entry, entry, loadable
from poolscope.explorer import add_score, compare_scores, first_start, method_card, method_cost, skeleton, views
from poolscope.explorer.pair import plain
from poolscope.pool import Pool

CATALOGUE, COMPARE = "Catalogue", "Compare two scores"
ALL, SCORES, FLAGS = "All", "Scores", "Flags"
COLUMNS = 2


def main(pool: Pool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Methods", width="stretch")
        view = views.choose("Show", [CATALOGUE, COMPARE], "methods", preset=True, bind="query-params")
    if add_score.waiting(pool):
        add_score.watch(pool)
    if view == COMPARE:
        compare_scores.draw(pool)
        return
    methods, broken = loadable()
    for problem in broken:
        st.warning(plain(problem), icon=":material/extension_off:")
    with skeleton.shape("cards"):
        entries = [entry(method.id, pool) for method in methods]
    shown = _chosen(entries)
    if not shown:
        st.info("No method fits; use fewer words or another kind.", icon=":material/search:")
    measuring = method_cost.in_background(pool)
    for start in range(0, len(shown), COLUMNS):
        for place, one in zip(st.columns(COLUMNS, gap="small"), shown[start : start + COLUMNS]):
            with place:
                method_card.draw(one, pool, measuring=measuring)
    asked = st.session_state.pop("ask-method", None)
    if asked:
        add_score.ask(pool, asked)


def _chosen(entries: list[Entry]) -> list[Entry]:
    """The entries that the search words, the kind and the toggle leave."""
    with st.container(horizontal=True, vertical_alignment="center"):
        words = st.text_input(
            "Search",
            key="methods-search",
            placeholder="Search name, paper, recipe",
            label_visibility="collapsed",
            width=320,
        )
        kind = views.choose("Kind", [ALL, SCORES, FLAGS], "methods-kind")
        ready = st.toggle("Only those that can start here", key="methods-ready")
        shown = [
            one
            for one in entries
            if (kind == ALL or (one.method.kind == "score") == (kind == SCORES))
            and (not ready or not one.problem)
            and method_card.matches(one, words or "")
        ]
        st.space("stretch")
        st.caption(f"{len(shown)} of {len(entries)} methods", width="content")
    return shown


main(first_start.pool())

"""What if a group, or every language, had its own threshold: rates, size, and the recipe that does it."""

import numpy as np
import streamlit as st

from poolscope.audit import Groups, Measures, measure
from poolscope.audit.whatif import MOST_GROUPS, WhatIf, outcome, own_thresholds, seen_by, to_recipe
from poolscope.explorer import pools, recipe_state, table, theme
from poolscope.explorer.audit.forest import dumbbells, spots
from poolscope.explorer.text import noted
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection
from poolscope.recipe.grammar import ScoreRule


def draw(groups: Groups, pool: Pool, recipe: Recipe, selection: Selection) -> None:
    scored = [index for index, rule in enumerate(recipe.keep) if isinstance(rule, ScoreRule) and rule.on]
    if not scored:
        st.info("Own thresholds need a rule on a score: add one at the left.", icon=":material/tune:")
        return
    first = groups.families.index("language") if "language" in groups.families else 0
    left, right = st.columns([0.5, 0.5], gap="medium")
    with left:
        index = st.selectbox(
            "Rule", scored, format_func=lambda one: f"{one + 1}. {recipe.keep[one].label()}", key="audit-wi-rule"
        )
        family = st.selectbox("Own thresholds for the groups of", groups.families, key="audit-wi-family", index=first)
    inside = groups.choose([family], minimum=10)
    titles = {one.id: one.title for one in inside.definitions}
    largest = [inside.definitions[place].id for place in np.argsort(-inside.sizes, kind="stable")[:8]]
    with right:
        chosen = st.multiselect("Groups", list(titles), default=largest, format_func=lambda one: titles[one],
                                key=f"audit-wi-{family}", max_selections=MOST_GROUPS)  # fmt: skip
        alive = seen_by(selection, index)
        keep = int(seen_by(selection, index + 1).sum())
        now = 100 * keep / max(1, int(alive.sum()))
        rate = st.slider(
            "Keep rate of each of them under this rule, %", 0.0, 100.0, round(now, 1), 0.1, key="audit-wi-rate"
        )
        same = st.toggle("keep the size", value=True, key="audit-wi-size",
                         help="Moves everyone else's threshold, so that the rule keeps as many pairs as now")  # fmt: skip
    if not chosen:
        st.caption("Choose at least one group.")
        return
    rule = recipe.keep[index]
    assert isinstance(rule, ScoreRule)
    scores = pools.columns(pool).array(rule.score)
    members = {id: inside.mask(id) for id in chosen}
    whatif = own_thresholds(scores, alive, members, dict.fromkeys(chosen, rate / 100), keep=keep, same_size=same)
    _outcome(inside, chosen, pool, recipe, selection, index, whatif, keep)
    if st.button("Make it the recipe", icon=":material/bolt:", type="primary", key="audit-wi-take"):
        with noted():
            recipe_state.change(to_recipe(recipe, index, whatif, groups, pool), about="own thresholds")
            text = f"The recipe now has {len(chosen)} own thresholds; undo brings the old one back"
            st.toast(text, icon=":material/check:")
            st.rerun()


def _outcome(
    inside: Groups, chosen: list[str], pool: Pool, recipe: Recipe, selection: Selection, index: int, whatif: WhatIf, keep: int
) -> None:  # fmt: skip
    places = [inside.index(id) for id in chosen]
    after = outcome(recipe, index, whatif, pools.columns(pool))
    before, then = (measure(inside, one.mask, one.copies) for one in (selection, after))
    st.markdown(
        f"The rule keeps **{whatif.kept:,}** pairs instead of {keep:,}, the recipe **{after.kept:,}** instead of {selection.kept:,}; "
        f"everyone else stands at a threshold of {whatif.rest:.4g}."
    )
    _plot(before, then, places)
    _table(before, then, places, whatif)


def _plot(before: Measures, then: Measures, places: list[int]) -> None:
    places = [place for place in places if not before.small[place] and not then.small[place]]
    titles = [before.groups.definitions[place].title for place in places]
    now, own = 100 * before.rate[places], 100 * then.rate[places]
    figure = dumbbells(titles, now, own, x="keep rate of the recipe, %")
    for rates, label, colour in ((now, "now", theme.NEITHER), (own, "with own thresholds", theme.KEPT)):
        figure.add_scatter(x=rates, y=spots(titles), mode="markers", name=label, marker={"size": 10, "color": colour}, hovertemplate="%{x:.1f} %<extra></extra>")  # fmt: skip
    figure.update_xaxes(rangemode="tozero")
    theme.show(figure, key="audit-wi-plot", alt="Keep rates now and with own thresholds")


def _table(before: Measures, then: Measures, places: list[int], whatif: WhatIf) -> None:
    lines = []
    for place in places:
        about = before.groups.definitions[place]
        now, own = (np.nan if one.small[place] else 100 * one.rate[place] for one in (before, then))
        lines.append({"group": about.title, "pairs": before.n[place], "threshold": whatif.thresholds[about.id],
                      "rate now, %": now, "rate then, %": own})  # fmt: skip
    formats = {"threshold": "%.4f", "rate now, %": "%.1f", "rate then, %": "%.1f"}
    table.draw(lines, key="audit-wi-table", formats=formats)

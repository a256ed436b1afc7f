"""Two recipes side by side: the keep rate of each group under both."""

import numpy as np
import streamlit as st

from poolscope.audit import Groups, measure
from poolscope.audit.headline import TECHNICAL
from poolscope.explorer import choices, theme
from poolscope.explorer.audit.forest import ROW, _short, dumbbells, spots
from poolscope.explorer.audit.shown import ALL
from poolscope.explorer.evaluate import evaluate
from poolscope.explorer.number_format import percents
from poolscope.explorer.text import noted, plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection

MOST = 40


@noted()
def draw(groups: Groups, pool: Pool, recipe: Recipe, selection: Selection) -> None:
    known = {name: other for name, other in choices.all(pool).items() if name != recipe.name}
    if not known:
        st.info("Save a second recipe to compare with.", icon=":material/compare_arrows:")
        return
    left, right = st.columns(2)
    name = left.selectbox("Compare with", list(known), key="audit-other")
    family = right.selectbox("Groups", [ALL, *groups.families], key="audit-two-family")
    groups = groups.choose([one for one in groups.families if one not in TECHNICAL] if family == ALL else [family])
    other = evaluate(known[name], pool)
    a, b = (measure(groups, one.mask, one.copies) for one in (selection, other))
    relative = st.toggle(
        "relative to each recipe's own rate (lift)", key="audit-relative", value=abs(a.overall - b.overall) > 0.02
    )
    shown = np.flatnonzero(~a.small & ~b.small)
    first, second = (a.lift, b.lift) if relative else (100 * a.rate, 100 * b.rate)
    difference = np.nan_to_num(np.abs(first - second)[shown])
    places = shown[np.argsort(-difference, kind="stable")[:MOST]]
    places = places[np.argsort(first[places], kind="stable")]
    titles = [groups.definitions[place].title for place in places]
    figure = dumbbells(titles, first[places], second[places], x="lift" if relative else "keep rate, %")
    figure.update_layout(height=max(260, 120 + ROW * len(titles)))
    for values, label, colour, symbol in (
        (first, f"this: {recipe.name}", theme.ONLY_A, "circle"),
        (second, name, theme.ONLY_B, "diamond"),
    ):
        figure.add_scatter(x=values[places], y=spots(titles), mode="markers", name=_short(label), marker={"size": 9, "color": colour, "symbol": symbol}, hovertemplate="%{x:.2f}<extra></extra>")  # fmt: skip
    theme.show(figure, key="audit-two", alt=f"{len(places)} groups under two recipes")
    mine, other_share = percents(a.overall, b.overall)
    st.caption(
        f"This recipe keeps {mine} of the pool, {plain(name)} {other_share}. "
        f"{len(groups) - len(shown)} groups with counts under 10 are not shown; of the rest, the {len(places)} that differ most."
    )

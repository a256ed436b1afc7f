"""Rule by rule: the lift of the groups after each rule of the recipe."""

import numpy as np
import streamlit as st

from poolscope.audit import Measures
from poolscope.audit.measure import SMALLEST
from poolscope.audit.stages import contributions, stages
from poolscope.explorer import table, theme
from poolscope.explorer.audit.forest import _escape, _short
from poolscope.recipe import Recipe, Selection

MOST = 12


def draw(measures: Measures, places: list[int], recipe: Recipe, selection: Selection) -> None:
    if not recipe.keep or not places:
        st.info("Without rules and groups there is nothing to follow.", icon=":material/tune:")
        return
    after = stages(measures.groups.at(places[:MOST]), selection)
    steps = contributions(after)
    labels = (f"{number}. {_escape(rule.label())[:28]}" for number, rule in enumerate(recipe.keep, start=1))
    rules = ["the pool", *labels]
    figure = theme.figure(360, x="after rule", y="lift: kept of the group over kept of the pool")
    figure.add_scatter(x=rules, y=[1.0] * len(rules), name="the pool", mode="lines+markers",
                       line={"dash": "dash", "color": theme.NEITHER, "width": 3})  # fmt: skip
    for number, place in enumerate(places[:MOST]):
        lifts = [1.0, *(np.nan if one.small[number] else one.lift[number] for one in after)]
        title = _short(measures.groups.definitions[place].title)
        figure.add_scatter(x=rules, y=lifts, name=title, mode="lines+markers")
    figure.update_layout(legend={"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top", "yref": "paper"})
    figure.update_yaxes(rangemode="tozero")
    theme.show(figure, key="audit-rules", alt=f"Lift of {min(MOST, len(places))} groups after each rule")
    _table(measures, places[:MOST], recipe, steps)


def _table(measures: Measures, places: list[int], recipe: Recipe, steps: np.ndarray) -> None:
    names = [f"{number}. {rule.label()}" for number, rule in enumerate(recipe.keep, start=1)]
    lines = []
    for place, changes in zip(places, steps.T):
        few = f"kept under {SMALLEST}" if measures.small[place] else ""
        labels = [few or (f"{step:+.2f}" if np.isfinite(step) else "none left") for step in changes]
        lines.append({"group": measures.groups.definitions[place].title, **dict(zip(names, labels))})
    st.caption(
        "What each rule adds to the logarithm of the lift: below 0 it takes more from the group than from the pool."
    )
    table.draw(lines, key="audit-steps", right=names)

"""Which groups the Audit page shows, and how: family, smallest group, order, measure."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from poolscope.audit import Groups, Measures
from poolscope.audit.headline import TECHNICAL

ALL = "Largest differences"
EACH_END = 15
MOST = 60
RATE, LIFT, ODDS = "keep rate", "lift", "odds ratio"
ORDERS = ("least kept first", "largest first", "by name")


@dataclass(frozen=True)
class Choice:
    """What was chosen; `places` are those of the groups to show, in order."""

    family: str
    minimum: int
    measure: str
    order: str
    sure: bool


def ask(groups: Groups) -> Choice:
    """The row of controls above the charts."""
    families = [ALL, *groups.families]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="audit-controls"):
        family = st.selectbox("Groups", families, key="audit-family", width=230, bind="query-params")
        measure = st.selectbox("Measure", [RATE, LIFT, ODDS], key="audit-measure", width=130)
        order = st.selectbox("Order", ORDERS, key="audit-order", width=170)
        minimum = st.number_input("Smallest group", 10, 1_000_000, 100, step=10, key="audit-minimum", width=140)
        sure = st.toggle("only sure differences", key="audit-sure", help="q below 0.05 over the groups shown")
    return Choice(family, int(minimum), measure, order, sure)


def choose(groups: Groups, choice: Choice) -> Groups:
    """The groups of the chosen family that are large enough."""
    if choice.family == ALL or choice.family not in groups.families:
        return groups.choose([one for one in groups.families if one not in TECHNICAL] or None, minimum=choice.minimum)
    return groups.choose([choice.family], minimum=choice.minimum)


def order(measures: Measures, choice: Choice) -> list[int]:
    """Places of `measures` to draw, top first."""
    places = np.arange(len(measures.groups))
    if choice.sure:
        with np.errstate(invalid="ignore"):
            places = places[measures.q < 0.05]
    titles = np.array([measures.groups.definitions[place].title for place in places], dtype=str)
    by = dict(zip(ORDERS, (measures.rate[places], -measures.n[places], titles)))
    ranked = places[np.argsort(by[choice.order], kind="stable")]
    if choice.family == ALL and len(ranked) > 2 * EACH_END:
        by_rate = places[np.argsort(by[ORDERS[0]], kind="stable")]
        ends = set(by_rate[:EACH_END].tolist()) | set(by_rate[-EACH_END:].tolist())
        return [int(place) for place in ranked if int(place) in ends]
    return [int(place) for place in ranked[:MOST]]

"""Shares before and after: what part of the pool and of the kept pairs each group is, and who is amplified away."""

import numpy as np
import streamlit as st

from poolscope.audit import Measures
from poolscope.audit.amplification import flagged, slope
from poolscope.audit.of_recipe import UNIFORM, expected_shares
from poolscope.explorer import theme
from poolscope.explorer.audit.forest import ROW, rows
from poolscope.explorer.text import plain

NONE, EQUAL, OWN = "none", "equal shares in each family", "own shares"


def draw(measures: Measures, places: list[int]) -> None:
    import plotly.graph_objects as go

    places = [place for place in places if not measures.small[place]]
    if not places or not measures.total_kept:
        st.info("No group to show: nothing is kept, or every count is under 10.", icon=":material/groups:")
        return
    reference = st.segmented_control(
        "Reference shares", [NONE, EQUAL, OWN], default=NONE, key="audit-reference", required=True
    )
    expected = _expected(measures, places, reference)
    before = 100 * measures.n[places] / measures.pairs
    after = 100 * measures.share_after[places]
    y = [len(places) - 1 - number for number in range(len(places))]
    figure = theme.figure(max(260, 110 + ROW * len(places)), x="share, %", y="")
    for number, spot in enumerate(y):
        colour = theme.DROPPED if after[number] < before[number] else theme.KEPT
        figure.add_shape(
            type="line", x0=before[number], x1=after[number], y0=spot, y1=spot, line={"color": colour, "width": 2}
        )
    figure.add_trace(go.Scatter(x=before, y=y, mode="markers", name="of the pool", cliponaxis=False, marker={"size": 9, "color": theme.NEITHER, "symbol": "circle-open"}, hovertemplate="before %{x:.2f} %<extra></extra>"))  # fmt: skip
    figure.add_trace(go.Scatter(x=after, y=y, mode="markers", name="of what is kept" if measures.drawn is None else "of the draws", cliponaxis=False, marker={"size": 9, "color": theme.KEPT}, hovertemplate="after %{x:.2f} %<extra></extra>"))  # fmt: skip
    if expected is not None:
        figure.add_trace(go.Scatter(x=100 * expected[places], y=y, mode="markers", name="reference", marker={"size": 9, "color": theme.ONLY_B, "symbol": "line-ns-open"}, hovertemplate="reference %{x:.2f} %<extra></extra>"))  # fmt: skip
    rows(figure, y, [measures.groups.definitions[place].title for place in places])
    figure.update_xaxes(rangemode="tozero")
    theme.show(figure, key="audit-shares", alt=f"Shares of {len(places)} groups before and after the recipe")
    if expected is not None:
        _flags(measures, places, expected)
    _slopes(measures)


def _expected(measures: Measures, places: list[int], reference: str | None) -> np.ndarray | None:
    if reference == EQUAL:
        return expected_shares(measures.groups, UNIFORM)
    if reference != OWN:
        return None
    import pandas as pd

    listed = pd.DataFrame(
        {
            "id": [measures.groups.definitions[place].id for place in places],
            "group": [measures.groups.definitions[place].title for place in places],
            "share of the pool, %": 100 * measures.n[places] / measures.pairs,
            "expected, %": [None] * len(places),
        }
    )
    listed["expected, %"] = listed["expected, %"].astype("float64")
    edited = st.data_editor(
        listed, hide_index=True, disabled=["group", "share of the pool, %"], key="audit-expected", height=200,
        column_config={"id": None, "expected, %": st.column_config.NumberColumn(min_value=0.0, max_value=100.0, format="%.2f")},
    )  # fmt: skip
    own = {
        row["id"]: row["expected, %"] / 100 for _, row in edited.iterrows() if row["expected, %"] == row["expected, %"]
    }
    return expected_shares(measures.groups, own)


def _flags(measures: Measures, places: list[int], expected: np.ndarray) -> None:
    flags = flagged(measures.n, measures.pairs, measures.lift_high, expected)
    named = [measures.groups.definitions[place].title for place in places if flags[place]]
    if named:
        st.text(f"Amplified exclusion, below the reference and kept significantly less: {'; '.join(named)}.")
    else:
        st.caption("No group shown is both below its reference and kept significantly less.")


def _slopes(measures: Measures) -> None:
    families = np.array([definition.family for definition in measures.groups.definitions])
    for family in measures.groups.families:
        inside = families == family
        found = slope(measures.kept[inside], measures.n[inside])
        if found is not None and len(measures.groups.families) <= 3:
            st.caption(
                f"Keep rate on group size, {plain(family)}, {found.groups} groups: slope {found.slope:.3g} per pair, R² {found.r2:.2f}, p {found.p:.2g}; "
                f"Spearman {found.spearman:.2f}; weighted logit slope {found.logit_slope:.2f} (p {found.logit_p:.2g}). "
                "A positive slope means that rare groups are also kept less."
            )

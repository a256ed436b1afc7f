"""Shares before and after: what part of the pool and of the kept pairs each group is, and who is amplified away."""

import numpy as np
import streamlit as st

from poolscope.audit import Measures
from poolscope.audit.amplification import flagged
from poolscope.audit.of_recipe import UNIFORM, expected_shares, lines
from poolscope.explorer import theme
from poolscope.explorer.audit.forest import dumbbells, spots
from poolscope.explorer.text import plain

NONE, EQUAL, OWN = "none", "equal shares in each family", "own shares"


def draw(measures: Measures, places: list[int]) -> None:
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
    titles = [measures.groups.definitions[place].title for place in places]
    colours = np.where(after < before, theme.DROPPED, theme.KEPT).tolist()
    figure, y = dumbbells(titles, before, after, x="share, %", colours=colours, width=2), spots(titles)
    figure.add_scatter(x=before, y=y, mode="markers", name="of the pool", cliponaxis=False, marker={"size": 9, "color": theme.NEITHER, "symbol": "circle-open"}, hovertemplate="before %{x:.2f} %<extra></extra>")  # fmt: skip
    figure.add_scatter(x=after, y=y, mode="markers", name="of what is kept" if measures.drawn is None else "of the draws", cliponaxis=False, marker={"size": 9, "color": theme.KEPT}, hovertemplate="after %{x:.2f} %<extra></extra>")  # fmt: skip
    if expected is not None:
        figure.add_scatter(x=100 * expected[places], y=y, mode="markers", name="reference", marker={"size": 9, "color": theme.ONLY_B, "symbol": "line-ns-open"}, hovertemplate="reference %{x:.2f} %<extra></extra>")  # fmt: skip
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

    named = [measures.groups.definitions[place] for place in places]
    shares = 100 * measures.n[places] / measures.pairs
    listed = pd.DataFrame({"id": [one.id for one in named], "group": [one.title for one in named],
                           "share of the pool, %": shares, "expected, %": np.full(len(places), np.nan)})  # fmt: skip
    edited = st.data_editor(
        listed, hide_index=True, disabled=["group", "share of the pool, %"], key="audit-expected", height=200,
        column_config={"id": None, "expected, %": st.column_config.NumberColumn(min_value=0.0, max_value=100.0, format="%.2f")},
    )  # fmt: skip
    own = edited.set_index("id")["expected, %"].dropna() / 100
    return expected_shares(measures.groups, own.to_dict())


def _flags(measures: Measures, places: list[int], expected: np.ndarray) -> None:
    flags = flagged(measures.n, measures.pairs, measures.lift_high, expected)
    named = [measures.groups.definitions[place].title for place in places if flags[place]]
    if named:
        st.text(f"Amplified exclusion, below the reference and kept significantly less: {'; '.join(named)}.")
    else:
        st.caption("No group shown is both below its reference and kept significantly less.")


def _slopes(measures: Measures) -> None:
    for family, line in lines(measures).items() if len(measures.groups.families) <= 3 else ():
        st.caption(
            f"Keep rate on group size, {plain(family)}, {line.groups} groups: slope {line.slope:.3g} per pair, R² {line.r2:.2f}, p {line.p:.2g}; "
            f"Spearman {line.spearman:.2f}; weighted logit slope {line.logit_slope:.2f} (p {line.logit_p:.2g}). "
            "A positive slope means that rare groups are also kept less."
        )

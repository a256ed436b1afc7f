"""Pairs of groups: the keep rate of pairs that are in a group of one family and one of another."""

import numpy as np
import streamlit as st

from poolscope.audit import Groups
from poolscope.audit.measure import SMALLEST
from poolscope.explorer import theme
from poolscope.explorer.audit.forest import _short
from poolscope.kernels import bits, counts

MOST = 24
WRITTEN = 12  # columns, up to which the rates fit into the cells
FIRST = (
    ("gender", "occupation"),
    ("gender drawn", "skin tone drawn"),
    ("gender", "age"),
    ("race", "gender"),
    ("language", "gender"),
)


def draw(groups: Groups, mask: np.ndarray, minimum: int) -> None:
    """Cells of fewer than 10 pairs, or with 1 to 9 kept ones, stay empty."""
    families = list(groups.families)
    if len(families) < 2:
        st.info("Two families of groups are needed.", icon=":material/grid_on:")
        return
    left, right = st.columns(2)
    rows, columns = _suggested(groups, mask, minimum)
    first = left.selectbox("Rows", families, key="audit-rows", index=families.index(rows))
    second = right.selectbox("Columns", families, key="audit-columns", index=families.index(columns))
    a, b = _largest(groups, first, minimum), _largest(groups, second, minimum)
    if not len(a) or not len(b):
        st.info("A family has no group that is large enough; lower the smallest group.", icon=":material/grid_on:")
        return
    both, kept, shown = _cells(a, b, mask)
    if first == second:
        shown &= ~np.eye(len(a), dtype=bool)
    if not shown.any():
        st.info("No cell has 10 pairs and 10 kept ones; choose other families.", icon=":material/grid_on:")
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.where(shown, 100 * kept / both, np.nan)
    overall = 100 * mask.mean() if len(mask) else 0.0
    _plot(a, b, rates, both, kept, overall, f"Keep rate of {first} by {second}")
    st.caption(
        f"{int(shown.sum())} of {shown.size} cells; cells of fewer than {SMALLEST} pairs, or with 1 to {SMALLEST - 1} kept, stay empty. "
        f"The middle of the scale is the pool's rate, {overall:.1f} %."
    )


def _plot(
    a: Groups, b: Groups, rates: np.ndarray, both: np.ndarray, kept: np.ndarray, overall: float, alt: str
) -> None:
    """Draws `rates` `(A, B)`, NaN where a cell is not shown; the middle of the scale is the pool's rate."""
    counts_of = np.char.add(np.char.mod("%d", kept), np.char.add(" of ", np.char.mod("%d", both)))
    text = np.where(np.isfinite(rates), counts_of, "not shown")
    figure = theme.figure(max(360, 180 + 24 * len(a)), x="", y="")
    spread = max(1.0, float(np.nanmax(np.abs(rates - overall))))
    low, high = max(0.0, overall - spread), min(100.0, overall + spread)
    middle = (overall - low) / (high - low)
    figure.add_heatmap(
        z=rates, x=list(range(len(b))), y=list(range(len(a))), text=text, zmin=low, zmax=high, hoverongaps=False, xgap=1, ygap=1,
        colorscale=[[0, theme.DROPPED], [middle, "#EEF1F4" if not theme.is_dark() else "#2A3642"], [1, theme.KEPT]],
        texttemplate="%{z:.0f}" if len(b) <= WRITTEN else "", textfont={"size": 12},
        colorbar={"title": "rate, %", "thickness": 12}, hovertemplate="%{text}: %{z:.1f} %<extra></extra>",
    )  # fmt: skip
    across, down = ({"tickvals": list(range(len(side))), "ticktext": [_short(one.title) for one in side.definitions]}
                    for side in (b, a))  # fmt: skip
    figure.update_xaxes(**across, tickangle=-40, showgrid=False)
    figure.update_yaxes(**down, autorange="reversed", showgrid=False, tickfont={"size": 12, "color": theme.ink()})
    theme.show(figure, key="audit-heat", alt=alt)


def _largest(groups: Groups, family: str, minimum: int) -> Groups:
    inside = groups.choose([family], minimum=max(SMALLEST, min(minimum, 30)))
    return inside.at(np.argsort(-inside.sizes, kind="stable")[:MOST].tolist())


def _cells(a: Groups, b: Groups, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs in both groups, those kept, and which cells may be shown, all `(A, B)`."""
    both, kept = counts.pair_counts(a.bitmaps, b.bitmaps, bits.pack(mask))
    return both, kept, (both >= SMALLEST) & ((kept == 0) | (kept >= SMALLEST))


def _suggested(groups: Groups, mask: np.ndarray, minimum: int) -> tuple[str, str]:
    """Two families to begin with: the first of some telling couples that has cells to show."""
    for first, second in FIRST:
        if first in groups.families and second in groups.families:
            a, b = _largest(groups, first, minimum), _largest(groups, second, minimum)
            if len(a) and len(b) and _cells(a, b, mask)[2].any():
                return first, second
    return groups.families[0], groups.families[1]

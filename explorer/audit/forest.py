"""The forest plot: each group's measure with its interval, against the pool's; and all figures as a table."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from poolscope.audit import Measures
from poolscope.audit.measure import SMALLEST
from poolscope.audit.stratified import Pooled
from poolscope.explorer import theme
from poolscope.explorer.audit.shown import LIFT, ODDS, RATE, percent

ROW = 21
LONGEST = 44


def draw(measures: Measures, places: list[int], measure: str, pooled: Pooled | None = None, strata: str = "") -> None:
    """Dots are the groups, the dashed line is the pool; hollow squares are the odds ratios within strata."""
    if not places:
        st.info("No group is shown: lower the smallest group, or choose another family.", icon=":material/groups:")
        return
    _plot(measures, places, measure, pooled, strata)


def table(measures: Measures, places: list[int], pooled: Pooled | None, strata: str) -> None:
    """The same figures in numbers."""
    import pandas as pd

    m, small = measures, measures.small
    listed = np.array(places, dtype=np.int64)

    def shown(values: np.ndarray) -> np.ndarray:
        return np.where(small[listed], np.nan, values[listed])

    frame = pd.DataFrame(
        {
            "group": [m.groups.definitions[place].title for place in places], "pairs": m.n[listed],
            "kept": shown(m.kept), "rate, %": 100 * shown(m.rate), "low, %": 100 * shown(m.low), "high, %": 100 * shown(m.high),
            "lift": shown(m.lift), "odds ratio": shown(m.odds_ratio), "OR low": shown(m.odds_low), "OR high": shown(m.odds_high),
            "q": shown(m.q),
        }
    )  # fmt: skip
    if pooled is not None:
        frame[f"OR within {strata}"] = shown(pooled.odds_ratio)
        frame["within low"], frame["within high"] = shown(pooled.low), shown(pooled.high)
    frame["known error"] = [m.groups.definitions[place].error for place in places]
    number = st.column_config.NumberColumn
    formats = {name: number(format="%.1f") for name in ("rate, %", "low, %", "high, %")}
    formats |= {
        name: number(format="%.2f")
        for name in frame.columns
        if "OR" in name or name in ("lift", "odds ratio") or "within" in name
    }
    st.dataframe(
        frame, hide_index=True, height=min(420, 38 + 35 * len(frame)), key="audit-table",
        column_config={**formats, "q": number(format="%.2g"), "kept": number(format="localized"), "pairs": number(format="localized")},
    )  # fmt: skip
    if small[listed].any():
        st.caption(f"Kept counts under {SMALLEST} and what follows from them are not shown.")


def _plot(measures: Measures, places: list[int], measure: str, pooled: Pooled | None, strata: str) -> None:
    import plotly.graph_objects as go

    values, low, high, line = _values(measures, measure)
    axis = {
        "keep rate": "keep rate, %",
        "lift": "lift: share after over share before",
        "odds ratio": "odds ratio of being kept",
    }[measure]
    made = theme.figure(max(260, 110 + ROW * len(places)), x=axis, y="")
    known = [place for place in places if not measures.small[place] and np.isfinite(values[place])]
    spot = {place: len(places) - 1 - number for number, place in enumerate(places)}
    kinds = (
        ("kept less than the pool", theme.DROPPED, [p for p in known if high[p] < line]),
        ("not told apart", theme.NEITHER, [p for p in known if not high[p] < line and not low[p] > line]),
        ("kept more", theme.KEPT, [p for p in known if low[p] > line]),
    )
    for name, colour, members in kinds:
        made.add_trace(
            go.Scatter(
                x=values[members], y=[spot[p] for p in members], mode="markers", name=name, marker={"size": 9, "color": colour},
                error_x={"type": "data", "symmetric": False, "array": high[members] - values[members], "arrayminus": values[members] - low[members], "thickness": 1.6, "width": 3},
                text=[_hover(measures, p) for p in members], hovertemplate="%{text}<extra></extra>",
            )
        )  # fmt: skip
    hidden = [place for place in places if measures.small[place]]
    if hidden:
        ends = SMALLEST / measures.n[hidden]
        bound = 100 * ends if measure == RATE else ends / max(measures.overall, 1e-12)
        made.add_trace(
            go.Scatter(
                x=bound, y=[spot[p] for p in hidden], mode="markers", name=f"kept under {SMALLEST}: at most here",
                marker={"symbol": "triangle-left-open", "size": 9, "color": theme.DROPPED},
                text=[f"{measures.groups.definitions[p].title}<br>kept under {SMALLEST} of {int(measures.n[p]):,}" for p in hidden],
                hovertemplate="%{text}<extra></extra>",
            )
        )  # fmt: skip
    if pooled is not None and measure == ODDS:
        there = [p for p in known if np.isfinite(pooled.odds_ratio[p])]
        made.add_trace(
            go.Scatter(
                x=pooled.odds_ratio[there], y=[spot[p] for p in there], mode="markers", name=f"within {strata}",
                marker={"symbol": "square-open", "size": 8, "color": theme.ONLY_B},
                error_x={"type": "data", "symmetric": False, "array": pooled.high[there] - pooled.odds_ratio[there], "arrayminus": pooled.odds_ratio[there] - pooled.low[there], "thickness": 1, "width": 2},
                hovertemplate="%{x:.2f}<extra>within " + strata + "</extra>",
            )
        )  # fmt: skip
    dashed = {"dash": "dash", "width": 1.5, "color": theme.NEITHER}
    made.add_vline(x=line, line=dashed)
    told = f"the pool: {line:.1f} %" if measure == RATE else "the pool: 1"
    made.add_trace(
        go.Scatter(x=[None], y=[None], mode="lines", line=dashed, name=told)
    )  # the line's entry in the legend
    rows(made, [spot[p] for p in places], [measures.groups.definitions[p].title for p in places])
    if measure == ODDS:
        made.update_xaxes(type="log")
    else:
        made.update_xaxes(rangemode="tozero")
    worst = measures.groups.definitions[min(known, key=lambda p: values[p])].title if known else "none"
    theme.show(made, key="audit-forest", alt=f"{measure} of {len(places)} groups with intervals; lowest: {worst}")


def rows(made: Any, spots: Iterable[int], titles: Sequence[str]) -> None:
    """Names the rows of a chart, one group each."""
    made.update_yaxes(
        tickvals=list(spots), ticktext=[_short(title) for title in titles], range=[-0.7, len(titles) - 0.3],
        showgrid=False, zeroline=False, tickfont={"size": 12, "color": theme.ink()},
    )  # fmt: skip


def _values(measures: Measures, measure: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    if measure == LIFT:
        return measures.lift, measures.lift_low, measures.lift_high, 1.0
    if measure == ODDS:
        return measures.odds_ratio, measures.odds_low, measures.odds_high, 1.0
    return 100 * measures.rate, 100 * measures.low, 100 * measures.high, 100 * measures.overall


def _hover(measures: Measures, place: int) -> str:
    about = measures.groups.definitions[place]
    return (
        f"<b>{_escape(about.title)}</b><br>kept {int(measures.kept[place]):,} of {int(measures.n[place]):,}: {percent(measures.rate[place])} "
        f"({percent(measures.low[place])} to {percent(measures.high[place])})<br>lift {measures.lift[place]:.2f}, odds ratio "
        f"{measures.odds_ratio[place]:.2f}, q {measures.q[place]:.2g}"
    )


def _short(text: str) -> str:
    return _escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def _escape(text: str) -> str:
    """Plotly reads a few HTML tags in labels; names from a pool must not be tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

"""The forest plot: each group's measure with its interval, against the pool's; and all figures as a table."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from poolscope.audit import Measures
from poolscope.audit.figures import odds_ratio
from poolscope.audit.measure import SMALLEST
from poolscope.audit.stratified import Pooled
from poolscope.explorer import table as tables
from poolscope.explorer import theme
from poolscope.explorer.audit.shown import LIFT, ODDS, RATE
from poolscope.explorer.number_format import percent

ROW = 21
LONGEST = 44
AXES = {RATE: "keep rate, %", LIFT: "lift: share after over share before", ODDS: "odds ratio of being kept"}


def draw(measures: Measures, places: list[int], measure: str, pooled: Pooled | None = None, strata: str = "") -> None:
    """Dots are the groups, the dashed line is the pool; hollow squares are the odds ratios within strata."""
    if not places:
        st.info("No group is shown: lower the smallest group, or choose another family.", icon=":material/groups:")
        return
    figure = theme.figure(max(260, 110 + ROW * len(places)), x=AXES[measure], y="")
    values, *_, line = _values(measures, measure)
    heights = {place: len(places) - 1 - number for number, place in enumerate(places)}
    known = [place for place in places if not measures.small[place] and np.isfinite(values[place])]
    _dots(figure, measures, measure, known, heights)
    _bounds(figure, measures, measure, [place for place in places if measures.small[place]], heights)
    if pooled is not None and measure == ODDS:
        _within(figure, pooled, [place for place in known if np.isfinite(pooled.odds_ratio[place])], heights, strata)
    dashed = {"dash": "dash", "width": 1.5, "color": theme.NEITHER}
    figure.add_vline(x=line, line=dashed)
    label = f"the pool: {line:.1f} %" if measure == RATE else "the pool: 1"
    figure.add_scatter(x=[None], y=[None], mode="lines", line=dashed, name=label)  # its entry in the legend
    rows(figure, [heights[place] for place in places], [measures.groups.definitions[p].title for p in places])
    figure.update_xaxes(**({"type": "log"} if measure == ODDS else {"rangemode": "tozero"}))
    lowest = measures.groups.definitions[min(known, key=lambda p: values[p])].title if known else "none"
    theme.show(figure, key="audit-forest", alt=f"{measure} of {len(places)} groups with intervals; lowest: {lowest}")


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
    formats = dict.fromkeys(("rate, %", "low, %", "high, %"), "%.1f") | {"kept": "localized", "q": "%.2g"}
    ratios = [name for name in frame if "OR" in name or name in ("lift", "odds ratio") or "within" in name]
    tables.draw(frame, key="audit-table", formats=formats | dict.fromkeys(ratios, "%.2f"))
    if small[listed].any():
        st.caption(f"Kept counts under {SMALLEST} and what follows from them are not shown.")


def _dots(figure: Any, measures: Measures, measure: str, known: list[int], heights: dict[int, int]) -> None:
    """A dot with its interval for each group, coloured by how the whole interval lies to the pool's value."""
    values, low, high, line = _values(measures, measure)
    less = [place for place in known if high[place] < line]
    more = [place for place in known if low[place] > line]
    same = [place for place in known if place not in {*less, *more}]
    for name, colour, members in (
        ("kept less than the pool", theme.DROPPED, less),
        ("no clear difference", theme.NEITHER, same),
        ("kept more", theme.KEPT, more),
    ):
        figure.add_scatter(
            x=values[members], y=[heights[place] for place in members], mode="markers", name=name,
            marker={"size": 9, "color": colour},
            error_x=theme.interval(values[members], low[members], high[members], thickness=1.6, width=3),
            text=[_hover(measures, place) for place in members], hovertemplate="%{text}<extra></extra>", cliponaxis=False,
        )  # fmt: skip


def _bounds(figure: Any, measures: Measures, measure: str, hidden: list[int], heights: dict[int, int]) -> None:
    """A triangle at the highest value that a group with 1 to 9 kept pairs can have."""
    if not hidden:
        return
    n = measures.n[hidden]
    rates = SMALLEST / n
    bounds = {RATE: 100 * rates, LIFT: rates / measures.overall}
    if measure == ODDS:
        bounds[ODDS] = odds_ratio(np.full(len(n), SMALLEST), n, measures.total_kept, measures.pairs)[0]
    figure.add_scatter(
        x=bounds[measure],
        y=[heights[place] for place in hidden], mode="markers", name=f"kept under {SMALLEST}: at most here",
        marker={"symbol": "triangle-left-open", "size": 9, "color": theme.DROPPED},
        text=[f"{_escape(measures.groups.definitions[p].title)}<br>kept under {SMALLEST} of {int(measures.n[p]):,}" for p in hidden],
        hovertemplate="%{text}<extra></extra>", cliponaxis=False,
    )  # fmt: skip


def _within(figure: Any, pooled: Pooled, places: list[int], heights: dict[int, int], strata: str) -> None:
    """Hollow squares: the odds ratios within strata."""
    figure.add_scatter(
        x=pooled.odds_ratio[places], y=[heights[place] for place in places], mode="markers", name=f"within {strata}",
        marker={"symbol": "square-open", "size": 8, "color": theme.ONLY_B},
        error_x=theme.interval(pooled.odds_ratio[places], pooled.low[places], pooled.high[places], thickness=1, width=2),
        hovertemplate="%{x:.2f}<extra>within " + strata + "</extra>",
    )  # fmt: skip


def dumbbells(
    titles: Sequence[str], first: np.ndarray, second: np.ndarray, *, x: str, colours: Sequence[str] = (),
    width: float = 1.5,
) -> Any:  # fmt: skip
    """A chart with a row for each of `titles` from the top, and a line in it from `first` to `second`, both `(k,)`."""
    figure = theme.figure(max(260, 110 + ROW * len(titles)), x=x, y="")
    for spot, start, end, colour in zip(spots(titles), first, second, colours or [theme.NEITHER] * len(titles)):
        figure.add_shape(type="line", x0=start, x1=end, y0=spot, y1=spot, line={"color": colour, "width": width})
    rows(figure, spots(titles), titles)
    return figure


def spots(titles: Sequence[str]) -> list[int]:
    """Where the rows of a chart stand, the first one on top."""
    return list(range(len(titles)))[::-1]


def rows(figure: Any, spots: Iterable[int], titles: Sequence[str]) -> None:
    """Names the rows of a chart, one group each."""
    figure.update_yaxes(
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

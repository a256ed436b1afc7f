"""Colours, chart defaults and the app's few layout rules, defined once."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import plotly.graph_objects as go

STATIC = Path(__file__).parent / "static"

# Blue and orange stay apart for every common colour blindness and reach 3:1 on both backgrounds.
KEPT = "#1F83D2"
DROPPED = "#D9730D"
# Two recipes compared: colours of Okabe and Ito (2008) and a grey; the least of their differences under protanopia,
# deuteranopia and tritanopia is the largest that such a set with a grey reaches.
BOTH, ONLY_A, ONLY_B, NEITHER = "#0072B2", "#D55E00", "#56B4E9", "#7A8490"
# A category: Okabe and Ito's colours, then Tol's muted ones; the two greys are other values and none.
CATEGORIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#AA4466", "#8C8A1F", "#7468C4", "#B05FC0",
              "#44AA99", "#B8A100"]  # fmt: skip
OTHERS, NOTHING = "#8A94A0", "#B4BDC6"
# Low to high: viridis without its ends, which vanish on a dark or a light page.
SEQUENCE = ["#3F4788", "#35608D", "#2A788E", "#1F918C", "#22A884", "#44BF70", "#7AD151", "#B8DE29"]
INK_LIGHT, INK_DARK = "#14202B", "#E8EEF4"  # textColor of .streamlit/config.toml
_INK = f"light-dark({INK_LIGHT}, {INK_DARK})"  # follows a theme that changes while the page is open
# Over a chart; at the top of its whole box, for one above the plot slides into it when a narrow window grows wide.
LEGEND = {"orientation": "h", "x": 0, "y": 1, "yanchor": "top", "yref": "container"}
SERIES = [KEPT, DROPPED, "#0F8A68", "#9A47AB", "#64707D", "#C9A100", "#C4314B", "#4A5FC1"]

# The pages use the whole width, and the columns of the Filter page scroll inside the window.
_LAYOUT = """<style>
[data-testid="stMainBlockContainer"] {padding-left: 1.25rem; padding-right: 1.25rem}
[data-testid="stSidebarUserContent"] {padding: 0 .75rem 1rem}
[data-testid="stSidebarHeader"] {height: auto; padding: .75rem .5rem .25rem; margin: 0}
[data-testid="stSidebarNav"] {padding: .25rem .5rem}
[data-testid="stHeader"] {height: 0; min-height: 0}
.st-key-rules, .st-key-side {max-height: calc(100vh - 84px); overflow-y: auto; overflow-x: hidden; padding-right: 4px}
[data-stale="true"], [data-stale="true"] * {opacity: 1 !important; transition: none !important}
.ps-funnel {position: relative; height: 4px; border-radius: 2px; overflow: hidden; background: color-mix(in srgb, currentColor 14%, transparent)}
.ps-funnel i, .ps-funnel b {position: absolute; left: 0; top: 0; bottom: 0; background: #D9730D} .ps-funnel b {background: #1F83D2}
[class*="st-key-rule-"][class*="-card-wrong"] input {box-shadow: 0 0 0 2px #C4314B; border-radius: 6px}
.st-key-side [data-testid="stButtonGroup"] button {padding-left: .55rem; padding-right: .55rem}
[class*=st-key-card-] .katex-display > .katex {white-space: normal}
@media (max-width: 900px) {.st-key-rules, .st-key-side {max-height: none}}
</style>"""


def layout() -> None:
    """The few rules of layout that the theme's settings can't say; keyed containers only, but for the page's margin."""
    st.html(_LAYOUT)
    # Streamlit's own colours for these are below 4.5:1: captions on the light theme, the chosen segment on the dark one.
    st.html(
        f"""<style>:root {{color-scheme: {"dark" if is_dark() else "light"}}}  /* for dialogs and popovers, which lie outside the app */
        [data-testid="stButtonGroup"] button[data-selected="true"] p {{color: {_INK}; font-weight: 600}}
        [data-testid="stSliderThumbValue"], [data-testid="stSliderThumbValue"] p {{color: {_INK}}}
        [data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] :is(p, strong, code)
        {{color: color-mix(in srgb, {_INK} 76%, transparent); opacity: 1}}</style>"""
    )


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def ink() -> str:
    """The colour of text: for labels of charts, which Streamlit draws in a grey below 4.5:1."""
    return INK_DARK if is_dark() else INK_LIGHT


def logo() -> None:
    """The mark and name at the top left, in the colours of the theme."""
    st.logo(str(STATIC / f"logo-{'dark' if is_dark() else 'light'}.svg"), size="medium")


def figure(height: int = 280, *, x: str, y: str) -> "go.Figure":
    """An empty Plotly figure in the house style; `x` and `y` are axis titles with their unit."""
    import plotly.graph_objects as go

    chart = go.Figure()
    chart.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis={"title": x, "automargin": True},
        yaxis={"title": y, "automargin": True},
        legend=LEGEND,
        colorway=SERIES,
        hoverlabel={"namelength": -1},
    )
    return chart


def interval(values: ArrayLike, low: ArrayLike, high: ArrayLike, **style: object) -> dict[str, object]:
    """Plotly's error bars from `low` to `high` around `values`, all `(k,)`."""
    reach = {"array": np.subtract(high, values), "arrayminus": np.subtract(values, low)}
    return {"type": "data", "symmetric": False, **reach, **style}


def show(chart: "go.Figure", *, key: str, alt: str) -> None:
    """Draws a figure, as wide as its column, without the mode bar."""
    chart.update_xaxes(title_font_color=ink(), tickfont_color=ink())
    chart.update_yaxes(title_font_color=ink(), tickfont_color=ink())
    chart.update_annotations(font_color=ink())
    chart.update_coloraxes(colorbar_title_font_color=ink(), colorbar_tickfont_color=ink())
    chart.update_traces(colorbar_title_font_color=ink(), colorbar_tickfont_color=ink(), selector={"type": "heatmap"})
    st.plotly_chart(chart, key=key, alt=alt, config={"displayModeBar": False})

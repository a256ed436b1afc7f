"""Plotly figures of training and of the leaderboard."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from backend.bench.board import Row, Summary
from explorer import theme


def loss(found: Mapping[str, Sequence[float | None]]) -> go.Figure:
    """Loss and pairs per second over samples seen."""
    made = theme.figure(230, x="samples seen", y="loss")
    made.add_scatter(
        x=found["samples"], y=found["loss"], mode="lines", name="loss", line={"color": theme.KEPT, "width": 2},
        hovertemplate="%{x:,} samples: %{y:.3f}<extra></extra>",
    )  # fmt: skip
    made.add_scatter(
        x=found["samples"], y=found["samples_per_s"], mode="lines", name="pairs per second", yaxis="y2",
        line={"color": theme.NEITHER, "width": 1.5, "dash": "dot"}, hovertemplate="%{y:,.0f} pairs/s<extra></extra>",
    )  # fmt: skip
    made.update_layout(
        yaxis2={
            "title": "pairs per second",
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
            "showgrid": False,
        }
    )
    return made


def against_size(found: Sequence[Summary], published: Sequence[Row] = ()) -> go.Figure:
    """Average against subset size: a point per recipe, bars of one standard deviation over seeds."""
    made = theme.figure(340, x="pairs kept", y="average of the tasks (%)")
    for place, summary in enumerate(found):
        spread = "" if summary.sd is None else f" ± {100 * summary.sd:.1f}"
        made.add_scatter(
            x=[summary.kept], y=[100 * summary.mean], name=summary.recipe, mode="markers",
            marker={"size": 13, "color": theme.SERIES[place % len(theme.SERIES)], "symbol": "diamond" if summary.baseline else "circle"},
            error_y={"type": "data", "array": [100 * (summary.sd or 0.0)], "visible": summary.sd is not None},
            hovertemplate=f"{summary.recipe}<br>%{{x:,}} pairs kept<br>average %{{y:.1f}}{spread} "
                          f"over {len(summary.seeds)} seeds<extra></extra>",
        )  # fmt: skip
    shown = [row for row in published if row.kept and row.average is not None]
    if shown:
        made.add_scatter(
            x=[row.kept for row in shown], y=[100 * (row.average or 0) for row in shown], text=[row.recipe for row in shown],
            mode="markers", name="published", marker={"color": theme.NEITHER, "symbol": "x", "size": 9},
            hovertemplate="%{text}<br>%{x:,} pairs<br>average %{y:.1f}<extra>published</extra>",
        )  # fmt: skip
    base = next((summary for summary in found if summary.baseline), None)
    if base is not None:
        made.add_hline(100 * base.mean, line_dash="dash", line_color=theme.NEITHER, annotation_text="no filter")
    return made


def differences(found: Sequence[Summary]) -> go.Figure:
    """Difference of each recipe to no filter, with its 95 % interval over seeds."""
    shown = [summary for summary in found if summary.difference is not None][::-1]
    made = theme.figure(max(170, 46 * len(shown) + 70), x="difference to no filter (points, with 95 % interval)", y="")
    values = [100 * (summary.difference or 0) for summary in shown]
    known = [summary.low is not None and summary.high is not None for summary in shown]
    made.add_scatter(
        x=values, y=[summary.recipe for summary in shown], mode="markers",
        marker={"size": 12, "color": [theme.KEPT if value >= 0 else theme.DROPPED for value in values]},
        error_x={
            "type": "data", "symmetric": False, "color": theme.NEITHER,
            "array": [100 * ((s.high or 0) - (s.difference or 0)) if ok else 0 for s, ok in zip(shown, known)],
            "arrayminus": [100 * ((s.difference or 0) - (s.low or 0)) if ok else 0 for s, ok in zip(shown, known)],
        },
        hovertemplate="%{y}: %{x:+.2f} points<extra></extra>",
    )  # fmt: skip
    made.add_vline(0, line_color=theme.NEITHER)
    made.update_layout(showlegend=False)
    return made

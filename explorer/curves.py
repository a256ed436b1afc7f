"""Plotly figures of the leaderboard and of sweeps."""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from poolscope.bench.board import Summary
from poolscope.bench.published import frontier
from poolscope.bench.response import Point
from poolscope.bench.row import Row
from poolscope.bench.scales import SCALES
from poolscope.explorer import theme

COLOURS: dict[str | None, str] = {"better": theme.KEPT, "worse": theme.DROPPED}
PUBLISHED = " (published)"
LONGEST = 34  # letters of a name beside its point


def response(points: Sequence[Point], *, height: int = 300) -> go.Figure:
    """Average against the share of the pool that is kept: a line per score, bars of one standard deviation over seeds,
    a dashed line for no filter; recipes that vary nothing are single points."""
    chart = theme.figure(height, x="kept, % of the pool", y="average of the tasks, %")
    axes = list(dict.fromkeys(point.axis for point in points if point.axis))
    for place, axis in enumerate(axes):
        _line(chart, [point for point in points if point.axis == axis], axis, place)
    single = [point for point in points if not point.axis and point.value < 1]
    for place, point in enumerate(single, start=len(axes)):
        _line(chart, [point], point.recipe, place)
    whole = {point.mean for point in points if point.value == 1 and (point.share or 1.0) == 1.0}
    if whole:
        _no_filter(chart, whole.pop(), "bottom left")
    chart.update_xaxes(range=[0, 103], dtick=20)
    chart.update_layout(showlegend=len(axes) + len(single) > 1)
    return chart


def _no_filter(chart: go.Figure, mean: float, position: str) -> None:
    chart.add_hline(100 * mean, line_dash="dash", line_color=theme.NEITHER, annotation_text="no filter",
                    annotation_position=position)  # fmt: skip


def _line(chart: go.Figure, points: Sequence[Point], name: str, place: int) -> None:
    """The line at `place` of the legend; past the last colour they begin again, dashed and with squares."""
    again, left = divmod(place, len(theme.SERIES))
    colour = theme.SERIES[left]
    symbol = ("square" if again else "circle") if len(points) > 1 else "diamond"
    chart.add_scatter(
        x=[100 * (point.value if point.share is None else point.share) for point in points],
        y=[100 * point.mean for point in points], name=name, mode="lines+markers" if len(points) > 1 else "markers",
        line={"color": colour, "width": 2, "dash": "dash" if again else "solid"}, marker={"size": 9, "color": colour, "symbol": symbol},
        error_y={"type": "data", "array": [100 * (point.sd or 0.0) for point in points], "thickness": 1.5, "width": 4},
        text=[_average(point) for point in points], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _average(point: Point | Summary) -> str:
    """What hovering over a recipe tells."""
    spread = "" if point.sd is None else f" ± {100 * point.sd:.1f}"
    kept = "" if point.kept is None else f"<br>{point.kept:,} pairs kept"
    seeds = f"{len(point.seeds)} seed{'' if len(point.seeds) == 1 else 's'}"
    return f"{point.recipe}{kept}<br>average {100 * point.mean:.1f}{spread} over {seeds}"


def described(points: Sequence[Point]) -> str:
    """A response curve in words, for those who can't see it."""
    best = max(points, key=lambda point: point.mean)
    return f"Average against kept fraction; best: {best.recipe} with {100 * best.mean:.1f} %"


def against_size(summaries: Sequence[Summary], published: Sequence[Row] = ()) -> go.Figure:
    """Average against subset size: a point per recipe, bars of one standard deviation over seeds.

    More recipes than there are colours stand without bars, with names beside the points where there is room, best first.
    """
    chart = theme.figure(_tall(summaries), x="pairs kept", y="average of the tasks, %")
    shown = [row for row in published if row.kept and row.average is not None]
    if len(summaries) > len(theme.SERIES):
        _named(chart, summaries, shown)
    for place, summary in enumerate(summaries if len(summaries) <= len(theme.SERIES) else ()):
        chart.add_scatter(
            x=[summary.kept], y=[100 * summary.mean], name=summary.recipe, mode="markers",
            marker={"size": 13, "color": theme.SERIES[place], "symbol": "diamond" if summary.baseline else "circle"},
            error_y={"type": "data", "array": [100 * (summary.sd or 0.0)], "visible": summary.sd is not None},
            text=[_average(summary)], hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    if shown:
        _published(chart, shown)
    base = next((summary for summary in summaries if summary.baseline), None)
    if base is not None:
        _no_filter(chart, base.mean, "top left")
    return chart


def _named(chart: go.Figure, summaries: Sequence[Summary], published: Sequence[Row]) -> None:
    """Recipes in the colours of `differences`, with names; on a logarithmic axis where published ones stand beside."""
    known = [kept for kept in (*(one.kept for one in summaries), *(row.kept for row in published)) if kept]
    sizes = [_place(kept, published) for kept in known] or [1.0]
    first, last = (min(sizes), max(sizes)) if published else (0.0, max(sizes))
    span = last - first or 1.0
    chart.update_xaxes(range=[first - (0.05 * span if published else 0), last + 0.3 * span])
    chart.add_scatter(
        x=[summary.kept for summary in summaries], y=[100 * summary.mean for summary in summaries],
        mode="markers+text", text=_names(summaries, published, 1.3 * span), textposition="middle right",
        textfont={"size": 11, "color": theme.ink()},
        marker={
            "size": 10, "color": [theme.DROPPED if (summary.difference or 0) < 0 else theme.KEPT for summary in summaries],
            "symbol": ["diamond" if summary.baseline else "circle" for summary in summaries],
        },
        customdata=[_average(summary) for summary in summaries], hovertemplate="%{customdata}<extra></extra>",
        name="run here", showlegend=bool(published), cliponaxis=False,
    )  # fmt: skip


def _place(kept: int | None, published: Sequence[Row]) -> float:
    """Where a subset of that size stands on the axis, which is logarithmic beside published results."""
    return math.log10(max(1, kept or 0)) if published else float(kept or 0)


def _names(summaries: Sequence[Summary], published: Sequence[Row], width: float) -> list[str]:
    """The names to write at the right of the points: where they cover neither another name nor another point."""
    means = [*(summary.mean for summary in summaries), *(row.average or 0.0 for row in published)]
    line = 16 * ((max(means) - min(means)) or 1.0) / (_tall(summaries) - 100)  # the height of a name, as a share
    starts = [_place(summary.kept, published) for summary in summaries]
    names = [one.recipe if len(one.recipe) <= LONGEST else one.recipe[: LONGEST - 1] + "…" for one in summaries]
    stops = [start + width * (14 + 6.2 * len(name)) / 600 for start, name in zip(starts, names)]  # of 600 pixels
    shown: list[int] = []
    for i, summary in enumerate(summaries):
        near = [k for k, other in enumerate(summaries) if k != i and abs(other.mean - summary.mean) < line]
        covers = any(starts[k] < stops[i] and starts[i] < stops[k] for k in near if k in shown)
        touching = [k for k in near if abs(summaries[k].mean - summary.mean) < 0.6 * line]
        hides = any(starts[i] < starts[k] < stops[i] for k in touching)
        if not covers and not hides and (not summary.baseline or published):  # else its line has the name
            shown.append(i)
    return [name if i in shown else "" for i, name in enumerate(names)]


def _tall(summaries: Sequence[Summary]) -> int:
    """One height for the two charts that stand side by side."""
    return max(340, 34 * sum(summary.difference is not None for summary in summaries) + 90)


def _published(chart: go.Figure, rows: Sequence[Row]) -> None:
    """Published results as crosses, and the line of those that no smaller subset beats."""
    chart.add_scatter(
        x=[row.kept for row in rows], y=[100 * (row.average or 0) for row in rows],
        text=[f"{row.recipe}<br>{row.source}" for row in rows], mode="markers", name="published",
        marker={"color": theme.NEITHER, "symbol": "x", "size": 8},
        hovertemplate="%{text}<br>%{x:,} pairs<br>average %{y:.1f}<extra>published</extra>",
    )  # fmt: skip
    line = frontier(str(rows[0].scale))
    chart.add_scatter(
        x=[row.kept for row in line], y=[100 * (row.average or 0) for row in line], mode="lines", name="published frontier",
        line={"color": theme.NEITHER, "dash": "dot", "width": 2, "shape": "hv"}, hoverinfo="skip",
    )  # fmt: skip
    chart.update_xaxes(type="log", dtick="D2", tickformat="~s")


def over_scales(lines: Mapping[str, Sequence[tuple[str, float]]]) -> go.Figure:
    """Average of each recipe at each scale: one's own in colours, published ones as thin dotted lines that fall behind; names
    stand at the ends, the highest first, where there is room."""
    chart = theme.figure(520, x="scale", y="average of the tasks, %")
    own = [name for name in lines if not name.endswith(PUBLISHED)]
    for name, points in sorted(lines.items(), key=lambda line: line[0] in own):
        mine = name in own
        colour = theme.SERIES[own.index(name) % len(theme.SERIES)] if mine else theme.NEITHER
        chart.add_scatter(
            x=[scale for scale, _ in points], y=[100 * value for _, value in points], name=name, mode="lines+markers",
            line={"color": colour, "width": 3 if mine else 1, "dash": "solid" if mine else "dot"},
            marker={"size": 9 if mine else 5}, opacity=1.0 if mine else 0.65, hovertemplate="%{x}: %{y:.1f} %<extra>" + name + "</extra>",
        )  # fmt: skip
    used = [scale for scale in SCALES if any(scale == at for points in lines.values() for at, _ in points)]
    for name, (scale, value) in _ends(lines, own):
        chart.add_annotation(
            x=used.index(scale), y=100 * value, text=name.removesuffix(PUBLISHED), showarrow=False, xanchor="left", xshift=9,
            font={"size": 11.5 if name in own else 10.5},
        )  # fmt: skip
    last = len(used) - 1
    chart.update_xaxes(categoryorder="array", categoryarray=used, range=[-0.15, last + 0.22 * max(1, last)])
    chart.update_layout(showlegend=False)
    return chart


def _ends(lines: Mapping[str, Sequence[tuple[str, float]]], own: Sequence[str]) -> list[tuple[str, tuple[str, float]]]:
    """The last points whose names have room: one's own before published ones, the highest first."""
    values = [100 * value for points in lines.values() for _, value in points]
    line = 0.035 * ((max(values) - min(values)) if values else 1.0)
    shown: list[tuple[str, tuple[str, float]]] = []
    for name, points in sorted(lines.items(), key=lambda one: (one[0] not in own, -one[1][-1][1])):
        scale, value = points[-1]
        if all(scale != other or abs(value - at) * 100 > line for _, (other, at) in shown):
            shown.append((name, (scale, value)))
    return shown


def differences(summaries: Sequence[Summary]) -> go.Figure:
    """Difference of each recipe to no filter, with its 95 % interval over seeds; grey where it is not decided, and hollow
    where one seed decides nothing."""
    shown = [summary for summary in summaries if summary.difference is not None][::-1]
    chart = theme.figure(_tall(summaries), x="difference to no filter, points (95 % interval)", y="")
    reach = [100 * (one.gap.reach or 0) if one.gap and one.low is not None else 0 for one in shown]
    chart.add_scatter(
        x=[100 * (one.difference or 0) for one in shown], y=[one.recipe for one in shown], mode="markers",
        marker={
            "size": 12, "color": [COLOURS.get(one.gap.verdict if one.gap else None, theme.NEITHER) for one in shown],
            "symbol": ["circle" if one.gap and one.gap.verdict else "circle-open" for one in shown],
        },
        error_x={"type": "data", "color": theme.NEITHER, "array": reach},
        text=[one.gap.sentence() if one.gap else "" for one in shown], hovertemplate="%{y}<br>%{text}<extra></extra>",
    )  # fmt: skip
    chart.add_vline(0, line_color=theme.NEITHER)
    chart.update_layout(showlegend=False)
    return chart

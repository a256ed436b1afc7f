"""Two recipes or runs, task by task: is the difference more than noise?"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from poolscope import bench
from poolscope.bench.board import Summary
from poolscope.bench.row import Row
from poolscope.bench.seeds import MoreSeeds, missing_seeds
from poolscope.bench.significance import Difference, compare
from poolscope.explorer import job_view, table, theme
from poolscope.explorer.bench.tables import percent
from poolscope.explorer.text import noted, plain


@noted(st.warning, icon=":material/warning:")
def draw(joined: Sequence[Summary], rows: Sequence[Row]) -> None:
    """Two choices, the verdict and what would decide it, the differences as a chart and as a table."""
    sides = _sides(joined, rows)
    if len(sides) < 2:
        st.info("Evaluate a second run at this scale; then two can be compared.", icon=":material/info:")
        return
    names = list(sides)
    base = next((place for place, one in enumerate(joined) if one.baseline), min(1, len(names) - 1))
    left, right = st.columns(2)
    first = left.selectbox("Is this better", names, index=0 if base else 1, key="compare-a")
    second = right.selectbox("than this?", names, index=base, key="compare-b")
    if first == second:
        st.info("Choose two different ones.", icon=":material/info:")
        return
    differences = _found(sides[first], sides[second], tuple(sorted(row.run for row in rows if row.evaluated)))
    _say(differences)
    _more(missing_seeds(sides[first], sides[second], differences[-1].gap))
    titles = {task.key: task.name for task in bench.tasks_list()} | {"average": "Average"}
    theme.show(
        figure(differences, titles, _by_seed(differences, sides[first], sides[second], rows)),
        key="compare",
        alt=f"Difference of {first} to {second} on each task, with intervals",
    )
    _table(differences, titles)


def _sides(joined: Sequence[Summary], rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """What can be compared, recipes over their seeds first, by the name it is offered under."""
    sides = {}
    for one in joined:
        count = len(one.runs)
        sides[f"{one.recipe} · {one.kept or 0:,} pairs · {count} seed{'' if count == 1 else 's'}"] = one.runs
    for row in rows:
        if row.evaluated:
            sides[f"run {row.run}"] = (row.run,)
    return sides


@st.cache_data(max_entries=32, show_spinner="Resampling the test examples")
def _found(a: tuple[str, ...], b: tuple[str, ...], board: tuple[str, ...]) -> list[Difference]:
    """`board`: every run that takes part in the spread over seeds."""
    return compare(a, b)


def _say(differences: Sequence[Difference]) -> None:
    whole = differences[-1]
    what = "On the average" if whole.task == "average" else "On the one task they share"
    st.markdown(f"{what}: **{plain(whole.sentence)}**")
    tasks = [one for one in differences if one.task != "average"]
    if whole.verdict:
        st.caption(f"{sum(one.stated for one in tasks)} of {len(tasks)} tasks differ by more than noise, at most 5 % of them "
                   "falsely (Benjamini–Hochberg).")  # fmt: skip


def _more(sides: Sequence[MoreSeeds]) -> None:
    """The runs that would decide it: what they cost, a button that queues them, and the command lines it stands for."""
    count = sum(len(side.seeds) for side in sides)
    if not count:
        return
    seconds = sum(_seconds(side) for side in sides)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(f"Train {count} more seed{'' if count == 1 else 's'} to decide it", icon=":material/play_arrow:", key="compare-more",
                  on_click=_start, args=(sides,))  # fmt: skip
        st.caption(f"about {job_view.duration(seconds)} here, one after the other" if seconds else "")
    with st.expander("The same from the command line", icon=":material/terminal:"):
        st.code("\n".join(side.command for side in sides), language="bash", wrap_lines=True)


def _seconds(side: MoreSeeds) -> float:
    kept = bench.Run.load(side.run).kept
    return len(side.seeds) * bench.estimate(kept, side.scale).total_seconds if kept else 0.0


def _start(sides: Sequence[MoreSeeds]) -> None:
    with noted(st.toast):
        count = sum(len(side.start()) for side in sides)
        st.toast(f"{count} run{'' if count == 1 else 's'} queued: see Runs", icon=":material/play_arrow:")


BySeed = dict[str, tuple[list[float], list[float]]]


def _by_seed(differences: Sequence[Difference], a: Sequence[str], b: Sequence[str], rows: Sequence[Row]) -> BySeed:
    """What each run of both sides has reached on each task, in percent."""
    known = {row.run: {**row.tasks, "average": row.average} for row in rows}

    def of(runs: Sequence[str], task: str) -> list[float]:
        values = [known[run].get(task) for run in runs if run in known]
        return [100 * value for value in values if value is not None]

    return {one.task: (of(a, one.task), of(b, one.task)) for one in differences}


def figure(differences: Sequence[Difference], titles: dict[str, str], by_seed: BySeed | None = None) -> go.Figure:
    """A row per task: at the left what each seed has reached, a point each; at the right the difference, its interval over
    examples (thick) and over seeds and examples (thin)."""
    chart = theme.figure(110 + 24 * len(differences), x="difference, points (95 % intervals)", y="")
    shown = list(differences)[::-1]
    names = [titles.get(one.task, one.task) for one in shown]
    _intervals(
        chart, [(name, one, one.gap.low, one.gap.high) for name, one in zip(names, shown)],
        name="over seeds and examples", marker={"size": 1, "color": theme.NEITHER}, thickness=1.2, cap=6, hover=False,
    )  # fmt: skip
    groups = {
        "better": (theme.KEPT, "better"), "worse": (theme.DROPPED, "worse"),
        "not told apart": (theme.NEITHER, "not told apart"), None: (theme.NEITHER, "no verdict: one seed"),
    }  # fmt: skip
    for verdict, (colour, label) in groups.items():
        picked = [(n, one, one.low, one.high) for n, one in zip(names, shown) if one.verdict == verdict]
        marker = {"size": 9, "color": colour, "symbol": "circle" if verdict else "circle-open"}
        _intervals(chart, picked, name=label, marker=marker, thickness=4, cap=0, hover=True)
    chart.add_vline(0, line_color=theme.NEITHER)
    chart.update_yaxes(categoryorder="array", categoryarray=names)
    if by_seed:
        _seeds(chart, names, [by_seed[one.task] for one in shown])
    return chart


def _seeds(chart: go.Figure, names: Sequence[str], reached: Sequence[tuple[list[float], list[float]]]) -> None:
    """The points of both sides, in a panel of their own at the left of the differences."""
    for side, (label, colour, symbol) in enumerate((("this, a seed each", theme.SERIES[2], "circle"), ("that", theme.SERIES[3], "diamond"))):  # fmt: skip
        points = [(value, name) for name, both in zip(names, reached) for value in both[side]]
        chart.add_scatter(
            x=[value for value, _ in points], y=[name for _, name in points], xaxis="x2", mode="markers", name=label,
            marker={"size": 8, "color": colour, "symbol": symbol, "opacity": 0.8}, hovertemplate="%{y}: %{x:.1f} %<extra>" + label + "</extra>",
        )  # fmt: skip
    chart.update_layout(
        xaxis={"domain": [0.42, 1]}, yaxis={"anchor": "x2"},
        xaxis2={"domain": [0, 0.38], "anchor": "y", "title": "result, %", "rangemode": "tozero"},
    )  # fmt: skip


Bar = tuple[str, Difference, float | None, float | None]


def _intervals(
    chart: go.Figure, bars: Sequence[Bar], *, name: str, marker: dict[str, object], thickness: float, cap: int, hover: bool
) -> None:  # fmt: skip
    """A marker for each difference with its interval, where it has one."""
    drawn = [bar for bar in bars if hover or bar[2] is not None]
    if not drawn:
        return
    middle = [one.difference for _, one, _, _ in drawn]
    low = [value if bar[2] is None else bar[2] for value, bar in zip(middle, drawn)]
    high = [value if bar[3] is None else bar[3] for value, bar in zip(middle, drawn)]
    x, low_x, high_x = (100 * np.array(values) for values in (middle, low, high))
    chart.add_scatter(
        x=x, y=[title for title, _, _, _ in drawn], mode="markers", name=name, marker=marker,
        error_x=theme.interval(x, low_x, high_x, color=marker["color"], thickness=thickness, width=cap),
        **({"text": [_hover(title, one) for title, one, _, _ in drawn], "hovertemplate": "%{text}<extra></extra>"} if hover
           else {"hoverinfo": "skip"}),
    )  # fmt: skip


def _hover(name: str, one: Difference) -> str:
    lines = [f"{name}: {100 * one.a:.1f} against {100 * one.b:.1f} %, {100 * one.difference:+.1f} points"]
    if one.low is not None and one.high is not None:
        lines.append(f"over {one.examples:,} examples {100 * one.low:+.1f} to {100 * one.high:+.1f}")
    if one.gap.low is not None and one.gap.high is not None:
        seeds = " and ".join(map(str, dict.fromkeys(one.gap.runs)))
        lines.append(f"over {seeds} seeds and the examples {100 * one.gap.low:+.1f} to {100 * one.gap.high:+.1f}")
    return "<br>".join(lines if one.p is None else [*lines, f"p = {one.p:.3f}"])


def _table(differences: Sequence[Difference], titles: dict[str, str]) -> None:
    formats = dict.fromkeys(("this, %", "that, %", "could see"), "%.1f")
    formats |= dict.fromkeys(("difference", "examples low", "examples high", "low", "high"), "%+.1f")
    formats |= {"p": "%.2g", "examples": "localized", "seeds to decide": "%.0f"}
    table.draw([_row(one, titles) for one in differences], formats=formats)


def _row(one: Difference, titles: dict[str, str]) -> dict[str, object]:
    gap = one.gap
    return {
        "task": titles.get(one.task, one.task), "this, %": 100 * one.a, "that, %": 100 * one.b,
        "difference": 100 * one.difference, "low": percent(gap.low), "high": percent(gap.high), "p": one.p,
        "more than noise": one.stated, "could see": percent(gap.detectable), "seeds to decide": gap.needed,
        "examples low": percent(one.low), "examples high": percent(one.high), "examples": one.examples,
        "seeds": " / ".join(map(str, gap.runs)),
    }  # fmt: skip

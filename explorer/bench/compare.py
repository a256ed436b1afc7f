"""Two recipes or runs, task by task: is the difference more than noise?"""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from poolscope import bench
from poolscope.bench.board import Summary
from poolscope.bench.row import Row
from poolscope.bench.significance import Difference, compare
from poolscope.errors import InputError
from poolscope.explorer import theme
from poolscope.explorer.text import plain


def draw(joined: Sequence[Summary], rows: Sequence[Row]) -> None:
    """Two choices, the differences as a chart and as a table."""
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
    try:
        found = _found(sides[first], sides[second])
    except InputError as error:
        st.warning(plain(error), icon=":material/warning:")
        return
    titles = {task.key: task.name for task in bench.tasks_list()} | {"average": "Average"}
    _say(found, first, second)
    theme.show(
        figure(found, titles), key="compare", alt=f"Difference of {first} to {second} on each task, with intervals"
    )
    st.dataframe(
        pd.DataFrame([_row(one, titles) for one in found]), hide_index=True, height="content" if len(found) <= 12 else 420,
        column_config={
            **{name: st.column_config.NumberColumn(format="%.1f") for name in ("this, %", "that, %")},
            **{name: st.column_config.NumberColumn(format="%+.1f") for name in ("difference", *INTERVALS)},
            "p": st.column_config.NumberColumn(format="%.3f"), "examples": st.column_config.NumberColumn(format="localized"),
        },
    )  # fmt: skip


INTERVALS = ("examples low", "examples high", "seeds low", "seeds high")


def _sides(joined: Sequence[Summary], rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """What can be compared, recipes over their seeds first, by the name it is offered under."""
    found = {}
    for one in joined:
        count = len(one.runs)
        found[f"{one.recipe} · {one.kept or 0:,} pairs · {count} seed{'' if count == 1 else 's'}"] = one.runs
    for row in rows:
        if row.evaluated:
            found[f"run {row.run}"] = (row.run,)
    return found


@st.cache_data(max_entries=32, show_spinner="Resampling the test examples")
def _found(a: tuple[str, ...], b: tuple[str, ...]) -> list[Difference]:
    return compare(a, b)


def _say(found: Sequence[Difference], first: str, second: str) -> None:
    whole = found[-1]
    gap = f"{100 * whole.difference:+.1f} points"
    what = "on the average" if whole.task == "average" else "on the one task they share"
    if whole.stated:
        verdict = f"**{'Better' if whole.difference > 0 else 'Worse'}**, {gap} {what}: more than noise"
    else:
        verdict = f"**Not told apart** {what}: {gap} is within the noise"
    count = sum(one.stated for one in found if one.task != "average")
    tasks = sum(one.task != "average" for one in found)
    st.markdown(f"{verdict} (p = {whole.p:.3f}). {count} of {tasks} tasks differ by more than noise.")
    if whole.seeds < 2:
        st.caption("One pair of runs: only the noise of the test examples is counted. With two seeds or more of both, that "
                   "of the training is too.")  # fmt: skip


def figure(found: Sequence[Difference], titles: dict[str, str]) -> go.Figure:
    """A row per task: the difference, its interval over examples (thick) and over seeds (thin)."""
    made = theme.figure(110 + 24 * len(found), x="difference, points (95 % intervals)", y="")
    shown = list(found)[::-1]
    names = [titles.get(one.task, one.task) for one in shown]
    seeded = [(name, one) for name, one in zip(names, shown) if one.seed_low is not None and one.seed_high is not None]
    if seeded:
        made.add_scatter(
            x=[100 * one.difference for _, one in seeded], y=[name for name, _ in seeded], mode="markers",
            name="over seeds", marker={"size": 1, "color": theme.NEITHER}, hoverinfo="skip",
            error_x={"type": "data", "symmetric": False, "color": theme.NEITHER, "thickness": 1.2, "width": 6,
                     "array": [100 * ((one.seed_high or 0) - one.difference) for _, one in seeded],
                     "arrayminus": [100 * (one.difference - (one.seed_low or 0)) for _, one in seeded]},
        )  # fmt: skip
    groups = (
        ("better", theme.KEPT, [n for n, one in enumerate(shown) if one.stated and one.difference > 0]),
        ("worse", theme.DROPPED, [n for n, one in enumerate(shown) if one.stated and one.difference <= 0]),
        ("not told apart", theme.NEITHER, [n for n, one in enumerate(shown) if not one.stated]),
    )
    for label, colour, places in groups:
        if places:
            picked = [shown[n] for n in places]
            made.add_scatter(
                x=[100 * one.difference for one in picked], y=[names[n] for n in places], mode="markers", name=label,
                marker={"size": 9, "color": colour},
                error_x={"type": "data", "symmetric": False, "color": colour, "thickness": 4, "width": 0,
                         "array": [100 * (one.high - one.difference) for one in picked],
                         "arrayminus": [100 * (one.difference - one.low) for one in picked]},
                text=[_hover(names[n], shown[n]) for n in places], hovertemplate="%{text}<extra></extra>",
            )  # fmt: skip
    made.add_vline(0, line_color=theme.NEITHER)
    made.update_yaxes(categoryorder="array", categoryarray=names)
    return made


def _hover(name: str, one: Difference) -> str:
    lines = [f"{name}: {100 * one.a:.1f} against {100 * one.b:.1f} %, {100 * one.difference:+.1f} points",
             f"over {one.examples:,} examples {100 * one.low:+.1f} to {100 * one.high:+.1f}"]  # fmt: skip
    if one.seed_low is not None and one.seed_high is not None:
        lines.append(f"over {one.seeds} seeds {100 * one.seed_low:+.1f} to {100 * one.seed_high:+.1f}")
    return "<br>".join([*lines, f"p = {one.p:.3f}"])


def _row(one: Difference, titles: dict[str, str]) -> dict[str, object]:
    return {
        "task": titles.get(one.task, one.task), "this, %": 100 * one.a, "that, %": 100 * one.b,
        "difference": 100 * one.difference, "examples low": 100 * one.low, "examples high": 100 * one.high,
        "seeds low": None if one.seed_low is None else 100 * one.seed_low,
        "seeds high": None if one.seed_high is None else 100 * one.seed_high, "p": one.p,
        "more than noise": one.stated, "examples": one.examples, "seeds": one.seeds,
    }  # fmt: skip

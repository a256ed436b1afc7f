"""Training curves of one run or several, as they grow."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import streamlit as st

from poolscope import bench
from poolscope.bench.metrics import resumed_at
from poolscope.explorer import theme
from poolscope.explorer.text import plain
from poolscope.runs import Run

# figure of the log | title with its unit | factor | format of the hover
PANELS = (
    ("loss", "loss", 1.0, ".3f"),
    ("samples_per_s", "pairs per second", 1.0, ",.0f"),
    ("data_s", "wait for data, ms per step", 1e3, ",.1f"),
    ("lr", "learning rate", 1.0, ".2e"),
    ("logit_scale", "logit scale", 1.0, ".2f"),
    ("seconds_left", "training left, min", 1 / 60, ",.1f"),
)
COLUMNS = 3
MOST = 8

Curves = Mapping[str, Sequence[float | None]]


def figure(curves: Mapping[str, Curves], resumes: Mapping[str, Sequence[int]] | None = None) -> go.Figure:
    """Six small charts over samples seen, a line per run; dotted lines where a run was resumed."""
    from plotly.subplots import make_subplots

    chart = make_subplots(
        rows=2, cols=COLUMNS, subplot_titles=[title for _, title, _, _ in PANELS], shared_xaxes=True,
        vertical_spacing=0.16, horizontal_spacing=0.065,
    )  # fmt: skip
    for place, (name, points) in enumerate(curves.items()):
        colour = theme.SERIES[place % len(theme.SERIES)]
        for number, (key, title, factor, shape) in enumerate(PANELS):
            row, col = number // COLUMNS + 1, number % COLUMNS + 1
            values = [None if value is None else factor * value for value in points.get(key, ())]
            chart.add_scatter(
                x=points["samples"], y=values, name=name, legendgroup=name, showlegend=number == 0 and len(curves) > 1,
                mode="lines", line={"color": colour, "width": 2}, row=row, col=col,
                hovertemplate=f"%{{x:,}} samples: %{{y:{shape}}}<extra>{name if len(curves) > 1 else title}</extra>",
            )  # fmt: skip
            for moment in (resumes or {}).get(name, ()):
                chart.add_vline(moment, line={"color": colour, "dash": "dot", "width": 1}, row=row, col=col)
    chart.update_annotations(font={"size": 12.5})
    chart.update_xaxes(automargin=True, nticks=5)
    chart.update_xaxes(title="samples seen", row=2)
    chart.update_yaxes(automargin=True, nticks=5)
    for number, (key, *_) in enumerate(PANELS):
        if key not in ("loss", "logit_scale"):
            chart.update_yaxes(rangemode="tozero", row=number // COLUMNS + 1, col=number % COLUMNS + 1)
    chart.update_yaxes(tickformat=".1e", exponentformat="e", row=2, col=1)
    chart.update_layout(
        height=400, margin={"l": 8, "r": 8, "t": 58 if len(curves) > 1 else 30, "b": 8}, colorway=theme.SERIES,
        hoverlabel={"namelength": -1}, legend=theme.LEGEND,
    )  # fmt: skip
    return chart


def draw(shown: Sequence[Run], *, key: str) -> bool:
    """Draws the curves of `shown`, each from its second point on; False if none of them has a curve yet."""
    curves, resumes, waiting = {}, {}, []
    for run, name in zip(shown, names(shown)):
        points = bench.curves(run)
        if len(points["step"]) > 1:
            curves[name], resumes[name] = points, resumed_at(run)
        elif points["step"]:
            waiting.append(name)
    if waiting:
        st.caption(f":material/hourglass_empty: Waiting for the second point of {plain(', '.join(waiting))}.")
    if not curves:
        return False
    theme.show(figure(curves, resumes), key=key, alt=f"Training curves of {', '.join(curves)} over samples seen")
    again = [name for run, name in zip(shown, names(shown)) if name in curves and run.resumed]
    if again:
        st.caption(f"Resumed from a checkpoint (dotted): {'; '.join(_again(name, resumes[name]) for name in again)}.")
    return True


def _again(name: str, moments: Sequence[int]) -> str:
    after = f" after {' and '.join(f'{at:,}' for at in moments)} samples" if moments else ""
    return f"{plain(name)}{after}"


def names(shown: Sequence[Run]) -> list[str]:
    """Short names of runs, told apart by their ids where recipe, scale and seed are the same."""
    short = [label(run) for run in shown]
    return [f"{name} ({run.id[-15:]})" if short.count(name) > 1 else name for run, name in zip(shown, short)]


def label(run: Run) -> str:
    return f"{run.recipe} · {run.scale} · seed {run.seed}"


def overlay(working: Sequence[Run]) -> None:
    """The curves of the runs that train, with any others chosen beside them; draws nothing before there are some."""
    trained = [run for run in bench.runs() if run.kind == "training" and (run.path / "metrics.jsonl").is_file()]
    if not trained:
        return
    live = {run.id for run in working}
    by_id = {run.id: run for run in trained}
    offered = list(by_id)
    titles = dict(zip(offered, names(trained)))
    st.subheader("Training curves")
    chosen = st.multiselect(
        "Runs beside it" if live else "Runs to compare", [id for id in offered if id not in live], key="overlay",
        format_func=lambda id: titles[id], max_selections=MOST, placeholder="Choose runs to lay over each other",
        label_visibility="collapsed",
    )  # fmt: skip
    shown = [by_id[id] for id in offered if id in live] + [by_id[id] for id in chosen if id in by_id]
    if not shown:
        st.caption(f"The latest: {plain(titles[offered[0]])}")
    draw(shown or trained[:1], key="training-curves")

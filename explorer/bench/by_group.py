"""Audit of a model: its accuracy by group, and beside it what its recipe kept of such pairs."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from poolscope.bench.audit import DataGroup, GroupAccuracy, audit_data, audit_model, gaps
from poolscope.bench.row import Row
from poolscope.explorer import theme
from poolscope.explorer.text import noted, plain
from poolscope.runs import Run

MOST = 4
FIELDS = {"income_ds": "income", "skin_tone": "skin tone"}
Chosen = Mapping[str, tuple[list[GroupAccuracy], dict[tuple[str, str], DataGroup]]]


def choose(rows: Sequence[Row]) -> None:
    """Runs to audit side by side, the best ones first."""
    done = [row for row in rows if row.evaluated and row.run]
    names = {row.run: f"{row.recipe or row.run}{'' if row.seed is None else f' · seed {row.seed}'}" for row in done}
    start = [row.run for row in done[:1]]
    base = next((row.run for row in done if row.kept is not None and row.kept == row.pool_pairs), None)
    if base and base not in start:
        start.append(base)
    runs = st.multiselect("Models", list(names), default=start, format_func=lambda run: names[run], key="by-group",
                          max_selections=MOST)  # fmt: skip
    chosen: dict[str, tuple[list[GroupAccuracy], dict[tuple[str, str], DataGroup]]] = {}
    for run in runs:
        name = names[run] if names[run] not in chosen else f"{names[run]} ({run})"
        with noted(st.warning, icon=":material/warning:"):
            chosen[name] = _audit(run, _stamp(run))
    if chosen:
        draw(chosen, key="by-group")


def of_run(run: Run, *, key: str) -> None:
    """The audit of one run's model; draws nothing if no task of it has groups."""
    groups, data = _audit(run.id, _stamp(run.id))
    if groups:
        draw({"": (groups, data)}, key=key)


def draw(chosen: Chosen, *, key: str) -> None:
    """A chart per task and field: accuracy with its interval, and the kept share of such pairs at its right."""
    kinds = list(dict.fromkeys((g.task, g.name, g.what, g.field) for groups, _ in chosen.values() for g in groups))
    if not kinds:
        st.info("No task of these runs has groups and stored predictions; the flags and the skin tones of the demo have, and "
                "DataComp's FairFace, UTKFace, GeoDE and Dollar Street.", icon=":material/info:")  # fmt: skip
        return
    columns = st.columns(2 if len(kinds) > 1 else 1, gap="medium")
    for number, kind in enumerate(kinds):
        task, name, what, field = kind
        with columns[number % len(columns)]:
            st.markdown(f"**{plain(name)}**: {plain(what)} by {FIELDS.get(field, field)}")
            theme.show(figure(chosen, kind), key=f"{key}-{number}", alt=f"Accuracy on {name} by {field}")
            spread = [f"{plain(label) or 'this model'}: {100 * gap:.0f}" for label, (groups, _) in chosen.items()
                      if (gap := gaps(groups).get((task, what, field))) is not None]  # fmt: skip
            st.caption("Best minus worst group, points: " + " · ".join(spread))
    if any(data for _, data in chosen.values()):
        st.caption(
            "At the right: how much of the pool's pairs of that group the model's recipe kept (audit of the data)."
        )
    else:
        st.caption("The audit of the data is missing: find the pool's groups on the page Who is kept.")


def figure(chosen: Chosen, kind: tuple[str, str, str, str]) -> go.Figure:
    """Groups as rows; at the left accuracy, at the right the kept share where the data's audit knows the group."""
    from plotly.subplots import make_subplots

    task, _, what, field = kind
    data = any(entry.field == field for _, known in chosen.values() for entry in known.values())
    names = list(dict.fromkeys(
        g.group for groups, _ in chosen.values() for g in groups if (g.task, g.what, g.field) == (task, what, field)
    ))[::-1]  # fmt: skip
    chart = make_subplots(rows=1, cols=2 if data else 1, shared_yaxes=True, horizontal_spacing=0.04,
                         column_widths=[0.6, 0.4] if data else None)  # fmt: skip
    shift = 0.62 / max(1, len(chosen))
    for place, (label, (groups, known)) in enumerate(chosen.items()):
        of_kind = [g for g in groups if (g.task, g.what, g.field) == (task, what, field)]
        spot = {name: row + shift * ((len(chosen) - 1) / 2 - place) for row, name in enumerate(names)}
        colour = theme.SERIES[place % len(theme.SERIES)]
        about = {"name": label, "legendgroup": label, "marker": {"color": colour}, "row": 1}
        _accuracies(chart, of_kind, spot, about | {"showlegend": len(chosen) > 1})
        beside = {name: known[field, name] for name in names if (field, name) in known}
        if beside:
            _kept(chart, beside, spot, 0.8 * shift, about)
    chart.update_xaxes(title="accuracy, %", rangemode="tozero", showgrid=True, row=1, col=1)
    if data:
        chart.update_xaxes(title="pairs kept, %", range=[0, 102], dtick=50, showgrid=True, row=1, col=2)
    chart.update_yaxes(tickvals=list(range(len(names))), ticktext=names, range=[-0.6, len(names) - 0.4], showgrid=False,
                       zeroline=False, automargin=True)  # fmt: skip
    several = len(chosen) > 1
    chart.update_layout(
        height=90 + (34 if several else 0) + max(30, 17 * len(chosen)) * len(names), barmode="overlay", colorway=theme.SERIES,
        margin={"l": 8, "r": 8, "t": 40 if several else 8, "b": 8}, hoverlabel={"namelength": -1},
        legend=theme.LEGEND,
    )  # fmt: skip
    return chart


def _accuracies(chart: go.Figure, groups: list[GroupAccuracy], spot: dict[str, float], about: dict[str, Any]) -> None:
    """A point and its interval for each group, in the left part."""
    shares, low, high = ([100 * getattr(g, name) for g in groups] for name in ("accuracy", "low", "high"))
    chart.add_scatter(
        x=shares, y=[spot[g.group] for g in groups], mode="markers", marker_size=9,
        error_x=theme.interval(shares, low, high, thickness=1.6, width=3),
        text=[f"{g.group}: {100 * g.accuracy:.1f} % of {g.n:,}, {100 * g.low:.1f} to {100 * g.high:.1f}" for g in groups],
        hovertemplate="%{text}<extra>" + about["name"] + "</extra>", col=1, **about,
    )  # fmt: skip


def _kept(
    chart: go.Figure, beside: dict[str, DataGroup], spot: dict[str, float], width: float, about: dict[str, Any]
) -> None:
    """A bar for the kept share of each group's pairs, in the right part."""
    chart.add_bar(
        x=[100 * entry.rate for entry in beside.values()], y=[spot[name] for name in beside], orientation="h",
        width=width, opacity=0.75, showlegend=False, textposition="none", col=2,
        text=[f"{name}: {entry.kept:,} of {entry.pairs:,} pairs kept" for name, entry in beside.items()],
        hovertemplate="%{text}<extra>" + about["name"] + "</extra>", **about,
    )  # fmt: skip


def _stamp(run: str) -> float:
    """Changes when a run is evaluated again."""
    results = Run.load(run).path / "results.jsonl"
    return results.stat().st_mtime if results.is_file() else 0.0


@st.cache_data(max_entries=64, ttl=300, show_spinner=False)
def _audit(run: str, stamp: float) -> tuple[list[GroupAccuracy], dict[tuple[str, str], DataGroup]]:
    groups = audit_model(run)
    return groups, audit_data(run, groups)

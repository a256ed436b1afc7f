"""The card of a method: what it computes, what it needs, what it costs, who published it and what it scored there."""

import dataclasses
from typing import Any

import streamlit as st

from poolscope.engine.catalogue import Entry
from poolscope.explorer import method_cost, theme
from poolscope.explorer.text import code, in_badge, plain
from poolscope.pool import Column, Pool

MEASURES = {
    "accuracy": ("", "accuracy (0.5 is chance)", "how often the column votes higher for a pair to keep than for one to drop"),
    "weight": ("spread", "weight (per standard deviation)", "what one standard deviation of the column adds to the score"),
    "missed": ("missed_spread", "downstream loss added when left out", "how much is lost without the column"),
}  # fmt: skip


def draw(entry: Entry, pool: Pool, *, measuring: bool = False) -> None:
    """One card; its button opens the dialog that computes the column. `measuring`: costs are being measured."""
    method = entry.method
    with st.container(border=True, key=f"card-{method.id}", gap="small", height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"##### {plain(method.title)}", width="stretch")
            st.badge(method.kind, color="blue" if method.kind == "score" else "violet")
            st.button(
                "Add", icon=":material/add:", key=f"add-{method.id}",
                on_click=lambda: st.session_state.update({"ask-method": method.id}),
                help=f"Choose parameters and start: {code(method.id)} becomes a column",
            )  # fmt: skip
        st.markdown(with_code(entry.summary))
        if method.formula:
            st.latex(method.formula)
        _needs(entry)
        for test in entry.tests:
            st.caption(f":material/quiz: {plain(f'{test.model} tells own from shuffled captions here with {test}')}")
        for note in entry.notes:
            st.caption(f":material/info: {plain(note)}")
        for caution in entry.cautions:
            st.warning(plain(caution), icon=":material/warning:")
        for name in entry.columns:
            _inputs(pool.columns[name])
        if not entry.problem:
            method_cost.awaited(pool, method.id, entry.parameters, key=f"cost-{method.id}", working=measuring)
        st.caption("  \n".join(f"**{label}** {text}" for label, text in _facts(entry) if text))


def _facts(entry: Entry) -> list[tuple[str, str]]:
    """What the method declares, line by line."""
    method = entry.method
    return [
        ("Cost", plain(method.cost)),
        ("Parameters", " · ".join(parameter(field) for field in dataclasses.fields(method))),
        ("Published", plain(method.published)),
        ("Source", plain(method.paper)),
        ("Ready recipes", " · ".join(plain(recipe.name) for recipe in entry.recipes)),
    ]


def with_code(text: str) -> str:
    """Plain text whose parts between back-ticks are set as code."""
    parts = text.split("`")
    return "".join(code(part) if place % 2 else plain(part) for place, part in enumerate(parts))


def parameter(field: "dataclasses.Field[Any]") -> str:
    """A parameter with its default and range: `temperature 0.01 (0.0001 to 100)`."""
    about = field.metadata
    default = "none" if field.default in ("", None) else _number(field.default)
    text = f"`{field.name}` {plain(default)}"
    if about.get("choices"):
        return f"{text} ({', '.join(plain(str(one)) for one in about['choices'])})"
    low, high = about.get("low"), about.get("high")
    if low is None and high is None:
        return text
    if high is None:
        return f"{text} (from {_number(low)})"
    return f"{text} ({_number(low)} to {_number(high)})" if low is not None else f"{text} (to {_number(high)})"


def _number(value: Any) -> str:
    """With thousands set apart; numbers below 1,000 without trailing zeros."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def matches(entry: Entry, words: str) -> bool:
    """Whether every word occurs in what the card says."""
    method = entry.method
    searched = " ".join((method.id, method.title, entry.summary, method.paper, *(r.name for r in entry.recipes)))
    return all(word in searched.casefold() for word in words.casefold().split())


def _needs(entry: Entry) -> None:
    with st.container(horizontal=True, gap="small"):
        for name, there in entry.needs.items():
            st.badge(
                in_badge(name), icon=":material/check:" if there else ":material/close:", color="green" if there else "orange"
            )  # fmt: skip
        for name in entry.columns:
            st.badge(f"made as {in_badge(name)}", icon=":material/view_column:", color="gray")
        if not entry.needs and not entry.columns:
            st.badge("needs no column", icon=":material/check:", color="green")
    if entry.problem:
        st.caption(f":material/block: {plain(entry.problem)}")


def _inputs(column: Column) -> None:
    """A chart for each measure that the provenance of `column` has; nothing for columns that join no others."""
    inputs = (column.made_by.get("findings") or {}).get("inputs") or []
    for measure, (spread, axis, meaning) in MEASURES.items():
        shown = [one for one in inputs if one.get(measure) is not None]
        if shown:
            st.caption(
                f"{code(column.name)}: {meaning}" + (", mean and standard deviation over seeds" if spread else "")
            )
            _bars(shown, measure, spread, axis, key=f"inputs-{column.name}-{measure}")


def _bars(inputs: list[dict[str, Any]], measure: str, spread: str, axis: str, *, key: str) -> None:
    """One bar a column, the largest above; `spread` names the length of its whisker."""
    listed = sorted(inputs, key=lambda one: one[measure])
    values = [one[measure] for one in listed]
    chart = theme.figure(24 * len(listed) + 60, x=axis, y="")
    chart.add_bar(
        x=values,
        y=[one["column"] for one in listed],
        orientation="h",
        marker_color=[theme.KEPT if value >= 0 else theme.DROPPED for value in values],
        error_x={"type": "data", "array": [one[spread] for one in listed], "color": theme.ink()} if spread else None,
        hovertemplate="%{y}: %{x:.4~g}<extra></extra>",
    )
    listing = ", ".join(f"{one['column']} {one[measure]:.3g}" for one in reversed(listed))
    theme.show(chart, key=key, alt=f"Bar chart of {axis}: {listing}")

"""What a method that joins columns learnt of each: bars of accuracies, or of weights with their spread over seeds."""

from typing import Any

import streamlit as st

from poolscope.explorer import theme
from poolscope.explorer.text import code
from poolscope.pool import Column

MEASURES = {
    "accuracy": ("", "accuracy (0.5 is chance)", "how often the column votes higher for a pair to keep than for one to drop"),
    "weight": ("spread", "weight (per standard deviation)", "what one standard deviation of the column adds to the score"),
    "missed": ("missed_spread", "downstream loss added when left out", "how much is lost without the column"),
}  # fmt: skip


def draw(column: Column) -> None:
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
    said = ", ".join(f"{one['column']} {one[measure]:.3g}" for one in reversed(listed))
    theme.show(chart, key=key, alt=f"Bar chart of {axis}: {said}")

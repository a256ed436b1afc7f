"""Draws the histogram of a score with its thresholds; a line that is moved comes back while it moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from poolscope.explorer import theme
from poolscope.explorer.components import register
from poolscope.recipe.bars import Bars

_mount = register("histogram", __file__)


@dataclass(frozen=True)
class Line:
    """A threshold: where it stands, what it is called and how it reads; an arrow key moves it by `step`, or, where it
    stands for a kept `percent`, by a tenth of a percent."""

    value: float
    name: str
    text: str
    step: float = 0.0
    percent: float | None = None


@dataclass(frozen=True)
class Moved:
    """What was moved: the line of that number to a score, or the kept percent of the `slider` of that number. `count`
    numbers the messages."""

    slider: int | None
    line: int | None
    value: float
    count: int


def draw(
    bars: Bars, *, held: np.ndarray | None, lines: Sequence[Line], side: str, label: str, key: str,
    on_move: Callable[[Moved], None], rule: int,
) -> None:  # fmt: skip
    """`lines` are thresholds (one, or two for `side="between"`); `side` says which bars count as kept: min, max, between.
    `held` `(b,)` is how many pairs of each bar the other rules keep too; None when that is not known."""

    def receive() -> None:
        event = moved((st.session_state.get(key) or {}).get("moved"))
        if event is not None:
            st.session_state[f"{key}-answer"] = event.count
            on_move(event)

    data = {
        "edges": bars.edges.tolist(), "counts": bars.counts.tolist(), "held": None if held is None else held.tolist(),
        "lines": [vars(line) for line in lines], "side": side, "kept": theme.KEPT, "dropped": theme.DROPPED,
        "alt": f"Histogram of {label} with its threshold", "label": label, "rule": rule,
        "answer": st.session_state.get(f"{key}-answer", 0),
    }  # fmt: skip
    _mount(key=key, data=data, on_moved_change=receive)


def moved(value: Any) -> Moved | None:
    """What the browser sent, checked; None when it makes no sense."""
    if not isinstance(value, dict):
        return None
    try:
        number = float(value["value"])
        line, slider, count = value.get("line"), value.get("slider"), int(value.get("count", 0))
    except (KeyError, TypeError, ValueError):
        return None
    if not np.isfinite(number) or (line is None) == (slider is None):
        return None
    return Moved(None if slider is None else int(slider), None if line is None else int(line), number, count)

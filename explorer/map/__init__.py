"""Draws the map component: geometry by URL once, per rerun only packed masks; returns lasso and clicked pair."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import streamlit as st

from poolscope.explorer.components import nothing, register, row_of

_mount = register("map", __file__, parts=("points", "labels"))


def pack(mask: np.ndarray) -> str:
    """`(m,)` bool as base64 of bits, first point in the highest bit."""
    return base64.b64encode(np.packbits(mask).tobytes()).decode()


@dataclass(frozen=True)
class Legend:
    """One entry, of the code that is its place: what it stands for, its colour `#rrggbb`, and its pairs."""

    label: str
    colour: str
    points: int


def draw(
    *,
    geometry: str,
    planes: Sequence[np.ndarray],
    legend: Sequence[Legend],
    highlight: Sequence[int],
    token: str,
    stamp: str,
    colour: str,
    choices: Sequence[tuple[str, Sequence[tuple[str, str]]]],
    codes: str | None,
    hidden: Sequence[int],
    regions: str,
    facts: str,
    note: str,
    under: bytes | None,
    on_choice: Callable[[], None],
    on_colour: Callable[[], None],
) -> int | None:
    """Draws the map; returns the row of a pair that was clicked just now.

    `planes`: (m,) bool masks; bit k of a point's code is plane k, unless `codes` is an address of one byte a point: then
    plane 0 is who is kept, and the others are faint. `legend`: by code; `hidden` codes are not drawn. `choices`: groups
    of what can be coloured by, as (value, label); `colour` is the one that is on. `regions`: address of the labels;
    `facts`: what is asked of a pair beside its caption. `under`: a PNG that covers the whole map, under the points;
    `highlight`: indices on the map to show as selected; `stamp` marks this rerun in the page, for measuring.
    """
    data: dict[str, Any] = {
        "geometry": geometry, "planes": [pack(plane) for plane in planes], "codes": codes, "stamp": stamp,
        "legend": [asdict(entry) for entry in legend], "highlight": [int(index) for index in highlight],
        "colour": colour, "choices": choices, "hidden": list(hidden), "regions": regions, "facts": facts,
        "pairs": f"/pair/{token}", "thumbs": f"/thumb/{token}", "note": note,
        "under": f"data:image/png;base64,{base64.b64encode(under).decode()}" if under else None,
    }  # fmt: skip
    shown = _mount(
        key="map",
        data=data,
        on_lasso_change=on_choice,
        on_colour_change=on_colour,
        on_legend_change=on_choice,
        on_opened_change=nothing,
    )
    return row_of(shown)


def sent(name: str) -> Any:
    """What the browser last sent of a state of the map, before it is drawn in this rerun."""
    return (st.session_state.get("map") or {}).get(name)


def shown_codes(value: Any, colour: str) -> list[int]:
    """The codes that the legend shows alone, of what the browser sent; none when it shows all, or another colour's."""
    if not isinstance(value, dict) or value.get("colour") != colour or not isinstance(value.get("shown"), list):
        return []
    return sorted({int(code) for code in value["shown"] if isinstance(code, int | float) and 0 <= code < 256})


def lassoed() -> np.ndarray | None:
    """The polygon of the lasso, `(k, 2)` float32 corners in map coordinates, before the map is drawn in this rerun."""
    return polygon(sent("lasso"))


def polygon(value: Any) -> np.ndarray | None:
    """What the browser sent as a `(k, 2)` array; None when it is not a polygon."""
    try:
        corners = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    fits = corners.ndim == 2 and corners.shape[1:] == (2,) and 3 <= len(corners) <= 1000 and np.isfinite(corners).all()
    return corners if fits else None

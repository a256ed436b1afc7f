"""Draws the map component: geometry by URL once, per rerun only packed masks; returns lasso and clicked pair."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from poolscope.explorer.components import register

_mount = register("map", __file__)


@dataclass(frozen=True)
class MapEvents:
    """`lasso` (k, 2) float32 corners in map coordinates or None; `opened` the row that was clicked just now or None."""

    lasso: np.ndarray | None
    opened: int | None


def pack(mask: np.ndarray) -> str:
    """`(m,)` bool as base64 of bits, first point in the highest bit."""
    return base64.b64encode(np.packbits(mask).tobytes()).decode()


def draw(
    *,
    geometry: str | None,
    planes: Sequence[np.ndarray],
    colours: Sequence[str],
    legend: Sequence[tuple[str, str]],
    highlight: Sequence[int],
    token: str,
    stamp: str,
    note: str = "",
    empty: str = "",
    under: bytes | None = None,
    key: str = "map",
    on_lasso: Callable[[], None] | None = None,
) -> MapEvents:
    """`planes`: (m,) bool masks, bit k of a point's colour is plane k; `colours`: `2**len(planes)` hex colours;
    `under`: a PNG that covers the whole map, under the points; `highlight`: indices on the map to show as selected; `stamp` marks this rerun in the page, for measuring."""
    shown = _mount(
        key=key,
        data={
            "geometry": geometry,
            "planes": [pack(plane) for plane in planes],
            "colours": list(colours),
            "legend": [{"label": label, "colour": colour} for label, colour in legend],
            "highlight": [int(index) for index in highlight],
            "library": "/vendor/regl-scatterplot.js",
            "pairs": f"/pair/{token}",
            "thumbs": f"/thumb/{token}",
            "note": note,
            "empty": empty,
            "under": f"data:image/png;base64,{base64.b64encode(under).decode()}" if under else None,
            "stamp": stamp,
        },
        on_lasso_change=on_lasso or _nothing,
        on_opened_change=_nothing,
    )
    return MapEvents(polygon(shown.get("lasso")), row(shown.get("opened")))


def lassoed(key: str = "map") -> np.ndarray | None:
    """The polygon of the lasso before the map is drawn in this rerun."""
    return polygon((st.session_state.get(key) or {}).get("lasso"))


def polygon(value: Any) -> np.ndarray | None:
    """What the browser sent as a `(k, 2)` array; None when it is not a polygon."""
    try:
        corners = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    fits = corners.ndim == 2 and corners.shape[1:] == (2,) and 3 <= len(corners) <= 1000 and np.isfinite(corners).all()
    return corners if fits else None


def row(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value >= 0 else None


def _nothing() -> None:
    pass

"""Draws the handle of a card; dropping the card, or an arrow key, tells its new place."""

from collections.abc import Callable

import streamlit as st

from poolscope.explorer.components import register

_mount = register("handle", __file__)


def draw(index: int, total: int, *, card: str, label: str, key: str, on_move: Callable[[int], None]) -> None:
    """The handle of card `index` of `total`, whose containers have classes that match `card`."""

    def moved() -> None:
        to = (st.session_state.get(key) or {}).get("moved")
        if isinstance(to, int | float) and 0 <= to < total:
            on_move(int(to))

    _mount(
        key=key,
        data={"index": index, "total": total, "card": card, "label": label},
        on_moved_change=moved,
        width="content",
    )

"""Views of one thing, chosen in a row of buttons."""

from collections.abc import Sequence
from typing import Any

import streamlit as st


def choose(label: str, options: Sequence[str], key: str, *, preset: bool = False, **more: Any) -> str:
    """One of `options`, at first the first; `label` is for those who can't see the row. `preset`: a page may set it too."""
    default = None if preset and key in st.session_state else options[0]
    chosen = st.segmented_control(
        label, options, default=default, required=True, key=key, label_visibility="collapsed", **more
    )
    return str(chosen or options[0])

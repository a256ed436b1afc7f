"""Views of one thing, chosen in a row of buttons."""

from collections.abc import Sequence
from typing import Any

import streamlit as st


def choose(label: str, options: Sequence[str], key: str, **more: Any) -> str:
    """One of `options`, at first the first; `label` is for those who can't see the row."""
    default = None if key in st.session_state else options[0]  # else Streamlit warns where the page set a value
    chosen = st.segmented_control(
        label, options, default=default, required=True, key=key, label_visibility="collapsed", **more
    )
    return str(chosen or options[0])

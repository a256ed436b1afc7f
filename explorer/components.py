"""Registers our components from the files beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st


def nothing() -> None:
    """What a component calls when it needs only another run of the page."""


def row_of(shown: Any) -> int | None:
    """The row of the pair that was opened just now in a component, by what the browser sent."""
    opened = shown.get("opened")
    return int(opened) if isinstance(opened, int | float) and opened >= 0 else None


def register(name: str, module: str, parts: Sequence[str] = ()) -> Any:
    """The mount function of the component whose `name.js`, `name.css` and `name.html` lie beside `module`; the scripts
    of `parts` come before its own.

    Styles are not isolated, because Plotly looks for its place in the document; every class is prefixed with `ps-`.
    """
    texts = {}
    for kind in ("html", "css", "js"):
        files = [Path(module).with_name(f"{part}.{kind}") for part in (*parts, name)]
        texts[kind] = "\n".join(path.read_text(encoding="utf-8") for path in files if path.exists()) or None
    return st.components.v2.component(f"poolscope_{name}", **texts, isolate_styles=False)

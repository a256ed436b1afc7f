"""Registers our components from the files beside them."""

from pathlib import Path
from typing import Any

import streamlit as st


def register(name: str, module: str) -> Any:
    """The mount function of the component whose `name.js`, `name.css` and `name.html` lie beside `module`.

    Styles are not isolated, because regl-scatterplot and Plotly look for their canvas in the document; every class
    is prefixed with `ps-`.
    """
    texts = {}
    for kind in ("html", "css", "js"):
        path = Path(module).with_name(f"{name}.{kind}")
        texts[kind] = path.read_text(encoding="utf-8") if path.exists() else None
    return st.components.v2.component(f"poolscope_{name}", **texts, isolate_styles=False)

"""A table as every page draws it: a dash for what is not known, thousands set apart, as tall as its lines up to twelve."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

DASH = "–"
TALL, MANY = 420, 12


def draw(
    lines: pd.DataFrame | Sequence[Mapping[str, Any]],
    *,
    key: str | None = None,
    formats: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    right: Iterable[str] = (),
    tall: int = TALL,
    most: int = MANY,
    width: Any = "stretch",
) -> None:
    """`formats` are of numbers by column ("%.1f"), `about` what a column means, `names` what it is called if not as it is;
    columns in `right` are text that reads as numbers. More than `most` lines scroll within `tall` pixels."""
    frame = lines if isinstance(lines, pd.DataFrame) else pd.DataFrame(list(lines))
    shapes = {str(name): "localized" for name in frame if pd.api.types.is_integer_dtype(frame[name])} | dict(
        formats or {}
    )
    about, names = about or {}, names or {}
    columns: dict[str, Any] = {
        name: st.column_config.NumberColumn(names.get(name), format=shapes[name], help=about.get(name))
        for name in shapes
    }  # fmt: skip
    columns |= {name: st.column_config.TextColumn(alignment="right") for name in right}
    columns |= {
        name: st.column_config.Column(names.get(name), help=about.get(name)) for name in {*about, *names} - set(columns)
    }
    st.dataframe(
        frame, hide_index=True, placeholder=DASH, key=key, column_config=columns, width=width,
        height="content" if len(frame) <= most else tall,
    )  # fmt: skip

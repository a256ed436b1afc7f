"""What an import would do, as it is shown before it starts: columns by menus, the first pairs, what is left out."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from poolscope.sources import Plan

NONE = "—"
ROLES = {"text": "Captions", "image": "Images", "url": "Image URLs", "id": "Ids"}
THUMBNAIL = 96


def draw(plan: Plan) -> dict[str, str]:
    """Draws the plan; returns the roles that were given other columns than it found."""
    count = len(plan.files)
    st.text(f"{plan.kind[:1].upper()}{plan.kind[1:]}, {count:,} file{'s' if count != 1 else ''}")
    changed = _mapping(plan) if any(part.kind == "table" for part in plan.parts) else {}
    others = {given: name for part in plan.parts for given, name in part.columns.items()}
    if others:
        named = [name if name == given else f"{given} as {name}" for given, name in others.items()]
        st.text(f"Further columns that come along: {', '.join(named)}")
    if plan.preview:
        st.caption("The first pairs, as they will be")
        rows = [_row(pair) for pair in plan.preview]
        thumbnails = st.column_config.ImageColumn("", width="small") if any(row["preview"] for row in rows) else None
        st.dataframe(
            rows,
            hide_index=True,
            row_height=THUMBNAIL // 2 + 8,
            column_config={"preview": thumbnails},  # None hides it: pairs with a URL alone have none
        )
    for what, why in plan.left_out.items():
        st.text(f"Left out: {what}: {why}")
    for note in dict.fromkeys(note for part in plan.parts for note in part.notes):
        st.text(note)
    return changed


def _mapping(plan: Plan) -> dict[str, str]:
    """A menu for each role; those whose choice differs from what the plan has."""
    columns = list(dict.fromkeys([*plan.mapping.values(), *(name for part in plan.parts for name in part.columns)]))
    changed: dict[str, str] = {}
    with st.container(horizontal=True):
        for role, label in ROLES.items():
            column = plan.mapping.get(role) or (plan.mapping.get("uid") if role == "id" else None) or NONE
            options = columns if role == "text" else [NONE, *columns]
            place = options.index(column) if column in options else 0
            chosen = st.selectbox(label, options, index=place, width=170, key=f"import-role-{role}-{hash(plan.files)}")
            if chosen not in (column, NONE):
                changed[role] = str(chosen)
    return changed


def _row(pair: Mapping[str, Any]) -> dict[str, Any]:
    """A pair as a row of the preview; everything in it is shown as text."""
    place = pair.get("member") or pair.get("image") or pair.get("url") or ""
    about = {name: str(pair[name])[:80] for name in ("id", "width", "height", "problem") if pair.get(name) is not None}
    row = {"preview": _thumbnail(pair), "caption": str(pair.get("text") or "")[:300], "image": str(place)[-80:]}
    return row | about


def _thumbnail(pair: Mapping[str, Any]) -> str | None:
    """The image as a data URL; images on the web are not fetched for a preview."""
    from poolscope.pool.images import PLACES, read_images, shrink

    path = Path(str(pair.get("image") or ""))
    image = read_images([{name: pair.get(name) for name in PLACES}], Path())[0] if path.is_file() else None
    small = shrink(image, THUMBNAIL) if image else None
    return f"data:image/webp;base64,{base64.b64encode(small).decode()}" if small else None

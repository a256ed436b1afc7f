"""One pair in full: picture, caption, scores, the rule that dropped it and by how much, and its neighbours."""

from typing import Any

import streamlit as st

from poolscope.engine import reason as reasons
from poolscope.errors import InputError
from poolscope.explorer import gallery, pools, tiles
from poolscope.explorer.evaluate import evaluate
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection
from poolscope.search import neighbours

HIDDEN = {"text", "uid_hi", "uid_lo", "image", "image_offset", "image_bytes", "face_bboxes"}


@st.dialog("Pair", width="large")
def show(row: int, pool: Pool, recipe: Recipe | None) -> None:
    """Opens the pair at `row`; a click on a neighbour shows that one instead."""
    if st.session_state.get("pair_from") != row:
        st.session_state["pair_from"], st.session_state["pair_row"] = row, row
    shown = st.session_state["pair_row"]
    names = ["uid", *(name for name, column in pool.columns.items() if column.dim is None and name not in HIDDEN)]
    known = pool.take([shown], [*names, "text"] if "text" in pool.columns else names).to_pylist()[0]
    caption = known.pop("text", None) or ""
    selection = _selection(recipe, pool)
    left, right = st.columns([0.42, 0.58], gap="medium")
    with left:
        picture = pool.thumbnail(shown, 512)
        if picture:
            st.image(picture, alt=caption or "picture of the pair", width="stretch")
        else:
            st.caption("This pair has no picture that can be read.")
    with right:
        if selection is not None and recipe is not None:
            _verdict(shown, pool, recipe, selection)
        st.text(caption or "(no caption)")
        _facts(known, pool)
    _neighbours(shown, pool, selection)


def reason(row: int, pool: Pool, recipe: Recipe, selection: Selection, *, deep: bool = False) -> str:
    """Why a pair is kept or dropped, in words: the rule and by how much it missed it."""
    return reasons.reason(row, recipe, selection, pools.columns(pool), deep=deep)


def _selection(recipe: Recipe | None, pool: Pool) -> Selection | None:
    try:
        return evaluate(recipe, pool) if recipe is not None else None
    except InputError:
        return None


def _verdict(row: int, pool: Pool, recipe: Recipe, selection: Selection) -> None:
    kept = not selection.dropped_at(row)
    st.badge("kept" if kept else "dropped", color="blue" if kept else "orange",
             icon=":material/check:" if kept else ":material/remove:")  # fmt: skip
    st.caption(plain(reason(row, pool, recipe, selection, deep=True)))


def _facts(known: dict[str, Any], pool: Pool) -> None:
    import pandas as pd

    kinds = {name: pool.columns[name].kind if name in pool.columns else "key" for name in known}
    order = {"score": 0, "flag": 1, "metadata": 2, "key": 3}
    listed = sorted(
        (name for name in known if known[name] is not None), key=lambda name: (order.get(kinds[name], 4), name)
    )
    table = pd.DataFrame(
        {"column": listed, "value": [_value(known[name]) for name in listed], "kind": [kinds[name] for name in listed]}
    )
    st.dataframe(table, hide_index=True, height=min(320, 38 + 35 * len(listed)))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _neighbours(row: int, pool: Pool, selection: Selection | None) -> None:
    try:
        found = neighbours(pool, row, model=pool.model(), limit=8)
    except InputError:
        return
    if not len(found.rows):
        return
    st.markdown("**Nearest neighbours** by picture")
    facts = [f"{cosine:.3f}" for cosine in found.similarity] if found.similarity is not None else []
    opened = gallery.draw(
        tiles.of(found.rows, pool, facts=facts, selection=selection), token=pools.token(pool), label="Nearest neighbours",
        key="neighbours", columns=8,
    )  # fmt: skip
    if opened is not None:
        st.session_state["pair_row"] = opened
        st.rerun(scope="fragment")

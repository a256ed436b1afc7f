"""The gallery of the Filter page, one for all that can be looked at: sorted, filtered, paged without end, selected from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from poolscope.explorer import gallery, number_format, pair_set, pools, tiles
from poolscope.explorer.text import noted
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection

PAGE = 48
SIZES = {"small": 58, "medium": 92, "large": 150, "largest": 280}
MOST_SORTED = 100_000  # rows whose text is read to sort them
OWN_ORDER = "as found"
ALL, KEPT, DROPPED = "all", "kept", "dropped"


@dataclass(frozen=True)
class Shelf:
    """Pairs under one heading: `rows` `(k,)` in their own order, and a short fact of each, if any."""

    heading: str
    rows: np.ndarray
    facts: Sequence[str] = ()
    empty: str = "No pair is here."
    page: int = PAGE
    more: str = "scroll"


@noted()
def draw(
    shelves: Sequence[Shelf], pool: Pool, recipe: Recipe, selection: Selection, *, key: str, whole: str = "",
    rule: dict[str, Any] | None = None,
) -> int | None:  # fmt: skip
    """Draws the shelves with what becomes of the pairs that are selected, or, if all together have a name, `whole`, of
    all while none is (`rule`: plain data of one that chooses them); returns the row of a pair that was clicked."""
    by, falling, among, size = _settings(pool)
    place = st.container(key="chosen", gap="xxsmall")
    opened: int | None = None
    selected: list[int] = []
    order: list[int] = []
    for number, shelf in enumerate(shelves):
        if shelf.heading:
            st.markdown(shelf.heading)
        at = _arranged(shelf.rows, pool, selection, by, falling, among)
        if not len(at):
            st.caption(shelf.empty if not len(shelf.rows) else "None of these pairs passes the filter.")
            continue
        name = f"{key}-{number}"
        shown = _shown(name, shelf, at)
        rows = shelf.rows[at[:shown]]
        facts = _facts(rows, pool, by) or [shelf.facts[one] for one in at[:shown] if len(shelf.facts)]
        clicked, marked = gallery.browse(
            tiles.of(rows, pool, facts=facts, selection=selection, recipe=recipe), token=pools.token(pool), size=SIZES[size],
            label=f"{key} {number + 1}", key=name, more=shelf.more if shown < len(at) else "", on_more=partial(_more, name),
        )  # fmt: skip
        opened = clicked if clicked is not None else opened
        selected += marked
        order += rows.tolist()
    st.session_state["pair_among"] = order
    with place:
        if selected:
            st.markdown(f"**{len(selected):,}** selected")
            pair_set.draw(np.array(selected, dtype=np.int64), pool, recipe, name="selected", key="selected")
        elif whole:
            rows = np.concatenate([shelf.rows for shelf in shelves])
            pair_set.draw(rows, pool, recipe, name=whole, rule=rule, key=key)
    return opened


def _settings(pool: Pool) -> tuple[str, bool, str, str]:
    """What the gallery is sorted by and how, which condition its pairs must meet, and the size of its tiles."""
    names = [name for name, column in pool.columns.items() if column.dim is None and column.kind != "embedding"]
    named = ("text", "image", "uid_hi", "uid_lo", "image_offset", "image_bytes")
    columns = [OWN_ORDER, *(name for name in names if name not in named), *(["text"] if "text" in names else [])]
    with st.popover(
        "Sort, filter", icon=":material/sort:", key="gallery-settings", help="Order, filter and size of the tiles"
    ):
        by = st.selectbox(
            "Sort by", columns, key="gallery-sort", format_func=lambda one: "caption" if one == "text" else one
        )
        falling = st.toggle("Largest first", key="gallery-falling", disabled=by == OWN_ORDER)
        state = st.segmented_control("Show", [ALL, KEPT, DROPPED], key="gallery-state", default=ALL, required=True)
        words = st.text_input("Captions with", key="gallery-words", placeholder="cat")
        condition = st.text_input("Condition", key="gallery-where", placeholder="width >= 200")
        size = st.segmented_control("Tiles", list(SIZES), key="gallery-size", default="small", required=True)
    conditions = [f"({condition.strip()})"] if condition.strip() else []
    if words.strip() and "text" in pool.columns:
        conditions.append("contains(lower(text), '" + words.strip().lower().replace("'", "''") + "')")
    st.session_state["gallery-kept"] = state
    return by, falling, " AND ".join(conditions), size


def _arranged(
    rows: np.ndarray, pool: Pool, selection: Selection, by: str, falling: bool, among: str
) -> np.ndarray:  # fmt: skip
    """Places in `rows` of those that pass the filter, in the order to show. Raises InputError for a wrong condition."""
    at = np.arange(len(rows))
    state = st.session_state.get("gallery-kept", ALL)
    if state != ALL:
        at = at[selection.holds(rows) == (state == KEPT)]
    if among:
        at = at[pools.columns(pool).where(among)[rows[at]]]
    if by == OWN_ORDER or by not in pool.columns:
        return at
    if pool.columns[by].kind in ("score", "flag"):
        values = pools.columns(pool).array(by)[rows[at]].astype(np.float32)
        known = np.isfinite(values)
        order = np.argsort(-values[known] if falling else values[known], kind="stable")
        return np.concatenate([at[known][order], at[~known]])
    at = at[:MOST_SORTED]
    listed = pool.take(rows[at], [by])[by].to_pylist() if len(at) else []
    known = [place for place, value in enumerate(listed) if value is not None]
    unknown = [place for place, value in enumerate(listed) if value is None]
    return at[[*sorted(known, key=lambda place: listed[place], reverse=falling), *unknown]] if listed else at


def _facts(rows: np.ndarray, pool: Pool, by: str) -> list[str]:
    """What the pairs are sorted by."""
    if by in (OWN_ORDER, "text") or by not in pool.columns:
        return []
    return [number_format.of_column(by, value)[:40] for value in pool.take(rows, [by])[by].to_pylist()]


def _shown(name: str, shelf: Shelf, at: np.ndarray) -> int:
    """How many pairs of a shelf are shown: a page, and more where more were asked for, until the pairs change."""
    about = hashlib.sha256(np.ascontiguousarray(shelf.rows[at[: shelf.page]]).tobytes()).hexdigest()
    if st.session_state.get(f"{name}-about") != about:
        st.session_state[f"{name}-about"], st.session_state[f"{name}-pages"] = about, 1
    return min(len(at), shelf.page * st.session_state[f"{name}-pages"])


def _more(name: str) -> None:
    st.session_state[f"{name}-pages"] = st.session_state.get(f"{name}-pages", 1) + 1

"""One pair in full: image, caption, scores, the rule that dropped it and by how much, and its neighbours."""

from typing import Any

import numpy as np
import streamlit as st

from poolscope.engine.reason import reason
from poolscope.errors import InputError
from poolscope.explorer import gallery, number_format, pools, search, table, tiles, views
from poolscope.explorer.evaluate import evaluate
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection
from poolscope.recipe.grammar import ScoreRule
from poolscope.search import neighbours

HIDDEN = {"text", "uid_hi", "uid_lo", "image", "image_offset", "image_bytes", "face_bboxes"}
SIDES = {"img": "by image", "txt": "by caption"}
NEIGHBOURS = 8


@st.dialog("Pair", width="large")
def show(row: int, pool: Pool, recipe: Recipe | None) -> None:
    """Opens the pair at `row`; arrow keys go through the gallery, a click on a neighbour shows that one instead."""
    if st.session_state.get("pair_from") != row:
        st.session_state["pair_from"], st.session_state["pair_row"] = row, row
    shown = st.session_state["pair_row"]
    names = ["uid", *(name for name, column in pool.columns.items() if column.dim is None and name not in HIDDEN)]
    known = pool.take([shown], [*names, "text"] if "text" in pool.columns else names).to_pylist()[0]
    caption = known.pop("text", None) or ""
    selection = _selection(recipe, pool)
    left, right = st.columns([0.42, 0.58], gap="medium")
    with left:
        image = pool.thumbnail(shown, 512)
        if image:
            st.image(image, alt=caption or "image of the pair", width="stretch")
        else:
            st.caption("This pair has no image that can be read.")
        _steps(shown)
        if (
            recipe is not None
            and pool.models
            and st.button("More like this", icon=":material/image_search:", key="pair-like")
        ):
            search.like(shown)
            st.rerun()
    with right:
        if selection is not None and recipe is not None:
            _verdict(shown, pool, recipe, selection)
        st.text(caption or "(no caption)")
        if selection is not None and recipe is not None:
            _distances(shown, pool, recipe, selection)
        _facts(known, pool)
    _neighbours(shown, pool, selection)


def percentile(values: np.ndarray, value: float) -> float:
    """The share of the scored `values` that are at most `value`; NaN where nothing is scored."""
    scored = int(np.count_nonzero(~np.isnan(values)))
    return np.count_nonzero(values <= value) / scored if scored and not np.isnan(value) else float("nan")


def _steps(row: int) -> None:
    """To the pair before and after it in the gallery, by a click or an arrow key."""
    among = st.session_state.get("pair_among", [])
    place = among.index(row) if row in among else None
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        for label, step, icon in (("Previous", -1, ":material/chevron_left:"), ("Next", 1, ":material/chevron_right:")):
            there = place is not None and 0 <= place + step < len(among)
            st.button(
                label, key=f"pair-{label}", icon=icon, disabled=not there, shortcut="Left" if step < 0 else "Right",
                on_click=st.session_state.update, args=({"pair_row": among[place + step] if there and place is not None else row},),
            )  # fmt: skip


def _selection(recipe: Recipe | None, pool: Pool) -> Selection | None:
    try:
        return evaluate(recipe, pool) if recipe is not None else None
    except InputError:
        return None


def _verdict(row: int, pool: Pool, recipe: Recipe, selection: Selection) -> None:
    kept = not selection.dropped_at(row)
    st.badge("kept" if kept else "dropped", color="blue" if kept else "orange",
             icon=":material/check:" if kept else ":material/remove:")  # fmt: skip
    st.caption(plain(reason(row, recipe, selection, pools.columns(pool), deep=True)))


def _distances(row: int, pool: Pool, recipe: Recipe, selection: Selection) -> None:
    """How far the pair is from the threshold of each rule on a score, whether or not that rule dropped it."""
    columns, lines = ("rule", "score", "threshold", "distance"), []
    for number, (rule, count) in enumerate(zip(recipe.keep, selection.counts), start=1):
        if not isinstance(rule, ScoreRule) or not rule.on:
            continue
        value = float(pools.columns(pool).array(rule.score)[row])
        bounds = [count.threshold] if rule.top is not None else list(rule.bounds())
        for bound in (bound for bound in bounds if bound is not None):
            away = "not scored" if np.isnan(value) else f"{value - bound:+,.3g}"
            digits = number_format.apart([value], [bound])
            shown = (f"{one:,.{digits}g}" for one in (value, bound))
            lines.append(dict(zip(columns, (f"{number} · {rule.label()}", *shown, away))))
    if lines:
        table.draw(lines, right=columns[1:], most=4, tall=180)


def _facts(known: dict[str, Any], pool: Pool) -> None:
    kinds = {name: pool.columns[name].kind if name in pool.columns else "key" for name in known}
    order = {"score": 0, "flag": 1, "metadata": 2, "key": 3}
    listed = sorted(
        (name for name in known if known[name] is not None), key=lambda name: (order.get(kinds[name], 4), name)
    )
    facts = [
        {
            "column": name, "value": number_format.of_column(name, known[name]),
            "percentile": _percentile(name, known[name], kinds[name], pool), "kind": kinds[name],
        }
        for name in listed
    ]  # fmt: skip
    table.draw(facts, right=["value", "percentile"], most=8, tall=320)


def _percentile(name: str, value: Any, kind: str, pool: Pool) -> str:
    """At or above how many of the scored pairs it is; empty for what is no score."""
    if kind != "score":
        return ""
    place = percentile(pools.columns(pool).array(name), float(value))
    return "" if np.isnan(place) else number_format.percent(place)


def _neighbours(row: int, pool: Pool, selection: Selection | None) -> None:
    try:
        model = pool.model()
    except InputError:
        return
    sides = [side for side in SIDES if f"{model}_{side}" in pool.columns]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Nearest neighbours**", width="content")
        side = views.choose("Neighbours by", sides, "pair-side", format_func=lambda one: SIDES[one])
    near = neighbours(pool, row, model=model, side=side, limit=NEIGHBOURS)
    if not len(near.rows):
        st.caption("This pair has no embedding on that side.")
        return
    facts = [f"{cosine:.3f}" for cosine in near.similarity] if near.similarity is not None else []
    opened = gallery.draw(
        tiles.of(near.rows, pool, facts=facts, selection=selection), token=pools.token(pool), label="Nearest neighbours",
        key="neighbours", columns=NEIGHBOURS,
    )  # fmt: skip
    if opened is not None:
        st.session_state["pair_row"] = opened
        st.rerun(scope="fragment")

"""A set of pairs chosen by hand becomes a rule, a tag, a group of the audit, or a subset file."""

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from poolscope.audit import own_groups
from poolscope.explorer import recipe_state
from poolscope.explorer.text import free, noted, plain
from poolscope.export.subset import kept_uids
from poolscope.pool import Pool
from poolscope.recipe import Recipe, tags


def draw(
    rows: np.ndarray, pool: Pool, recipe: Recipe, *, name: str, rule: dict[str, Any] | None = None, key: str
) -> None:
    """What can be made of the pairs `rows`; `rule` is plain data of one that chooses them on the whole pool, else a tag
    does. `name` is offered for the tag or group."""
    with st.container(horizontal=True, gap="xsmall"):
        for label, icon, inverted, about in (
            ("Keep only these", ":material/filter_alt:", False, "Adds a rule that keeps these pairs alone"),
            ("Drop these", ":material/filter_alt_off:", True, "Adds a rule that drops these pairs"),
        ):
            st.button(label, icon=icon, key=f"{key}-{'drop' if inverted else 'keep'}", help=about,
                      on_click=_attempt, args=(_to_rule, rows, pool, recipe, name, rule, inverted))  # fmt: skip
        with st.popover("Tag or group", icon=":material/label:", help="Keep these pairs under a name"):
            chosen = st.text_input("Name", value=free(_plain(name), tags.names(pool)), key=f"{key}-name-{name}").strip()
            st.button("Make a tag", icon=":material/label:", key=f"{key}-tag", disabled=not chosen,
                      help="A tag can be a rule of any recipe", on_click=_attempt, args=(_to_tag, rows, pool, chosen))  # fmt: skip
            st.button("Make a group", icon=":material/groups:", key=f"{key}-group", disabled=not chosen,
                      help="Who is kept counts the group with the others",
                      on_click=_attempt, args=(_to_group, rows, pool, chosen))  # fmt: skip
        st.download_button("Subset file", lambda: _subset(rows, pool), file_name=f"{_plain(name)}.npy", icon=":material/download:",
                           key=f"{key}-export", help="The uids of these pairs as .npy", on_click="ignore")  # fmt: skip


def _attempt(make: Callable[..., str], *given: Any) -> None:
    """Makes it and says so; a refusal becomes a note on the page."""
    with noted(st.toast):
        st.toast(plain(make(*given)), icon=":material/check:")


def _to_rule(
    rows: np.ndarray, pool: Pool, recipe: Recipe, name: str, rule: dict[str, Any] | None, inverted: bool
) -> str:
    if rule is None:
        name = free(_plain(name), tags.names(pool))
        tags.save(pool, name, rows)
        rule = {"tag": name}
    added = recipe_state.rule_from({"not": rule} if inverted else rule)
    recipe_state.add_rule(recipe, added)
    return f"Added the rule {added.label()}"


def _to_tag(rows: np.ndarray, pool: Pool, name: str) -> str:
    tags.save(pool, name, rows)
    return f"{len(rows):,} pairs have the tag {name}"


def _to_group(rows: np.ndarray, pool: Pool, name: str) -> str:
    added = own_groups.of_rows(pool, rows, name)
    return f"{len(rows):,} pairs are the group {added.name}; Who is kept counts it"


def _plain(name: str) -> str:
    return re.sub(r"[^\w-]+", " ", name).strip(" -")[:60].strip() or "pairs"


def _subset(rows: np.ndarray, pool: Pool) -> bytes:
    mask = np.zeros(len(pool), dtype=bool)
    mask[rows] = True
    return subset_file(pool, mask)


def subset_file(pool: Pool, mask: np.ndarray, wanted: np.ndarray | None = None) -> bytes:
    """The pairs of `mask` `(n,)` as the content of a subset file, each as often as `wanted` `(n,)` says."""
    out = io.BytesIO()
    np.save(out, kept_uids(pool, mask, wanted), allow_pickle=False)
    return out.getvalue()

"""Groups of one's own: a file that is dropped on the page joins the groups of the pool."""

from pathlib import Path
from typing import Any

import streamlit as st

from poolscope.audit.own_groups import add
from poolscope.explorer import uploads
from poolscope.explorer.text import noted
from poolscope.pool import Pool


def draw(pool: Pool) -> None:
    with st.popover("Add groups", icon=":material/group_add:"):
        file = st.file_uploader(
            "Groups of your own", type=["yaml", "yml", "csv", "tsv", "json", "jsonl", "gz", "parquet"], key="own-groups-file",
            help="A lexicon in YAML, or a table with a column uid, id or url and a column `group`",
        )  # fmt: skip
        name = st.text_input("Name", placeholder="as the file", key="own-groups-name").strip()
        if st.button("Add", type="primary", disabled=file is None, key="own-groups-add") and file is not None:
            st.session_state.pop("own-groups-message", None)
            with noted():
                with st.spinner("Finding the groups", show_time=True):
                    added = add(pool, _kept(file), name=name or None)
                left = added.unknown + added.repeated + added.blank + added.bad_rows
                message = f"{added.name}: {len(added.groups):,} groups, {sum(added.groups.values()):,} pairs, {left:,} rows left out"
                st.session_state["own-groups-message"] = message
                st.rerun()
        if "own-groups-message" in st.session_state:
            st.text(st.session_state["own-groups-message"])


def _kept(file: Any) -> Path:
    """The dropped file on disk, wherever its name led: the browser's name is no path to trust."""
    return next(path for path in uploads.keep([file]).rglob("*") if path.is_file())

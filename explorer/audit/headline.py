"""Who is affected: the one line of the audit that the Filter page shows, live."""

import streamlit as st

from poolscope.audit import headline as find
from poolscope.explorer.audit import found_groups
from poolscope.pool import Pool
from poolscope.recipe import Selection


def draw(pool: Pool, selection: Selection) -> None:
    """The largest loss, and the way to the Audit page."""
    groups = found_groups.of(pool)
    text = (
        find(groups, selection.words, selection.copies).text
        if len(groups)
        else "the groups of this pool have not been found yet"
    )
    with st.container(border=True, key="who-is-affected", gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**Who is affected**", width="stretch")
            st.page_link("app_pages/audit.py", label="more", icon=":material/groups:", width="content")
        st.text(text[:1].upper() + text[1:])

"""The groups of the current pool: shared by all sessions, found by a job when they are missing."""

import streamlit as st

from poolscope import audit, jobs
from poolscope.audit import Groups, catalog, group_files
from poolscope.explorer import job_view
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.recipe import Selection

KIND = "groups"


def _stamp(pool: Pool) -> tuple[object, ...]:
    """Changes when groups are found, and when some have to be."""
    return str(pool.path), group_files.stamp(pool), len(pool), tuple(pool.columns)


@st.cache_resource(max_entries=3, show_spinner="Reading the groups", hash_funcs={Pool: _stamp})
def of(pool: Pool) -> Groups:
    """The groups that were found before; empty when none were."""
    return catalog.load(pool)


def offer(pool: Pool) -> None:
    """Says which groups are still to be found, starts the job that finds them, and shows its progress."""
    running = job_view.at_work(KIND, pool)
    if running is not None:
        job_view.watch(running.id)
        return
    missing = _waiting(pool)
    if not missing:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        first = not len(of(pool))
        st.markdown(
            "**The groups of this pool have not been found yet.** Words of captions, sites, languages and looks are read once."
            if first
            else f"Groups to find (new, or changed): {plain(', '.join(missing[:6]))}{' …' if len(missing) > 6 else ''}",
            width="stretch",
        )
        if st.button(
            "Find groups", icon=":material/group_add:", type="primary" if first else "secondary", key="find-groups"
        ):
            jobs.submit(
                ["groups", "--pool", str(pool.path)], kind=KIND, device=jobs.SHORT, title=f"Groups of {pool.name}"
            )
            st.rerun()


def headline(pool: Pool, selection: Selection) -> None:
    """The largest loss, and the way to the Audit page."""
    groups = of(pool)
    text = "the groups of this pool have not been found yet"
    if len(groups):
        text = audit.headline(groups, selection.words, selection.copies).text
    with st.container(border=True, key="who-is-affected", gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**Who is affected**", width="stretch")
            st.page_link("app_pages/audit.py", label="more", icon=":material/groups:", width="content")
        st.text(text[:1].upper() + text[1:])


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs={Pool: _stamp})
def _waiting(pool: Pool) -> list[str]:
    return [one.id for one in catalog.waiting(pool)]

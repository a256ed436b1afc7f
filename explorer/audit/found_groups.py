"""The groups of the current pool: shared by all sessions, found by a job when they are missing."""


import streamlit as st

from poolscope import jobs
from poolscope.audit import Groups, catalog, group_files
from poolscope.explorer import job_view, pools
from poolscope.explorer.text import plain
from poolscope.pool import Pool

KIND = "groups"


def of(pool: Pool) -> Groups:
    """The groups that were found before; empty when none were."""
    return _groups(str(pool.path), group_files.stamp(pool), len(pool))


def offer(pool: Pool) -> None:
    """Says which groups are still to be found, starts the job that finds them, and shows its progress."""
    running = job_view.at_work(KIND, pool)
    if running is not None:
        job_view.watch(running.id)
        return
    missing = _waiting(str(pool.path), group_files.stamp(pool), len(pool), tuple(pool.columns))
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


@st.cache_resource(max_entries=3, show_spinner="Reading the groups")
def _groups(path: str, stamp: int, pairs: int) -> Groups:
    return catalog.load(pools.opened(path))


@st.cache_data(max_entries=16, show_spinner=False)
def _waiting(path: str, stamp: int, pairs: int, columns: tuple[str, ...]) -> list[str]:
    return [one.id for one in catalog.waiting(pools.opened(path))]

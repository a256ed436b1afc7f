"""The pool a page needs: opened, or built first when it is the demo and this is the first start."""

import streamlit as st

from poolscope import jobs, paths
from poolscope.errors import InputError
from poolscope.explorer import job_view, pools, theme
from poolscope.explorer.text import plain
from poolscope.pool import Pool

BUILDING = "demo"


def pool() -> Pool:
    """The current pool; else shows what to do (or the demo being built) and stops the page."""
    try:
        current = pools.current()
    except InputError as error:
        if pools.current_path() == paths.demo_pool():
            _build()
        else:
            st.error(plain(error), icon=":material/error:")
            st.caption("Choose another pool on the Pool page, or make one on the Import page.")
            if st.button("Back to the default pool", icon=":material/home:"):
                st.query_params.pop("pool", None)
                st.session_state.pop("pool", None)
                st.rerun()
        st.stop()
    if pools.recent()[:1] != [current.path.resolve()]:
        pools.remember(current.path)
    return current


def _build() -> None:
    """Starts the job that builds the demo pool, once, and shows its progress until the pool is there."""
    place = st.container(width=640)
    with place:
        st.space("large")
        st.image(str(theme.STATIC / "mark.svg"), width=56, alt="Poolscope")
        st.header("Building the demo pool")
        st.write(
            "Poolscope comes with a pool of real images: public-domain clip art and emoji with their names in many "
            "languages. It is unpacked, embedded and mapped once; that takes a few minutes. You can close this window "
            "meanwhile."
        )
    same = [job for job in jobs.all() if job.kind == BUILDING]
    if not same or same[0].state == "done":
        started = jobs.submit(["demo"], kind=BUILDING, title="Build the demo pool")
    else:
        started = same[0].id
    with place:
        _watch(started)


@st.fragment(run_every=1.0)
def _watch(job_id: int) -> None:
    job = jobs.get(job_id)
    job_view.bar(job)
    if job.state == "done":
        st.rerun()
    elif job.resumable:
        st.error("The demo pool was not built: " + plain(job.message or job.state), icon=":material/error:")
        job_view.log(job, lines=12)
        if st.button("Try again", icon=":material/refresh:", type="primary"):
            jobs.resume(job.id)
            st.rerun()

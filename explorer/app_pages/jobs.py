"""Jobs: what runs in the background, its progress, and how to stop or resume it."""

import time

import streamlit as st

from poolscope import jobs
from poolscope.explorer import deletion, job_view
from poolscope.explorer.text import plain
from poolscope.jobs import Job

LATEST = 40


def _running() -> None:
    working = [job for job in jobs.all() if not job.finished]
    if job_view.changed("jobs-working", working):
        st.rerun()
    if not working:
        st.info(
            "Nothing is running. Scores, imports, maps, exports and runs appear here while they run.",
            icon=":material/bedtime:",
        )
    for job in sorted(working, key=lambda job: (job.state == "queued", job.created)):
        with st.container(border=True):
            _head(job)
            job_view.bar(job)
            if job.figures:
                st.caption(plain(job_view.figures(job.figures)))
            with st.container(horizontal=True):
                job_view.controls(job, key=f"job-{job.id}")
            if st.toggle("Log", key=f"log-{job.id}"):
                job_view.log(job)


def _head(job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{job.id:d}** · {plain(job.title)}", width="content")
        job_view.badge(job)
        ago = job_view.duration(time.time() - job.started) if job.started else ""
        st.caption(f"{job.kind} · " + (f"started {ago} ago" if ago else f"waits for {_lane(job)}"))


def _lane(job: Job) -> str:
    lanes = {None: "its start", "cpu": "the long jobs before it", jobs.SHORT: "the short jobs before it"}
    return lanes.get(job.device) or f"{str(job.device).replace('gpus:', '').replace('gpu:', 'GPU ')} GPU"


st.header("Jobs")
job_view.polled(_running, busy=any(not job.finished for job in jobs.all()), idle=5)
ended = [job for job in jobs.all() if job.finished][:LATEST]
if ended:
    st.subheader("Ended")
for job in ended:
    took = f" · took {job_view.duration(job.ended - job.started)}" if job.ended and job.started else ""
    label = f"{job.id} · {plain(job.title)} · {job.state}{took}"
    with st.expander(label, icon=job_view.ICONS.get(job.state), key=f"ended-{job.id}", on_change="rerun") as opened:
        if opened.open:
            st.caption(f"{job.kind} · {time.strftime('%Y-%m-%d %H:%M', time.localtime(job.created))}")
            st.code("poolscope " + " ".join(job.argv), language="bash", wrap_lines=True)
            job_view.log(job)
            with st.container(horizontal=True):
                job_view.controls(job, key=f"job-{job.id}")
                deletion.button("job", str(job.id), key=f"job-{job.id}")
    job_view.reason(job)

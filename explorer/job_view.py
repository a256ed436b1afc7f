"""A job as it runs: its state, a bar, the end of its log."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import streamlit as st

from poolscope import jobs
from poolscope.explorer.text import noted, plain
from poolscope.jobs import Job
from poolscope.pool import Pool

ICONS = {
    "queued": ":material/schedule:", "running": ":material/play_circle:", "done": ":material/check_circle:",
    "failed": ":material/error:", "cancelled": ":material/cancel:", "lost": ":material/help:",
}  # fmt: skip
COLOURS: dict[str, Literal["gray", "blue", "green", "red", "orange"]] = {
    "queued": "gray", "running": "blue", "done": "green", "failed": "red", "cancelled": "orange", "lost": "orange",
}  # fmt: skip


def polled(draw: Callable[[], None], *, busy: bool, every: float = 1.0, idle: float | None = None) -> None:
    """Draws as a fragment that redraws itself `every` so many seconds while something works, else every `idle` ones."""
    st.fragment(run_every=every if busy else idle)(draw)()


def on_pool(kind: str, pool: Pool) -> list[Job]:
    """The jobs of a kind on a pool, the latest first."""
    return [job for job in jobs.all() if job.kind == kind and str(pool.path) in job.argv]


def at_work(kind: str, pool: Pool) -> Job | None:
    """The latest job of a kind on a pool that waits or runs, if there is one."""
    return next((job for job in on_pool(kind, pool) if not job.finished), None)


def changed(key: str, working: Sequence[Job]) -> bool:
    """Whether other jobs are at work than at the last look, which the session keeps under `key`."""
    ids = [job.id for job in working]
    before = st.session_state.get(key, ids)
    st.session_state[key] = ids
    return before != ids


@st.fragment(run_every=1.0)
def watch(job_id: int, key: str = "") -> None:
    """The bar of a job, with its controls under `key` if one is given, until it has ended; then the page is drawn again."""
    job = jobs.get(job_id)
    bar(job)
    if key:
        controls(job, key=key)
    if job.finished:
        st.rerun()


def badge(job: Job) -> None:
    st.badge(job.state, icon=ICONS.get(job.state), color=COLOURS.get(job.state, "gray"))


def bar(job: Job) -> None:
    """The progress bar with what the job says it does and the one estimate of the time left."""
    text = job.message or {"queued": "waiting for its turn", "running": "starting"}.get(job.state, job.state)
    remaining = time_left(job)
    st.progress(min(1.0, max(0.0, job.progress)), text=plain(f"{text} · {remaining}" if remaining else text))


def time_left(job: Job) -> str:
    """An estimate, the same on every page: from a run's own curve while it trains, else from the pace so far; empty before
    there is one."""
    if job.state != "running" or not job.started:
        return ""
    training = _training_left(job) if job.kind == "train" else None
    if training:
        return f"about {duration(training)} left"
    spent = time.time() - job.started
    if job.progress < 0.03 or spent < 0:  # the clock may have been set back
        return ""
    return f"about {duration(spent / job.progress - spent)} left"


def _training_left(job: Job) -> float | None:
    """Seconds as the training curve of the job's run tells; None before its first point."""
    from poolscope import bench

    run = next((run for run in bench.runs() if run.job == str(job.id)), None)
    left = bench.curves(run)["seconds_left"] if run is not None else []
    return left[-1] if left else None


def duration(seconds: float) -> str:
    """`75` is "1 min 15 s", `8000` "2 h 13 min"."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def reason(job: Job) -> None:
    """Why a job failed or vanished, in its last words, without a click."""
    if job.state in ("failed", "lost"):
        text = job.message or next(
            (line for line in reversed(jobs.log_tail(job.id, 4096).splitlines()) if line.strip()), ""
        )
        st.error(plain(text or "it ended without a word"), icon=":material/error:")


def log(job: Job, *, lines: int = 20) -> None:
    """The last lines of the job's log, as text."""
    tail = jobs.log_tail(job.id, max_bytes=16384)
    kept = [line for line in tail.replace("\r", "\n").splitlines() if line.strip()][-lines:]
    st.code("\n".join(kept) or "(nothing yet)", language=None, wrap_lines=True)


def act(what: Callable[[Any], Any], name: int | str) -> None:
    """Cancels, stops or resumes; a refusal becomes a note on the page."""
    with noted(st.toast, RuntimeError):
        what(name)


def controls(job: Job, *, key: str) -> None:
    """Cancel for a job that waits or runs, its place in the queue while it waits, resume for one that stopped."""
    if job.state == "queued":
        for by, icon, about in ((-1, ":material/arrow_upward:", "earlier"), (1, ":material/arrow_downward:", "later")):
            st.button("", icon=icon, key=f"{key}-{about}", help=f"Run it {about}",
                      on_click=act, args=(partial(jobs.move, by=by), job.id))  # fmt: skip
    if not job.finished:
        st.button("Cancel", icon=":material/cancel:", key=f"{key}-cancel", on_click=act, args=(jobs.cancel, job.id))
    elif job.resumable:
        st.button("Resume", icon=":material/replay:", key=f"{key}-resume", on_click=act, args=(jobs.resume, job.id))


def figures(values: dict[str, float]) -> str:
    """The live numbers of a job in one line."""
    names = {"samples_per_s": "pairs/s", "data_s": "s waiting for data", "batch_s": "s per batch"}
    return " · ".join(f"{names.get(name, name.replace('_', ' '))} {value:,.4g}" for name, value in values.items())

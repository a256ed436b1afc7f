"""Runs that ended: result, curves, audit of the model, log."""

import shlex
import time

import streamlit as st

from poolscope import bench, jobs
from poolscope.bench.sweep import Sweep
from poolscope.demo.records import CAME
from poolscope.explorer import deletion, job_view, table
from poolscope.explorer.bench import by_group, training
from poolscope.explorer.bench.tables import percent
from poolscope.explorer.text import code, plain
from poolscope.jobs import Job
from poolscope.runs import Run

KIND = "train"
SHOWN = 8


def draw() -> None:
    """The latest runs that ended, wherever they were started, and jobs that ended before there was a run (those of a
    sweep are counted in its panel)."""
    every = {str(job.id): job for job in jobs.all() if job.kind == KIND}
    ran = [run for run in bench.runs() if run.kind == "training"]
    elsewhere = {run.job for run in ran} | {str(cell.job) for sweep in Sweep.every() for cell in sweep.cells}
    without = [job for id, job in every.items() if job.finished and id not in elsewhere]
    shown: list[tuple[float, Run | None, Job | None]] = [(job.created, None, job) for job in without]
    for run in ran:
        job = every.get(run.job or "")
        if job.finished if job else run.state in ("done", "failed", "stopped"):
            shown.append((run.created, run, job))
    if not shown:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Ended", width="stretch")
        st.page_link("app_pages/leaderboard.py", label="Leaderboard", icon=":material/leaderboard:")
    for created, past, job_of in sorted(shown, key=lambda entry: -entry[0])[:SHOWN]:
        _past(created, past, job_of)


def _past(created: float, run: Run | None, job: Job | None) -> None:
    """One run that ended: result, curve, log. At least one of `run` and `job` is there."""
    label, state, key = _headline(run, job)
    with st.expander(label, icon=job_view.ICONS.get(state), key=f"past-{key}", on_change="rerun") as box:
        if not box.open:
            return
        if state != "done":
            st.text((job.message if job else run.error if run else "") or state)
        if run is not None:
            _record(run, state, created, key)
        if job is not None:
            job_view.log(job, lines=12)
            with st.container(horizontal=True):
                job_view.controls(job, key=f"past-{key}")
        elif run is not None and run.resumable:
            st.code(f"poolscope train … --as {run.id} --resume", language="bash")
        if run is not None:
            deletion.button("run", run.id, key=f"past-{key}", label="Delete this run")


def _headline(run: Run | None, job: Job | None) -> tuple[str, str, str]:
    """What stands on the closed box, the state, and a key of its widgets."""
    if job is not None:
        title, state, key = job.title, job.state, f"job-{job.id}"
        seconds = job.ended - job.started if job.ended and job.started else 0.0
    else:
        assert run is not None
        title, state, key = f"{run.recipe} · {run.scale} · seed {run.seed}", run.state, f"run-{run.id}"
        seconds = sum(run.seconds.values())
    ended = f"{state} after {job_view.duration(seconds)}" if seconds else state
    came = [CAME] if run is not None and CAME in run.notes else []
    return " · ".join([plain(title), ended, *came]), state, key


def _record(run: Run, state: str, created: float, key: str) -> None:
    """What a run says of itself: results, curves, the audit of its model, how to repeat it."""
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(created))
    again = f" · resumed {run.resumed}×" if run.resumed else ""
    notes = "".join(f" · {plain(note)}" for note in run.notes)
    st.caption(f"run {code(run.id)} · {run.kept or 0:,} pairs kept · {started}{again}{notes}")
    if run.not_comparable:
        reasons = plain("; ".join(run.not_comparable))
        st.warning(f"Not comparable with others of its scale: {reasons}", icon=":material/warning:")
    if run.error and state == "done":
        st.info(plain(run.error), icon=":material/dns:")  # scripts that wait to be submitted
    results = {line["dataset"]: line["metrics"].get("main_metric") for line in run.results()}
    if results:
        lines = [{"task": task, "result, %": percent(v)} for task, v in results.items()]
        table.draw(lines, formats={"result, %": "%.1f"}, most=40)
    training.draw([run], key=f"curves-{key}")
    by_group.of_run(run, key=f"groups-{key}")
    if run.command and st.toggle("Record", key=f"record-{key}"):
        st.code(shlex.join(run.command), language="bash", wrap_lines=True)
        about = {"subset sha256": run.subset_sha256, "pool version": run.pool_version, "settings": run.settings,
                 "packages": run.versions, "hardware": run.hardware, "devices": run.devices, "seconds": run.seconds}  # fmt: skip
        st.json(about, expanded=False)

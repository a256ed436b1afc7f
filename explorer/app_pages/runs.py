"""Runs: what training on a recipe costs, start it, and watch it; sweeps over many, and races."""

from collections.abc import Mapping, Sequence

import streamlit as st

from poolscope import bench, jobs
from poolscope.bench.sweep import Sweep
from poolscope.explorer import first_start, job_view
from poolscope.explorer.bench import ended, new_run, races, training
from poolscope.explorer.bench import sweeps as sweep_view
from poolscope.explorer.text import plain
from poolscope.jobs import Job
from poolscope.pool import Pool
from poolscope.runs import Run

KIND = "train"
ONE, SWEEP, RACE = "One recipe", "Sweep", "Race"


def main() -> None:
    pool = first_start.pool()
    st.header("Runs")
    left, right = st.columns([0.32, 0.68], gap="medium")
    with left:
        _new(pool)
    with right:
        busy = any(job.kind in (KIND, races.KIND) and not job.finished for job in jobs.all())
        job_view.polled(_working, busy=busy, every=1.5, idle=10)
        ended.draw()


def _new(pool: Pool) -> None:
    with st.container(border=True):
        what = st.segmented_control("New run", [ONE, SWEEP, RACE], default=ONE, required=True, key="run-what",
                                    help="A sweep trains on a grid of fractions and methods; a race deals seeds to recipes "
                                    "until the best one is known")  # fmt: skip
        {SWEEP: sweep_view.form, RACE: races.form}.get(str(what), new_run.form)(pool)


def _working() -> None:
    """Runs that wait or work, sweeps and curves, live."""
    trainings = [job for job in jobs.all() if job.kind == KIND]
    working = [job for job in trainings if not job.finished]
    if job_view.changed("runs-working", working):
        st.rerun()
    swept = {cell.job for sweep in Sweep.every() for cell in sweep.cells}
    runs = {run.job: run for run in bench.runs() if run.job}
    for job in reversed(working):
        # What waits in a sweep is counted in the sweep's own panel.
        if job.state == "running" or job.id not in swept:
            _panel(job, runs.get(str(job.id)))
    races.panels()
    sweep_view.panels()
    training.overlay([runs[str(job.id)] for job in reversed(working) if str(job.id) in runs])
    if not trainings and not bench.runs():
        st.info(
            "No run yet. Choose a recipe and press Start: a small model is trained on the pairs that the recipe keeps "
            "and tested on images it never saw. Start with no filter, to have something to compare with.",
            icon=":material/model_training:",
        )


def _panel(job: Job, run: Run | None) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(job.title)}**", width="content")
            job_view.badge(job)
            if run is not None and run.resumed:
                st.badge(f"resumed {run.resumed}×", icon=":material/replay:", color="orange",
                         help="Training went on from a checkpoint")  # fmt: skip
            st.space("stretch")
            job_view.controls(job, key=f"run-{job.id}")
        points = bench.curves(run) if run is not None else {}
        job_view.bar(job)
        if run is not None and points.get("step"):
            st.caption(_now(points, run))
        elif job.state == "running":
            st.caption("The curves appear with the first steps.")
        if st.toggle("Log", key=f"run-log-{job.id}"):
            job_view.log(job)


def _now(points: Mapping[str, Sequence[float | None]], run: Run) -> str:
    """The latest point of the curve in words; a figure that is not a number (yet) is a dash."""
    loss, rate, samples = (points[name][-1] for name in ("loss", "samples_per_s", "samples"))
    shown = "–" if loss is None else f"{loss:.3f}"
    pace = "–" if rate is None else f"{rate:,.0f}"
    seen = f"{samples or 0:,} of {run.settings.get('samples_seen', 0):,} samples seen"
    return f"loss {shown} · {pace} pairs per second · {seen}"


main()

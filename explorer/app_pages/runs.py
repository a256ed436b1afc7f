"""Runs: what training on a recipe costs, start it, and watch it."""

import time
from collections.abc import Mapping, Sequence

import streamlit as st

from backend import bench, jobs
from backend.bench.run import Run
from backend.errors import InputError
from backend.jobs import Job
from backend.pool import Pool
from backend.recipe import Recipe
from explorer import choices, curves, first_start, live, recipe_state, scratch, theme
from explorer.evaluate import evaluate

KIND = "train"
HERE = "as on the Filter page"
SHOWN = 8


def main() -> None:
    pool = first_start.pool()
    st.header("Runs")
    left, right = st.columns([0.36, 0.64], gap="medium")
    with left:
        _new(pool)
    with right:
        busy = any(job.kind == KIND and not job.finished for job in jobs.all())
        live.polled(_working, busy=busy, every=1.5, idle=10)
        _ended()


def _new(pool: Pool) -> None:
    """The form of a new run: recipe, scale, seeds, what it costs, what stands in its way."""
    current = recipe_state.current(pool)
    options: dict[str, Recipe] = {f"{current.name} ({HERE})": current, **choices.all(pool)}
    with st.container(border=True):
        st.subheader("New run")
        recipe = options[st.selectbox("Recipe", list(options), key="run-recipe")]
        scales = list(bench.SCALES)
        scale = st.selectbox(
            "Scale", scales, key="run-scale", help="What a run holds fixed, so that only the pairs differ"
        )
        seeds = st.pills("Seeds", list(range(5)), selection_mode="multi", default=[0], key="run-seeds",
                         help="One run for each; several seeds show the spread")  # fmt: skip
        try:
            selection = evaluate(recipe, pool)
            cost = bench.estimate(selection.kept, scale, pool=pool)
            problems = bench.preflight(selection.kept, scale, pool=pool)
        except InputError as error:
            st.error(str(error), icon=":material/error:")
            return
        st.markdown(
            f"**{selection.kept:,}** pairs kept of {selection.pairs:,}, each seen about **{cost.repeats:,.1f}** times"
        )
        with st.container(horizontal=True):
            st.metric("Time here", live.duration(cost.total_seconds), help=f"per seed; {cost.basis}", width="content")
            st.metric("Samples seen", _count(cost.samples_seen), width="content")
            st.metric("Disk", f"{cost.total_disk / 1e9:,.2f} GB", width="content")
        if scale != "demo":
            st.caption("GPU hours: " + ", ".join(f"{gpu} {hours:,.3g}" for gpu, hours in cost.gpu_hours.items()))
        for problem in problems:
            (st.error if problem.level == "error" else st.warning)(
                problem.text, icon=":material/error:" if problem.level == "error" else ":material/warning:"
            )
        blocked = any(problem.level == "error" for problem in problems) or not seeds
        label = "Start" if len(seeds) <= 1 else f"Start {len(seeds)} runs"
        st.button(label, type="primary", icon=":material/play_arrow:", key="run-start", disabled=blocked,
                  on_click=_start, args=(recipe, scale, tuple(seeds), pool))  # fmt: skip


def _start(recipe: Recipe, scale: str, seeds: tuple[int, ...], pool: Pool) -> None:
    path = scratch.keep(recipe)
    for seed in sorted(seeds):
        words = ["train", str(path), "--scale", scale, "--seed", str(seed), "--pool", str(pool.path)]
        jobs.submit(words, kind=KIND, title=f"{recipe.name} · {scale} · seed {seed}")
    st.toast(f"{len(seeds)} run{'s' if len(seeds) > 1 else ''} started", icon=":material/play_arrow:")


def _working() -> None:
    """Runs that wait or work, live."""
    found = [job for job in jobs.all() if job.kind == KIND]
    working = [job for job in found if not job.finished]
    ids = [job.id for job in working]
    if st.session_state.get("runs-working", ids) != ids:
        st.session_state["runs-working"] = ids
        st.rerun()
    st.session_state["runs-working"] = ids
    for job in reversed(working):
        _panel(job, open_log=False)
    if not found and not bench.runs():
        st.info(
            "No run yet. Choose a recipe and press Start: a small model is trained on the pairs that the recipe keeps "
            "and tested on pictures it never saw. Start with no filter, to have something to compare with.",
            icon=":material/model_training:",
        )


def _panel(job: Job, *, open_log: bool) -> None:
    run = _run_of(job)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{job.title}**", width="content")
            live.badge(job)
            st.space("stretch")
            live.controls(job, key=f"run-{job.id}")
        live.bar(job)
        points = bench.curves(run) if run is not None else {}
        if run is not None and points.get("step"):
            st.caption(_now(points, run))
            theme.show(curves.loss(points), key=f"loss-{job.id}", alt="Training loss and throughput over samples seen")
        elif job.state == "running":
            st.caption("The loss curve appears with the first steps.")
        if st.toggle("Log", open_log, key=f"run-log-{job.id}"):
            live.log(job)


def _now(points: Mapping[str, Sequence[float | None]], run: Run) -> str:
    """The latest point of the curve in words; a figure that is not a number (yet) is a dash."""
    loss, rate, samples = (points[name][-1] for name in ("loss", "samples_per_s", "samples"))
    shown = "–" if loss is None else f"{loss:.3f}"
    pace = "–" if rate is None else f"{rate:,.0f}"
    return f"loss {shown} · {pace} pairs per second · {samples or 0:,} of {run.settings.get('samples_seen', 0):,} samples seen"


def _ended() -> None:
    """The latest runs that ended, wherever they were started, and jobs that ended before there was a run."""
    every = {str(job.id): job for job in jobs.all() if job.kind == KIND}
    ran = [run for run in bench.runs() if run.kind == "training"]
    without = [job for id, job in every.items() if job.finished and id not in {run.job for run in ran}]
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
    """One run that ended: result, curve, log."""
    state = job.state if job else run.state if run else ""
    title = job.title if job else f"{run.recipe} · {run.scale} · seed {run.seed}" if run else ""
    seconds = job.ended - job.started if job and job.ended and job.started else sum(run.seconds.values()) if run else 0
    key = f"job-{job.id}" if job else f"run-{run.id}" if run else ""
    label = f"{title} · {state}" + (f" took {live.duration(seconds)}" if seconds else "")
    with st.expander(label, icon=live.ICONS.get(state), key=f"past-{key}", on_change="rerun") as box:
        if not box.open:
            return
        if state != "done":
            st.text((job.message if job else run.error if run else "") or state)
        if run is not None:
            started = time.strftime("%Y-%m-%d %H:%M", time.localtime(created))
            st.caption(f"run `{run.id}` · {run.kept or 0:,} pairs kept · {started}")
            results = {line["dataset"]: line["metrics"].get("main_metric") for line in run.results()}
            if results:
                st.dataframe(
                    {"task": list(results), "result, %": [None if v is None else 100 * v for v in results.values()]},
                    column_config={"result, %": st.column_config.NumberColumn(format="%.1f")},
                )
            points = bench.curves(run)
            if points["step"]:
                theme.show(curves.loss(points), key=f"loss-{key}", alt="Training loss and throughput")
        if job is not None:
            live.log(job, lines=12)
            with st.container(horizontal=True):
                live.controls(job, key=f"past-{key}")
        elif run is not None and run.resumable:
            st.code(f"poolscope train … --as {run.id} --resume", language="bash")


def _run_of(job: Job) -> Run | None:
    return next((run for run in bench.runs() if run.job == str(job.id)), None)


def _count(value: float) -> str:
    for size, unit in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if value >= size:
            return f"{value / size:,.4g}{unit}"
    return f"{value:,.0f}"


main()

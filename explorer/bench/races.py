"""Races: the form of a new one, and who leads in each."""

import streamlit as st

from poolscope import bench, devices, jobs
from poolscope.bench import race as racing
from poolscope.bench.race import Race
from poolscope.explorer import choices, job_view, number_format, table
from poolscope.explorer.bench.tables import percent
from poolscope.explorer.text import noted, plain
from poolscope.pool import Pool
from poolscope.recipe import ready

KIND = "race"
SHOWN = 4


def form(pool: Pool) -> None:
    """A new race: which recipes, for how long, and how surely the best one stays in."""
    known = choices.all(pool)
    names = st.multiselect("Recipes", list(known), key="race-recipes", placeholder="Two or more",
                           help="Those that are surely behind get no more seeds")  # fmt: skip
    left, right = st.columns(2)
    scale = left.selectbox("Scale", list(bench.SCALES), key="race-scale")
    budget = right.text_input("Budget", "2h", key="race-budget", help="Time for all runs together, as 2h, 90m or 1h30m")
    seeds = left.number_input("Seeds of each, at most", 2, 100, racing.MOST, key="race-seeds")
    confidence = right.selectbox("Confidence", [0.9, 0.95, 0.99], index=1, key="race-confidence", format_func=lambda c: number_format.percent(c, 0),
                                 help="How surely the best recipe is among those that it names")  # fmt: skip
    timed = False
    with noted():
        timed = racing.seconds(budget) > 0
    st.caption(f"At most {len(names) * int(seeds):,} runs; runs on the leaderboard count and are not trained again.")
    st.button("Start the race", type="primary", icon=":material/flag:", key="race-start", disabled=len(names) < 2 or not timed,
              on_click=_start, args=(pool, names, scale, budget, int(seeds), confidence))  # fmt: skip


def _start(pool: Pool, names: list[str], scale: str, budget: str, seeds: int, confidence: float) -> None:
    known = choices.all(pool)
    files = [str(ready.keep(known[name])) for name in names]
    words = ["race", *files, "--scale", scale, "--budget", budget, "--seeds", str(seeds), "--confidence", str(confidence),
             "--pool", str(pool.path)]  # fmt: skip
    jobs.submit(
        words,
        kind=KIND,
        device=jobs.slot(count=max(1, devices.gpus())),
        title=f"Race of {len(names)} recipes · {scale}",
    )
    st.toast("The race is queued", icon=":material/flag:")


def panels() -> None:
    """The latest races, newest first, those at work with their job's bar."""
    at_work = {str(job.id): job for job in jobs.all() if job.kind == KIND and not job.finished}
    races = Race.every()[:SHOWN]
    for job in at_work.values():
        if str(job.id) not in {race.job for race in races}:
            job_view.bar(job)
    for race in races:
        with st.container(border=True):
            _panel(race, at_work.get(race.job or ""))


def _panel(race: Race, job: jobs.Job | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(race.id)}** · {race.scale}", width="content")
        if job is not None:
            job_view.badge(job)
            st.space("stretch")
            job_view.controls(job, key=f"race-{job.id}")
    if job is not None:
        job_view.bar(job)
    st.caption(plain(racing.sentence(race)))
    content = racing.as_json(race)
    lines = [
        {
            "recipe": one["recipe"], "seeds": one["seeds"], "average": percent(one["mean"]),
            "": "behind" if one["out_after"] else "best" if one["recipe"] == content["best"] else "may be the best",
        }
        for one in sorted(content["recipes"], key=lambda one: -(one["mean"] or 0.0))
    ]  # fmt: skip
    table.draw(lines, formats={"average": "%.1f"})

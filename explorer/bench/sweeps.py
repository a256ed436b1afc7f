"""Sweeps: the form of a new one, how far each is, and its response curve."""

from collections.abc import Sequence

import streamlit as st

from poolscope import bench, jobs
from poolscope.bench import sweep as sweeping
from poolscope.bench.sweep import Sweep
from poolscope.explorer import choices, curves, deletion, job_view, theme
from poolscope.explorer.bench.new_run import stand_in_its_way
from poolscope.explorer.evaluate import evaluate, scores_of
from poolscope.explorer.text import noted, plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe

NOTHING = "nothing"
WAITING = "Waiting for a second point: the curve appears when runs at two fractions are done."
SHOWN = 6


def form(pool: Pool) -> None:
    """A new sweep: which scores at which fractions, which recipes beside them, seeds, scale, and what it costs."""
    known = choices.all(pool)
    scores = scores_of(pool)
    named = [name for name in scores if name != "random"] or scores
    varied = st.multiselect("Scores to vary", scores, default=named[:1], key="sweep-scores",
                            help="One curve for each: the top of this score, at every fraction below")  # fmt: skip
    parts = st.pills("Kept fraction, %", [10, 20, 30, 40, 50, 60, 70, 80, 90, 100], selection_mode="multi",
                     default=[20, 40, 60, 80, 100], key="sweep-fractions",
                     help="Of the pool; 100 % is no filter, trained once for all scores")  # fmt: skip
    beside = st.multiselect("Recipes beside them", list(known), key="sweep-recipes",
                            help="Methods as they are: a point each", placeholder="None")  # fmt: skip
    left, right = st.columns(2)
    base = left.selectbox("Rules before", [NOTHING, *known], key="sweep-base",
                          help="Its rules come first, then the one that varies")  # fmt: skip
    scale = right.selectbox("Scale", list(bench.SCALES), key="sweep-scale")
    seeds = st.pills("Seeds", list(range(5)), selection_mode="multi", default=[0, 1, 2], key="sweep-seeds",
                     help="Each point of the curve is their mean, its bar their standard deviation")  # fmt: skip
    fractions = [part / 100 for part in sorted(parts)]
    first = None if base == NOTHING else known[base]
    recipes = [known[name] for name in beside]
    blocked, count = True, 0
    with noted():
        cells = sweeping.cells_of(pool, varied, fractions, seeds, first, recipes)
        blocked = _cost([_kept(cell, pool, first) for cell in cells], scale, len(seeds), pool)
        count = len(cells) * len(seeds)
    st.button(f"Start {count} runs" if count != 1 else "Start 1 run", type="primary", icon=":material/play_arrow:",
              key="sweep-start", disabled=blocked,
              on_click=_start, args=(pool, varied, scale, fractions, seeds, first, recipes))  # fmt: skip


def _kept(cell: "tuple[Recipe, str, float]", pool: Pool, base: Recipe | None) -> int:
    """Pairs that a cell keeps; a fraction of the pool without rules before it needs no look at the pool."""
    recipe, axis, fraction = cell
    return int(fraction * len(pool)) if axis and base is None else evaluate(recipe, pool).kept


def _cost(counts: Sequence[int], scale: str, seeds: int, pool: Pool) -> bool:
    """Says what the grid costs; True if its smallest selection can't be trained on."""
    seconds = seeds * sum(bench.estimate(kept, scale, pool=pool).total_seconds for kept in counts)
    one = bench.estimate(max(counts), scale, pool=pool)
    with st.container(horizontal=True):
        st.metric("Runs", f"{len(counts) * seeds:,}", width="content")
        st.metric("Time here", job_view.duration(seconds), help=f"one after the other; {one.basis}", width="content")
        st.metric("Pairs kept", f"{min(counts):,} to {max(counts):,}", width="content")
    return stand_in_its_way(bench.preflight(min(counts), scale, pool=pool))


def _start(pool: Pool, scores: Sequence[str], scale: str, fractions: Sequence[float], seeds: Sequence[int],
           base: Recipe | None, recipes: Sequence[Recipe]) -> None:  # fmt: skip
    with noted(st.toast):
        sweep = sweeping.start(pool, scores, scale=scale, fractions=fractions, seeds=sorted(seeds), base=base,
                              recipes=recipes, device=jobs.slot())  # fmt: skip
        st.toast(f"{len(sweep.cells)} runs are queued", icon=":material/play_arrow:")


def panels() -> None:
    """Every sweep, newest first: those at work open, the others folded."""
    sweeps = sweeping.Sweep.every()
    for sweep in sweeps[:SHOWN]:
        states = sweeping.progress(sweep)
        if states.get("queued", 0) + states.get("running", 0):
            with st.container(border=True):
                _panel(sweep, states)
        else:
            title = " · ".join(filter(None, [plain(sweep.id), sweep.scale, _words(states), plain(sweep.note)]))
            with st.expander(
                title, icon=":material/stacked_line_chart:", key=f"sweep-{sweep.id}", on_change="rerun"
            ) as box:
                if box.open:
                    _panel(sweep, states)


def _panel(sweep: Sweep, states: dict[str, int]) -> None:
    total, done = len(sweep.cells), states.get("done", 0)
    working = states.get("queued", 0) + states.get("running", 0)
    again = sum(states.get(state, 0) for state in ("failed", "cancelled", "lost"))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(sweep.id)}** · {sweep.scale}", width="content")
        st.caption(_words(states), width="content")
        st.space("stretch")
        if working:
            st.button("Stop", icon=":material/stop_circle:", key=f"stop-{sweep.id}", on_click=job_view.act,
                      args=(sweeping.stop, sweep.id), help="Cancels what waits and runs; what is done stays")  # fmt: skip
        elif again:
            st.button(f"Resume {again}", icon=":material/replay:", key=f"resume-{sweep.id}", on_click=job_view.act,
                      args=(sweeping.resume, sweep.id))  # fmt: skip
        if not working:
            deletion.button("sweep", sweep.id, key=f"sweep-{sweep.id}")
    if working:
        st.progress(_share(sweep), text=f"{done} of {total} runs done")
    points = sweeping.response(sweep.id)
    if len({(point.axis, point.value) for point in points}) > 1:
        theme.show(curves.response(points), key=f"response-{sweep.id}", alt=curves.described(points))
    else:
        st.caption(f":material/hourglass_empty: {WAITING}")


def _share(sweep: Sweep) -> float:
    """How much of a sweep is done, counting how far the running ones are."""
    known = {job.id: job for job in jobs.all()}
    mine = [known[cell.job] for cell in sweep.cells if cell.job in known]
    done = sum(1.0 if job.state == "done" else job.progress if job.state == "running" else 0.0 for job in mine)
    return min(1.0, done / max(1, len(sweep.cells)))


def _words(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items())

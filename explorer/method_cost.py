"""What a method costs on this pool: measured in the background, or by a button."""

from typing import Any

import streamlit as st

from poolscope import jobs
from poolscope.engine.cost import Estimate, duration, estimate, known
from poolscope.errors import InputError
from poolscope.explorer import job_view, pools
from poolscope.explorer.text import noted, plain
from poolscope.pool import Pool
from poolscope.scores import build

KIND = "costs"
EVERY = 4.0  # seconds between looks for a cost that is being measured


def in_background(pool: Pool) -> bool:
    """Has the costs of all methods measured by a job, once for each version of the pool; whether it is at work."""
    mine = job_view.on_pool(KIND, pool)
    if mine and not mine[0].finished:
        return True
    if mine and mine[0].created > pools.stamp(pool.path) / 1e9:
        return False
    jobs.submit(["methods", "--costs", "--pool", str(pool.path)], kind=KIND, device=None, title=f"Costs on {pool.name}")
    return True


def awaited(pool: Pool, id: str, parameters: dict[str, Any], *, key: str, working: bool) -> None:
    """The cost for these parameters; looked for again while a job is at work on it."""
    waits = working and measured(pool, id, parameters) is None
    st.fragment(run_every=EVERY if waits else None)(_awaited)(pool, id, parameters, key, waits)


def _awaited(pool: Pool, id: str, parameters: dict[str, Any], key: str, waits: bool) -> None:
    if waits and measured(pool, id, parameters) is None and in_background(pool):
        st.markdown(":gray[:material/timer: measuring what it costs here …]")
    else:
        line(pool, id, parameters, key=key)


def measured(pool: Pool, id: str, parameters: dict[str, Any]) -> Estimate | None:
    """The cost for these parameters, if it was measured on this pool and they are allowed."""
    try:
        return known(pool, build(id, **parameters))
    except InputError:
        return None


def line(pool: Pool, id: str, parameters: dict[str, Any], *, key: str) -> None:
    """One line with the cost for these parameters, before anything starts."""
    try:
        method = build(id, **parameters)
        method.check(pool)
    except InputError as error:
        st.caption(f":material/block: {plain(error)}")
        return
    cost = known(pool, method)
    if cost is not None:
        st.markdown(f":material/timer: {in_words(cost)}", help=details(cost))
        return
    place = st.empty()
    if place.button("Measure the cost on a sample", icon=":material/timer:", key=key, type="tertiary"):
        bar = place.progress(0.0, text="measuring")

        def show(done: int, total: int, message: str = "", **figures: float) -> None:
            bar.progress(done / total, text=f"measuring, {message}")

        with noted(place.error):
            cost = estimate(pool, method, progress=show)
            place.markdown(f":material/timer: {in_words(cost)}", help=details(cost))


def in_words(cost: Estimate) -> str:
    """The cost in a few words."""
    training = f", {duration(cost.training)} of it training" if cost.training else ""
    return f"about **{duration(cost.seconds)}** for {cost.pairs:,} pairs here{training}"


def details(cost: Estimate) -> str:
    """How the cost was found."""
    size = f"{cost.disk / 1e6:,.1f} MB" if cost.disk >= 50_000 else f"{cost.disk / 1e3:,.1f} kB"
    more = f", and {cost.temporary / 1e9:,.1f} GB while it runs" if cost.temporary else ""
    words = f"{cost.basis[0].upper()}{cost.basis[1:]}. "
    return (
        f"{words}{cost.start:.1f} s to start, {1e6 * cost.per_pair:,.1f} µs per pair, {size} on disk{more}."
        + (" Training is not measured but computed from its scale." if cost.training else "")
        + _elsewhere(cost)
    )


def _elsewhere(cost: Estimate) -> str:
    """The times on GPUs that were not measured, and where they come from."""
    times = ", ".join(f"{where} {duration(seconds)}" for where, seconds in cost.elsewhere.items())
    return f" On GPUs: {times}; {cost.elsewhere_basis}." if times else ""

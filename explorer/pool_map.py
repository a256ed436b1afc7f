"""The map of the current pool on the Filter page: coloured by the recipe or by a comparison, built when missing."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from poolscope import jobs
from poolscope.errors import InputError
from poolscope.explorer import compare, live, map, pools, theme
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.projection import Map
from poolscope.recipe import Selection

KIND = "map"


def current(pool: Pool) -> Map | None:
    """The map of the pool's pictures, if it is built."""
    try:
        return pools.shared_map(pool, pool.model())
    except InputError:
        return None


def draw(
    made: Map | None,
    pool: Pool,
    selection: Selection,
    comparison: compare.Comparison | None,
    marked: Sequence[int] | np.ndarray,
    on_lasso: Callable[[], None],
) -> map.MapEvents:
    """Draws the map; `marked` are rows to show as selected. Returns what happened on it."""
    if made is None:
        _offer(pool)
        return map.MapEvents(None, None)
    shown = [selection.holds(made.rows)]
    colours: Sequence[str] = (theme.DROPPED, theme.KEPT)
    if comparison is not None:
        shown.append(comparison.selection.holds(made.rows))
        colours = compare.COLOURS
    note = f"{len(made):,} of {len(pool):,} pairs" if len(made) < len(pool) else f"{len(pool):,} pairs"
    under = None
    if made.everyone is not None and comparison is None:
        under = pools.density(pool, made).png(selection.words, theme.KEPT, theme.DROPPED)
        note = f"{len(made):,} points, under them the density of all {len(pool):,} pairs,"
    elif made.made_by.get("partial"):
        note = f"the first {len(made):,} of {len(pool):,} pairs; the others are being placed,"
    return map.draw(
        geometry=f"/map/{pools.token(pool)}/{made.model}.bin?v={pools.map_stamp(pool, made.model)}",
        planes=shown,
        under=under,
        colours=colours,
        legend=compare.legend(selection, comparison),
        highlight=_indices(made, marked),
        token=pools.token(pool),
        stamp=f"{selection.kept}-{time.time_ns()}",
        note=f"{note} by likeness of their pictures ({made.model})",
        on_lasso=on_lasso,
    )


def _indices(made: Map, rows: Sequence[int] | np.ndarray) -> list[int]:
    """Places on the map of those `rows` that it shows."""
    rows = np.asarray(rows, dtype=np.int64)
    if not len(rows):
        return []
    at = np.minimum(np.searchsorted(made.rows, rows), len(made) - 1)
    return at[made.rows[at] == rows].tolist()


def _offer(pool: Pool) -> None:
    """Builds the map as a job, once asked, and shows its progress."""
    try:
        model = pool.model()
    except InputError as error:
        st.info(plain(error), icon=":material/map:")
        return
    running = [job for job in jobs.all() if job.kind == KIND and str(pool.path) in job.argv and not job.finished]
    with st.container(border=True):
        st.markdown("**This pool has no map yet.**")
        st.caption("A map places pairs with similar pictures together. It is made once, in the background.")
        if running:
            _watch(running[0].id)
        elif st.button("Make the map", icon=":material/map:", type="primary"):
            jobs.submit(["map", "--model", model, "--pool", str(pool.path)], kind=KIND, title=f"Map of {pool.name}")
            st.rerun()


@st.fragment(run_every=1.5)
def _watch(job_id: int) -> None:
    job = jobs.get(job_id)
    live.bar(job)
    if job.finished:
        st.rerun()

"""The map of the current pool on the Filter page: coloured by the recipe or by a comparison, built when missing."""

import time
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from poolscope import jobs
from poolscope.errors import InputError
from poolscope.explorer import compare, job_view, map, map_colours, pools, recipe_state, theme
from poolscope.explorer.evaluate import Outcome
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.projection import Map
from poolscope.projection.colouring import Colouring
from poolscope.recipe import Selection
from poolscope.recipe.grammar import ScoreRule

KIND = "map"


def current(pool: Pool) -> Map | None:
    """The map of the pool's images, if it is built."""
    try:
        return pools.shared_map(pool, pool.model())
    except InputError:
        return None


def draw(
    placed: Map | None,
    pool: Pool,
    selection: Selection,
    comparison: Outcome | None,
    marked: Sequence[int] | np.ndarray,
    on_choice: Callable[[], None],
) -> int | None:
    """Draws the map; `marked` are rows to show as selected; `on_choice` is called when a lasso or entries of the legend
    choose pairs. Returns the row of a pair that was clicked."""
    if placed is None:
        _offer(pool)
        return None
    shown, (by, coloured) = [selection.holds(placed.rows)], colours(pool, placed)
    pools.show_in_url("colour", by if by != map_colours.KEPT else None)
    if coloured is not None:
        legend = map_colours.legend(coloured)
    else:
        if comparison is not None:
            shown.append(comparison.selection.holds(placed.rows))
        legend = compare.legend(selection, comparison)
    on_its_own = map.shown_codes(map.sent("legend"), by)
    token, stamp = pools.token(pool), map_colours.stamp(pool, placed)
    place = f"{token}/{placed.model}"
    return map.draw(
        geometry=f"/map/{place}.bin?v={pools.map_stamp(pool, placed.model)}",
        planes=shown,
        legend=legend,
        highlight=_indices(placed, marked),
        token=token,
        stamp=f"{selection.kept}-{time.time_ns()}",
        colour=by,
        choices=map_colours.choices(pool),
        codes=None if coloured is None else f"/colours/{place}.bin?{urlencode({'by': by, 'v': stamp})}",
        hidden=[code for code in range(len(legend)) if code not in on_its_own] if on_its_own else [],
        regions=f"/regions/{place}.json?v={stamp}",
        facts=_facts(pool, stamp),
        under=_density(pool, placed, selection) if comparison is None and coloured is None and not on_its_own else None,
        note=_note(pool, placed, coloured is not None),
        on_choice=on_choice,
        on_colour=map_colours.remember,
    )


def colours(pool: Pool, placed: Map) -> tuple[str, Colouring | None]:
    """What the map is coloured by, and the colours; None when by who is kept."""
    by = map_colours.chosen(pool)
    try:
        return by, None if by == map_colours.KEPT else map_colours.of(pool, placed, by)
    except InputError as error:
        st.warning(plain(error), icon=":material/palette:")
        return map_colours.KEPT, None


def _density(pool: Pool, placed: Map, selection: Selection) -> bytes | None:
    if placed.everyone is None:
        return None
    return pools.density(pool, placed).png(selection.words, theme.KEPT, theme.DROPPED)


def _note(pool: Pool, placed: Map, coloured: bool) -> str:
    if coloured:
        about = f"{len(placed):,} points, dropped pairs faint,"
    elif placed.everyone is not None:
        about = f"{len(placed):,} points, under them the density of all {len(pool):,} pairs,"
    elif placed.made_by.get("partial"):
        about = f"the first {len(placed):,} of {len(pool):,} pairs; the others are being placed,"
    else:
        about = f"{len(placed):,} of {len(pool):,} pairs" if len(placed) < len(pool) else f"{len(pool):,} pairs"
    return f"{about} by likeness of their images ({placed.model})"


def _facts(pool: Pool, stamp: str) -> str:
    """The query for the scores of the recipe's rules, which the hover card shows."""
    rules = recipe_state.current(pool).leaves()
    names = list(dict.fromkeys(rule.score for rule in rules if isinstance(rule, ScoreRule)))[:3]
    return "?" + urlencode([("score", name) for name in names] + [("v", stamp)]) if names else ""


def _indices(placed: Map, rows: Sequence[int] | np.ndarray) -> list[int]:
    """Places on the map of those `rows` that it shows."""
    rows = np.asarray(rows, dtype=np.int64)
    if not len(rows):
        return []
    at = np.minimum(np.searchsorted(placed.rows, rows), len(placed) - 1)
    return at[placed.rows[at] == rows].tolist()


def _offer(pool: Pool) -> None:
    """Builds the map as a job, once asked, and shows its progress."""
    try:
        model = pool.model()
    except InputError as error:
        st.info(plain(error), icon=":material/map:")
        return
    running = job_view.at_work(KIND, pool)
    with st.container(border=True):
        st.markdown("**This pool has no map yet.**")
        st.caption("A map places pairs with similar images together. It is made once, in the background.")
        if running is not None:
            job_view.watch(running.id)
        elif st.button("Make the map", icon=":material/map:", type="primary"):
            jobs.submit(["map", "--model", model, "--pool", str(pool.path)], kind=KIND, title=f"Map of {pool.name}")
            st.rerun()

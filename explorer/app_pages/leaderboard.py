"""Leaderboard: runs side by side, against no filter and against published results, with the spread over seeds."""

from collections.abc import Sequence

import streamlit as st

from poolscope import bench
from poolscope.bench.board import scales_with_rows, scaling, summaries
from poolscope.bench.published import EVALUATION_NOTE
from poolscope.bench.response import curves_of
from poolscope.bench.row import TRACKS, Row
from poolscope.explorer import curves, theme
from poolscope.explorer.bench import by_group, compare, tables
from poolscope.explorer.text import plain

RESULTS, RESPONSE, TWO, SCALES, GROUPS = "Results", "Response", "Compare two", "Over scales", "By group"
VIEWS = [RESULTS, RESPONSE, TWO, SCALES, GROUPS]
ALL = "all"


def main() -> None:
    st.header("Leaderboard")
    everything = _rows()
    mine = [row for row in everything if not row.published]
    if not mine:
        st.info(
            "No runs yet. Train on two recipes, one of them no filter, and they appear here side by side.",
            icon=":material/leaderboard:",
        )
        st.page_link("app_pages/runs.py", label="Start a run", icon=":material/model_training:")
    filtered = _filtered(mine)
    if filtered is None:
        return
    rows, view = filtered
    own = [row for row in rows if not row.published]
    if view == SCALES:
        _over_scales(everything)
    elif not own and view != RESULTS:
        st.info("No run of yours is at this scale yet.", icon=":material/info:")
    elif view == RESULTS:
        _results(own, [row for row in rows if row.published])
    elif view == RESPONSE:
        _response(own)
    elif view == TWO:
        compare.draw(summaries(own), own)
    else:
        by_group.choose(own)


def _filtered(mine: Sequence[Row]) -> tuple[list[Row], str] | None:
    """The rows of the chosen scale, track and pool, and the view; None if there is nothing to choose from."""
    have = scales_with_rows(mine)
    scales = [name for name in bench.SCALES if name in have or bench.SCALES[name].pool]
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        start = have[0] if have else "small"
        scale = st.segmented_control("Scale", scales, default=start, required=True, key="board-scale")
        track = st.selectbox("Track", [ALL, *TRACKS], key="board-track", width=130,
                             help="filtering: only pairs of the pool; byod: data of one's own")  # fmt: skip
        pools = sorted({row.pool for row in mine if row.scale == scale})
        pool = None
        if len(pools) > 1:
            pool = st.selectbox("Pool", [ALL, *pools], key="board-pool", width=260, format_func=_short)
        view = st.segmented_control(
            "View", VIEWS, default=RESULTS, required=True, key="board-view", bind="query-params"
        )
    if scale is None or view is None:
        return None
    wanted = None if track == ALL else track
    return _rows(scale, track=wanted, pool=None if pool in (None, ALL) else pool), view


def _rows(scale: str | None = None, *, track: str | None = None, pool: str | None = None) -> list[Row]:
    """The board's rows, but those of runs that were cancelled before they had a result."""
    rows = bench.leaderboard(scale, track=track, pool=pool)
    return [row for row in rows if row.state != "stopped" or row.evaluated]


def _short(path: str) -> str:
    return path if len(path) < 32 else f"…{path[-30:]}"


def _results(mine: list[Row], published: list[Row]) -> None:
    joined = summaries(mine)
    if joined or published:
        left, right = st.columns([0.55, 0.45], gap="medium")
        with left:
            st.subheader("Average against subset size")
            alt = "Average of the tasks against pairs kept, per recipe, and the best published ones"
            theme.show(curves.against_size(joined, published), key="against-size", alt=alt)
            if len(joined) > len(theme.SERIES):
                st.caption("Names stand where there is room; point at a recipe for its name and spread.")
        with right:
            st.subheader("Difference to no filter")
            _difference(joined)
    if joined:
        st.subheader("Recipes")
        tables.recipes(joined)
    if mine:
        st.subheader("Runs")
        tables.runs(mine)
    if published:
        st.subheader("Published, not run here")
        tables.published(published)
        st.caption(f"Mind: {EVALUATION_NOTE}.")
    st.caption(
        "Results in percent. The average is over the tasks that count; the demo's counts emoji and clip art alike; ± is the standard deviation over seeds."
    )


def _difference(joined: Sequence[curves.Summary]) -> None:
    if not any(summary.baseline for summary in joined):
        st.info("Train with no filter too; then the difference shows here.", icon=":material/info:")
    elif not any(summary.difference is not None for summary in joined):
        st.info("Train on a second recipe to see its difference to no filter.", icon=":material/info:")
    else:
        alt = "Difference of each recipe to no filter with its interval"
        theme.show(curves.differences(joined), key="differences", alt=alt)
        if any(summary.difference is not None and summary.low is None for summary in joined):
            st.caption(_one_seed(joined))


def _one_seed(joined: Sequence[curves.Summary]) -> str:
    reach = max((one.gap.reach or 0.0 for one in joined if one.gap and one.low is None), default=0.0)
    does = f" Seeds alone do ±{100 * reach:.1f} points between two single runs." if reach else ""
    return f"A verdict and an interval need two seeds or more on both sides.{does}"


def _response(mine: list[Row]) -> None:
    """Runs that differ in one fraction only, as curves: from a sweep or one by one."""
    if not curves_of(mine):
        st.info("Train on two fractions of one score or more, for example with a sweep on the Runs page; the curve appears "
                "here.", icon=":material/stacked_line_chart:")  # fmt: skip
        return
    named = dict.fromkeys(row.pool for row in mine)
    by_pool = {pool: curves_of([row for row in mine if row.pool == pool]) for pool in named}
    shares = {pool: here for pool, here in by_pool.items() if here}
    for pool, by_curve in shares.items():
        if len(shares) > 1:
            st.caption(f"Pool {plain(pool)}")
        theme.show(curves.response(by_curve, height=420), key=f"response-{pool}", alt=curves.described(by_curve))
    st.caption(
        "Runs whose recipes differ only in the fraction of their last rule; bars are one standard deviation over seeds."
    )


def _over_scales(rows: Sequence[Row]) -> None:
    """How recipes do as the scale grows, published ones dotted."""
    from poolscope.bench.published import rows as reference

    lines = scaling([*(row for row in rows if not row.published), *reference()])
    theme.show(curves.over_scales(lines), key="over-scales", alt="Average of recipes at each scale they were run at")
    st.caption("Recipes with results at two scales or more. Dotted lines are published and were not run here; the demo's tasks "
               "are others than DataComp's, so lines don't cross from one to the other.")  # fmt: skip


main()

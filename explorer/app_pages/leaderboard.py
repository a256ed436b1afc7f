"""Leaderboard: runs side by side, against no filter, with the spread over seeds."""

from typing import Any

import pandas as pd
import streamlit as st

from backend import bench
from backend.bench.board import Row, Summary, scales_with_rows, summaries
from explorer import curves, theme


def main() -> None:
    st.header("Leaderboard")
    rows = bench.leaderboard()
    mine = [row for row in rows if not row.published]
    if not mine:
        st.info(
            "No runs yet. Train on two recipes, one of them no filter, and they appear here side by side.",
            icon=":material/leaderboard:",
        )
        st.page_link("app_pages/runs.py", label="Start a run", icon=":material/model_training:")
        return
    scales = scales_with_rows(mine)
    scale = (
        st.segmented_control("Scale", scales, default=scales[0], required=True, key="board-scale") if scales else None
    )
    rows = [row for row in rows if row.scale == scale]
    mine = [row for row in rows if not row.published]
    joined = summaries(mine)
    if joined:
        left, right = st.columns([0.55, 0.45], gap="medium")
        with left:
            st.subheader("Average against subset size")
            published = [row for row in rows if row.published]
            theme.show(
                curves.against_size(joined, published),
                key="against-size",
                alt="Average of the tasks against pairs kept, per recipe",
            )
        with right:
            st.subheader("Difference to no filter")
            _difference(joined)
        st.subheader("Recipes")
        st.dataframe(
            pd.DataFrame([_recipe(summary) for summary in joined]),
            hide_index=True,
            column_config=_format(joined[0].tasks),
        )
    st.subheader("Runs")
    st.dataframe(
        pd.DataFrame([_run(row) for row in mine]),
        hide_index=True,
        column_config=_format({key for row in mine for key in row.tasks}),
    )
    odd = [row for row in mine if row.reasons]
    for row in odd:
        st.caption(f"`{row.run}` is not comparable with others of its scale: {'; '.join(row.reasons)}")
    st.caption(
        "Results in percent. The average is the plain mean over the tasks that count; ± is the standard deviation over seeds."
    )


def _difference(joined: list[Summary]) -> None:
    if not any(summary.baseline for summary in joined):
        st.info("Train with no filter too; then the difference shows here.", icon=":material/info:")
    elif not any(summary.difference is not None for summary in joined):
        st.info("Train on a second recipe to see its difference to no filter.", icon=":material/info:")
    else:
        theme.show(
            curves.differences(joined),
            key="differences",
            alt="Difference of each recipe to no filter with its interval",
        )
        if any(summary.difference is not None and summary.low is None for summary in joined):
            st.caption("An interval needs two seeds or more on both sides.")


def _recipe(summary: Summary) -> dict[str, Any]:
    return {
        "recipe": summary.recipe,
        "pairs kept": summary.kept,
        "seeds": len(summary.seeds),
        "average": 100 * summary.mean,
        "±": None if summary.sd is None else 100 * summary.sd,
        "vs no filter": None if summary.difference is None else 100 * summary.difference,
        **{key: 100 * value for key, value in summary.tasks.items()},
    }


def _run(row: Row) -> dict[str, Any]:
    return {
        "recipe": row.recipe,
        "seed": row.seed,
        "state": row.state,
        "pairs kept": row.kept,
        "samples seen": row.samples_seen,
        "average": None if row.average is None else 100 * row.average,
        **{key: None if value is None else 100 * value for key, value in row.tasks.items()},
        "run": row.run,
    }


def _format(tasks: Any) -> dict[str, Any]:
    names = {task.key: task.name for task in bench.tasks_list()}
    percent = {key: st.column_config.NumberColumn(names.get(key, key), format="%.1f", help=key) for key in tasks}
    counts = {name: st.column_config.NumberColumn(format="localized") for name in ("pairs kept", "samples seen")}
    return {
        **percent,
        **counts,
        "average": st.column_config.NumberColumn(format="%.1f"),
        "±": st.column_config.NumberColumn(format="%.1f"),
        "vs no filter": st.column_config.NumberColumn(format="%+.1f"),
    }


main()

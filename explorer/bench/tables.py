"""The leaderboard's tables."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from poolscope import bench
from poolscope.bench.board import Summary
from poolscope.bench.row import Row
from poolscope.explorer import table
from poolscope.explorer.text import code, plain

NAMED = 3
ABOUT = {
    "clean average": "without the tasks that stay near chance at every published scale",
    "verdict": "against no filter; all of them together err in at most 5 % of leaderboards",
    "could see": "the smallest difference that these seeds see in 80 % of cases",
    "seeds to decide": "of each, to see a difference as large as this one in 80 % of cases",
    "comparable": "trained with exactly the settings of its scale",
}


def recipes(joined: Sequence[Summary]) -> None:
    """A line per recipe: mean over its seeds, spread, difference to no filter, groups, tasks."""
    clean = any(one.clean is not None and one.clean != one.mean for one in joined)
    lines = [
        {
            "recipe": one.recipe, "pairs kept": one.kept, "seeds": len(one.seeds), "average": 100 * one.mean,
            "±": None if one.sd is None else 100 * one.sd,
            "vs no filter": percent(one.difference), "low": percent(one.low), "high": percent(one.high),
            "verdict": one.gap.verdict or "one seed" if one.gap else None,
            "could see": percent(one.gap.detectable) if one.gap else None,
            "seeds to decide": one.gap.needed if one.gap and not one.gap.decided else None,
            **({"clean average": percent(one.clean)} if clean else {}),
            **{name: 100 * value for name, value in one.groups.items()},
            **{key: 100 * value for key, value in one.tasks.items()},
        }
        for one in joined
    ]  # fmt: skip
    _show(lines, joined)


def runs(rows: Sequence[Row]) -> None:
    """A line per run, then why some must not be compared."""
    clean = any(row.clean != row.average for row in rows)
    lines = [
        {
            "recipe": row.recipe, "seed": row.seed, "state": row.state, "pairs kept": row.kept,
            "samples seen": row.samples_seen, "average": percent(row.average),
            **({"clean average": percent(row.clean)} if clean else {}),
            **{name: percent(value) for name, value in row.groups.items()},
            **{key: percent(value) for key, value in row.tasks.items()},
            "comparable": row.comparable, "note": "; ".join((*row.reasons, *row.notes)), "track": row.track, "run": row.run,
        }
        for row in rows
    ]  # fmt: skip
    _show(lines, rows)
    _not_comparable(rows)


def _not_comparable(rows: Sequence[Row]) -> None:
    """Why runs must not be compared, a line per reason."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.reasons:
            reasons.setdefault("; ".join(row.reasons), []).append(str(row.run))
    for why, runs_of in reasons.items():
        named = ", ".join(code(run) for run in runs_of[:NAMED]) + (
            f" and {len(runs_of) - NAMED:,} more" if len(runs_of) > NAMED else ""
        )
        verb = "is" if len(runs_of) == 1 else "are"
        st.caption(f"{named} {verb} not comparable with others of the same scale: {plain(why)}")


def published(rows: Sequence[Row]) -> None:
    """Reference rows with their source."""
    lines = [
        {
            "recipe": row.recipe, "pairs kept": row.kept, "average": percent(row.average),
            **{name: percent(value) for name, value in row.groups.items()},
            "source": row.source, "note": "; ".join(row.notes),
        }
        for row in rows
    ]  # fmt: skip
    _show(lines, rows)


def percent(value: float | None) -> float | None:
    """A share in percent, if it is known."""
    return None if value is None else 100 * value


def _show(lines: list[dict[str, Any]], rows: Sequence[Summary] | Sequence[Row]) -> None:
    groups = {name for row in rows for name in row.groups}
    tasks = {key for row in rows for key in row.tasks}
    names = {task.key: task.name for task in bench.tasks_list()}
    tenths = ("average", "±", "clean average", "could see")
    formats = dict.fromkeys((*tasks, *groups, *tenths), "%.1f")
    formats |= dict.fromkeys(("vs no filter", "low", "high"), "%+.1f")
    formats |= {"pairs kept": "localized", "samples seen": "localized", "seeds to decide": "%.0f"}
    about = ABOUT | {key: key for key in tasks} | dict.fromkeys(groups, "mean of the group's tasks")
    table.draw(lines, names={key: names.get(key, key) for key in tasks}, formats=formats, about=about)

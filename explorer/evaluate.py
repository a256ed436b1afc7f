"""The recipe evaluated on the pool's shared columns: what every part of the Filter page draws from."""

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from poolscope.errors import InputError
from poolscope.explorer import pools, thresholds
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection, select_columns
from poolscope.recipe.grammar import FlagRule, ScoreRule, flat

if TYPE_CHECKING:
    from poolscope.recipe.live import LiveSelection

READYING = "ranking the scores"
AFTER_THE_PAGE = 1.5  # seconds
LARGE = 1_000_000  # from here on ranking a score once is worth it


def evaluate(recipe: Recipe, pool: Pool) -> Selection:
    """The selection of `recipe`. Raises InputError for a column that the pool lacks or that is of another kind."""
    for rule in flat(recipe.keep):
        if isinstance(rule, FlagRule):
            pool.require(rule.flag, "flag")
        elif isinstance(rule, ScoreRule) and pool.require(rule.score).kind not in ("score", "metadata"):
            pool.require(rule.score, "score")
    if len(pool) >= LARGE:
        live = pools.live(pool)
        if live.ready(recipe):
            return live.step(recipe)
        _make_ready(live, recipe)
    return select_columns(recipe, pools.columns(pool))


def _make_ready(live: "LiveSelection", recipe: Recipe) -> None:
    """Ranks the recipe's scores in the background, so that the page need not wait; until then steps take longer."""
    if any(one.name == READYING for one in threading.enumerate()):
        return

    def rank() -> None:
        with suppress(InputError):  # the page says it
            live.step(recipe)

    timer = threading.Timer(AFTER_THE_PAGE, rank)
    timer.name, timer.daemon = READYING, True
    timer.start()


def alive_before(selection: Selection, index: int) -> np.ndarray:
    """`(n,)` bool: the pairs that the rule at `index` sees."""
    return (selection.dropped_by == 0) | (selection.dropped_by > index)


def histogram(pool: Pool, column: str) -> thresholds.Bars:
    """The bars of a score, computed once per column and shared."""
    return _bars(str(pool.path), repr(pool.columns[column]), len(pool), column)


def kept_bars(pool: Pool, recipe: Recipe, selection: Selection) -> dict[str, np.ndarray]:
    """For each score with a rule of its own `(b,)` integers: how many pairs that the recipe keeps each bar of its histogram
    holds; empty while a large pool's scores are not ranked."""
    edges = {rule.score: histogram(pool, rule.score).edges for rule in recipe.keep if isinstance(rule, ScoreRule)}
    if len(pool) < LARGE:
        return {name: _counted(pool, name, rising, selection.mask) for name, rising in edges.items()}
    live = pools.live(pool)
    return live.histograms(live.step(recipe), edges) if live.ready(recipe) else {}


def _counted(pool: Pool, name: str, edges: np.ndarray, mask: np.ndarray) -> np.ndarray:
    codes = _bar_of(str(pool.path), repr(pool.columns[name]), len(pool), name, edges)
    return np.bincount(codes[mask], minlength=len(edges))[:-1]


def scores_of(pool: Pool) -> list[str]:
    return [name for name, column in pool.columns.items() if column.kind == "score"]


def flags_of(pool: Pool) -> list[str]:
    return [name for name, column in pool.columns.items() if column.kind == "flag"]


@st.cache_resource(max_entries=64, show_spinner=False)
def _bars(path: str, made: str, n: int, column: str) -> thresholds.Bars:
    return thresholds.bars(pools.columns(pools.opened(Path(path))).array(column))


@st.cache_resource(max_entries=64, show_spinner=False)
def _bar_of(path: str, made: str, n: int, column: str, _edges: np.ndarray) -> np.ndarray:
    return thresholds.bar_of(pools.columns(pools.opened(Path(path))).array(column), _edges)

"""What happens when a rule on a score is dragged, typed or turned into another form."""

from functools import partial

import streamlit as st

from poolscope.explorer import histogram, pools, recipe_state
from poolscope.pool import Pool
from poolscope.recipe import Recipe, edit
from poolscope.recipe.grammar import ScoreRule
from poolscope.recipe.score_rule import Mode


def change_mode(mode: Mode, index: int, pool: Pool) -> None:
    """The same rule in another form that keeps the same pairs, as near as the form allows."""
    recipe: Recipe = st.session_state["recipe"]
    recipe_state.replace_rule(recipe, index, edit.into(mode, recipe, index, pools.desk(pool)), reshape=True)


def moved(event: histogram.Moved, index: int, pool: Pool) -> None:
    """A line of the histogram was moved; a kept fraction that comes of a drag is a round number."""
    recipe: Recipe = st.session_state["recipe"]
    rule = recipe.keep[index]
    assert isinstance(rule, ScoreRule)
    if event.slider is not None and rule.mode in edit.TOPS:
        keep(event.value, index, pool)
    elif rule.mode in edit.TOPS:
        fresh = edit.threshold(event.value, recipe, index, pools.desk(pool))
        keep(_round(100 * (fresh.top or 0.0)), index, pool)
    elif rule.mode == "between":
        (low if (event.slider or event.line or 0) == 0 else high)(event.value, index, pool)
    else:
        threshold(event.value, index, pool)


def _round(percent: float) -> float:
    """To a tenth, or to two digits where that is less than a percent."""
    return round(percent, 1) if percent >= 1 else float(f"{percent:.2g}")


def keep(percent: float | None, index: int, pool: Pool) -> None:
    """The kept fraction was set, in percent."""
    change(edit.keep, None if percent is None else percent / 100, index, pool)


def change(how: edit.Change, value: float | None, index: int, pool: Pool) -> None:
    """A bound of the rule was set: `how` makes the rule that has it."""
    if value is not None:
        recipe: Recipe = st.session_state["recipe"]
        recipe_state.replace_rule(recipe, index, how(value, recipe, index, pools.desk(pool)))


threshold, low, high = (partial(change, how) for how in (edit.threshold, edit.low, edit.high))

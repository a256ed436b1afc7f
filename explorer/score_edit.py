"""What happens when a rule on a score is dragged, typed or turned into another form."""

import streamlit as st

from poolscope.explorer import histogram, pools, recipe_state
from poolscope.pool import Pool
from poolscope.recipe import Recipe, edit
from poolscope.recipe.grammar import ScoreRule
from poolscope.recipe.score_rule import Mode


def rule_at(index: int) -> tuple[Recipe, ScoreRule]:
    """The current recipe and its rule at `index`, which is on a score."""
    recipe: Recipe = st.session_state["recipe"]
    rule = recipe.keep[index]
    assert isinstance(rule, ScoreRule)
    return recipe, rule


def change_mode(mode: Mode, index: int, pool: Pool) -> None:
    """The same rule in another form that keeps the same pairs, as near as the form allows."""
    recipe, _ = rule_at(index)
    recipe_state.replace_rule(recipe, index, edit.into(mode, recipe, index, pools.desk(pool)), reshape=True)


def moved(event: histogram.Moved, index: int, pool: Pool) -> None:
    """A line of the histogram was moved; a kept fraction that comes of a drag is a round number."""
    mode = rule_at(index)[1].mode
    if event.slider is not None and mode in edit.TOPS:
        keep(event.value, index, pool)
    elif mode in edit.TOPS:
        recipe, _ = rule_at(index)
        rule = edit.threshold(event.value, recipe, index, pools.desk(pool))
        keep(_round(100 * (rule.top or 0.0)), index, pool)
    elif mode == "between":
        (low if (event.slider or event.line or 0) == 0 else high)(event.value, index, pool)
    else:
        threshold(event.value, index, pool)


def _round(percent: float) -> float:
    """To a tenth, or to two digits where that is less than a percent."""
    return round(percent, 1) if percent >= 1 else float(f"{percent:.2g}")


def keep(percent: float | None, index: int, pool: Pool) -> None:
    """The kept fraction was set, in percent."""
    _change(edit.keep, None if percent is None else percent / 100, index, pool)


def threshold(value: float | None, index: int, pool: Pool) -> None:
    _change(edit.threshold, value, index, pool)


def low(value: float | None, index: int, pool: Pool) -> None:
    _change(edit.low, value, index, pool)


def high(value: float | None, index: int, pool: Pool) -> None:
    _change(edit.high, value, index, pool)


def _change(change: edit.Change, value: float | None, index: int, pool: Pool) -> None:
    if value is not None:
        recipe, _ = rule_at(index)
        recipe_state.replace_rule(recipe, index, change(value, recipe, index, pools.desk(pool)))

"""Changes of a rule on a score: by kept fraction, by threshold, or into another form that keeps the same pairs."""

from typing import Literal

import numpy as np
import streamlit as st

from poolscope.explorer import histogram, pools, recipe_state, thresholds
from poolscope.explorer.evaluate import alive_before
from poolscope.explorer.evaluate import histogram as bars_of
from poolscope.pool import Pool
from poolscope.recipe import Recipe, select_columns
from poolscope.recipe.grammar import ScoreRule, exact_count

Mode = Literal["top", "top_kept", "min", "max", "between"]
TOPS = ("top", "top_kept")


def mode_of(rule: ScoreRule) -> Mode:
    """The form of a rule, as the screen names it."""
    if rule.top is not None:
        return "top_kept" if rule.of == "kept" else "top"
    if rule.between or (rule.min is not None and rule.max is not None):
        return "between"
    return "min" if rule.min is not None else "max"


def rule_at(index: int) -> tuple[Recipe, ScoreRule]:
    """The current recipe and its rule at `index`, which is on a score."""
    recipe: Recipe = st.session_state["recipe"]
    rule = recipe.keep[index]
    assert isinstance(rule, ScoreRule)
    return recipe, rule


def change_mode(mode: Mode, index: int, pool: Pool) -> None:
    """The same rule in another form that keeps the same pairs, as near as the form allows."""
    recipe, rule = rule_at(index)
    scores, alive = _seen(recipe, rule, index, pool)
    bars, (low, high) = bars_of(pool, rule.score), rule.bounds()
    if rule.top is not None:
        low = thresholds.threshold_for(scores, alive, exact_count(rule.top, _total(rule, alive, pool)))
    low = bars.low if low is None else low
    high = bars.high if high is None else high
    if mode in TOPS:
        fresh = ScoreRule(score=rule.score, top=1.0, of="kept" if mode == "top_kept" else "pool")
        kept = thresholds.at_least(scores, alive, low)
        fresh = fresh.model_copy(update={"top": thresholds.fraction_for(kept, _total(fresh, alive, pool))})
    elif mode == "between":
        fresh = ScoreRule(score=rule.score, between=(min(low, high), max(low, high)))
    else:
        fresh = ScoreRule(score=rule.score, min=low) if mode == "min" else ScoreRule(score=rule.score, max=high)
    recipe_state.replace_rule(recipe, index, fresh, reshape=True)


def moved(event: histogram.Moved, index: int, pool: Pool) -> None:
    """A slider or a line of the histogram was dragged."""
    mode = mode_of(rule_at(index)[1])
    if event.slider is not None and mode in TOPS:
        keep(event.value, index, pool)
    elif mode == "between":
        (low if (event.slider or event.line or 0) == 0 else high)(event.value, index, pool)
    else:
        threshold(event.value, index, pool)


def keep(percent: float | None, index: int, pool: Pool) -> None:
    """Sets the kept fraction, in percent; a rule with a threshold gets the one that leaves that part of the pool."""
    recipe, rule = rule_at(index)
    if percent is None:
        return
    fraction = min(1.0, max(0.0, round(percent / 100, 9)))
    if rule.top is not None:
        recipe_state.replace_rule(recipe, index, rule.model_copy(update={"top": fraction}))
        return
    scores, alive = _seen(recipe, rule, index, pool)
    best = rule.min is not None
    value = thresholds.threshold_for(scores, alive, exact_count(fraction, len(pool)), best=best)
    if value is None:
        bars = bars_of(pool, rule.score)
        value = float(np.nextafter(bars.high, np.inf)) if best else float(np.nextafter(bars.low, -np.inf))
    recipe_state.replace_rule(recipe, index, rule.model_copy(update={"min" if best else "max": value}))


def threshold(value: float | None, index: int, pool: Pool) -> None:
    """Sets the threshold; a `top` rule gets the fraction that keeps what reaches it."""
    recipe, rule = rule_at(index)
    if value is None:
        return
    if rule.top is None:
        fresh = rule.model_copy(update={"min" if rule.min is not None else "max": _short(value)})
    else:
        scores, alive = _seen(recipe, rule, index, pool)
        kept = thresholds.at_least(scores, alive, value)
        fresh = rule.model_copy(update={"top": thresholds.fraction_for(kept, _total(rule, alive, pool))})
    recipe_state.replace_rule(recipe, index, fresh)


def low(value: float | None, index: int, pool: Pool) -> None:
    """Moves the lower bound of a `between`; the upper one gives way."""
    recipe, rule = rule_at(index)
    if value is not None:
        upper = rule.bounds()[1]
        first, last = _short(value), bars_of(pool, rule.score).high if upper is None else upper
        fresh = ScoreRule(score=rule.score, between=(first, max(first, last)))
        recipe_state.replace_rule(recipe, index, fresh)


def high(value: float | None, index: int, pool: Pool) -> None:
    """Moves the upper bound of a `between`; the lower one gives way."""
    recipe, rule = rule_at(index)
    if value is not None:
        lower = rule.bounds()[0]
        last, first = _short(value), bars_of(pool, rule.score).low if lower is None else lower
        fresh = ScoreRule(score=rule.score, between=(min(first, last), last))
        recipe_state.replace_rule(recipe, index, fresh)


def _seen(recipe: Recipe, rule: ScoreRule, index: int, pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    """The scores of the rule, and the pairs that the rules before it leave."""
    columns = pools.columns(pool)
    before = select_columns(recipe.model_copy(update={"keep": recipe.keep[:index]}), columns)
    return columns.array(rule.score), alive_before(before, index)


def _total(rule: ScoreRule, alive: np.ndarray, pool: Pool) -> int:
    """What a `top` counts a fraction of."""
    return int(np.count_nonzero(alive)) if rule.of == "kept" else len(pool)


def _short(value: float) -> float:
    return float(f"{value:.7g}")

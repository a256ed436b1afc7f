"""One rule on a score: its histogram with the threshold to drag, and the two numbers (threshold and kept fraction) that say the same."""

from typing import Any

import numpy as np
import streamlit as st

from poolscope.explorer import histogram, number_format, pools, recipe_state
from poolscope.pool import Pool
from poolscope.recipe import Recipe, RuleCount, edit
from poolscope.recipe.bars import Bars
from poolscope.recipe.grammar import ScoreRule
from poolscope.recipe.score_rule import Mode

MODES = {"top": "top of pool", "top_kept": "top of kept", "min": "at least", "max": "at most", "between": "between"}
KEEPS = {
    "top": "Percent of the pool, with the best scores",
    "top_kept": "Percent, with the best scores, of what the rules before leave",
}


def draw(
    rule: ScoreRule, index: int, pool: Pool, name: str, count: RuleCount, held: np.ndarray | None
) -> None:  # fmt: skip
    """The body of the rule at `index`; `held` is how many pairs of each bar the whole recipe keeps."""
    bars, mode = pools.desk(pool).bars(rule.score), rule.mode
    lines = _lines(rule, mode, bars, count.threshold)
    side = mode if mode in ("max", "between") else "min"
    histogram.draw(bars, held=held, lines=_drawn(rule, mode, bars, lines), side=side, label=rule.score, key=f"{name}-bars",
                   on_move=lambda event: _moved(event, index, pool), rule=index)  # fmt: skip
    left, right = st.columns(2, gap="small")
    if mode == "between":
        _typed(left, "From", f"{name}-low", lines[0], edit.low, index, pool)
        _typed(right, "To", f"{name}-high", lines[1], edit.high, index, pool)
        return
    percent = 100 * (count.kept / max(1, len(pool)) if rule.top is None else rule.top)
    about = KEEPS.get(mode, "Percent of the pool left after this rule")
    _typed(left, "Keep, %", f"{name}-keep", percent, edit.keep, index, pool, about=about, share=True)
    sign = "≤" if mode == "max" else "≥"
    _typed(right, f"Threshold, {sign}", f"{name}-threshold", lines[0], edit.threshold, index, pool)


def _lines(rule: ScoreRule, mode: Mode, bars: Bars, threshold: float | None) -> list[float]:
    """Where the histogram's lines stand."""
    if mode in edit.TOPS:
        return [bars.high if threshold is None else threshold]
    low, high = rule.bounds()
    first, last = bars.low if low is None else low, bars.high if high is None else high
    return [first, last] if mode == "between" else [first if mode == "min" else last]


def _drawn(rule: ScoreRule, mode: Mode, bars: Bars, lines: list[float]) -> list[histogram.Line]:
    if mode in edit.TOPS:
        top = 100 * (rule.top or 0.0)
        text = f"{number_format.percent(rule.top or 0.0)} kept, from {number_format.value(lines[0])}"
        return [histogram.Line(lines[0], f"Keep the best of {rule.score}, percent", text, percent=top)]
    step = float(bars.edges[-1] - bars.edges[0]) / 500
    names = (f"{rule.score} from", f"{rule.score} to") if mode == "between" else (f"{rule.score} threshold",)
    return [histogram.Line(line, name, number_format.value(line), step) for name, line in zip(names, lines)]


def _typed(
    place: Any, label: str, key: str, value: float, how: edit.Change, index: int, pool: Pool, *, about: str | None = None,
    share: bool = False,
) -> None:  # fmt: skip
    """A number input that shows `value`; `how` makes the rule that has another. `share`: a percentage."""
    value = float(f"{value:.7g}")
    shape = {"format": "%.4g", "step": 0.1, "min_value": 0.0, "max_value": 100.0}
    if not share:
        shape = {"format": "%.6g", "step": max(abs(value) / 100, 1e-4)}
    place.number_input(label, key=recipe_state.shows(key, value), help=about, **shape,
                       on_change=lambda: _set(how, st.session_state[key], index, pool, 100 if share else 1))  # fmt: skip


def _set(how: edit.Change, value: float | None, index: int, pool: Pool, whole: float = 1) -> None:
    """A bound of the rule was set, as a part of `whole`: `how` makes the rule that has it."""
    if value is not None:
        recipe: Recipe = st.session_state["recipe"]
        recipe_state.replace_rule(recipe, index, how(value / whole, recipe, index, pools.desk(pool)))


def _moved(event: histogram.Moved, index: int, pool: Pool) -> None:
    """A line of the histogram was moved; a kept fraction that comes of a drag is a round number."""
    recipe: Recipe = st.session_state["recipe"]
    rule = recipe.keep[index]
    assert isinstance(rule, ScoreRule)
    if event.slider is not None and rule.mode in edit.TOPS:
        _set(edit.keep, event.value, index, pool, 100)
    elif rule.mode in edit.TOPS:
        fresh = edit.threshold(event.value, recipe, index, pools.desk(pool))
        _set(edit.keep, _round(100 * (fresh.top or 0.0)), index, pool, 100)
    elif rule.mode == "between":
        _set(edit.low if (event.slider or event.line or 0) == 0 else edit.high, event.value, index, pool)
    else:
        _set(edit.threshold, event.value, index, pool)


def _round(percent: float) -> float:
    """To a tenth, or to two digits where that is less than a percent."""
    return round(percent, 1) if percent >= 1 else float(f"{percent:.2g}")


def change_mode(mode: Mode, index: int, pool: Pool) -> None:
    """The same rule in another form that keeps the same pairs, as near as the form allows."""
    recipe: Recipe = st.session_state["recipe"]
    recipe_state.replace_rule(recipe, index, edit.into(mode, recipe, index, pools.desk(pool)), reshape=True)

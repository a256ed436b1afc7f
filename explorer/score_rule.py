"""One rule on a score: its histogram with the threshold to drag, and the two numbers (threshold and kept fraction) that say the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from poolscope.explorer import histogram, number_format, pools, recipe_state, score_edit
from poolscope.pool import Pool
from poolscope.recipe import Recipe, RuleCount
from poolscope.recipe.bars import Bars
from poolscope.recipe.edit import TOPS
from poolscope.recipe.grammar import ScoreRule
from poolscope.recipe.score_rule import Mode

MODES = {"top": "top of pool", "top_kept": "top of kept", "min": "at least", "max": "at most", "between": "between"}
KEEPS = {
    "top": "Percent of the pool, with the best scores",
    "top_kept": "Percent, with the best scores, of what the rules before leave",
}


def draw(recipe: Recipe, index: int, pool: Pool, count: RuleCount, held: np.ndarray | None) -> None:
    """The body of the rule at `index`; `held` is how many pairs of each bar the whole recipe keeps."""
    rule = recipe.keep[index]
    assert isinstance(rule, ScoreRule)
    bars, mode = pools.desk(pool).bars(rule.score), rule.mode
    name = f"rule-{recipe_state.generation()}-{index}"
    lines = _lines(rule, mode, bars, count.threshold)
    side = mode if mode in ("max", "between") else "min"
    histogram.draw(bars, held=held, lines=_drawn(rule, mode, bars, lines), side=side, label=rule.score, key=f"{name}-bars",
                   on_move=lambda event: score_edit.moved(event, index, pool), rule=index)  # fmt: skip
    left, right = st.columns(2, gap="small")
    args = (index, pool)
    if mode == "between":
        _typed(left, "From", f"{name}-low", lines[0], score_edit.low, args)
        _typed(right, "To", f"{name}-high", lines[1], score_edit.high, args)
        return
    percent = 100 * (count.kept / max(1, len(pool)) if rule.top is None else rule.top)
    about = KEEPS.get(mode, "Percent of the pool left after this rule")
    _typed(left, "Keep, %", f"{name}-keep", percent, score_edit.keep, args, about=about, share=True)
    sign = "≤" if mode == "max" else "≥"
    _typed(right, f"Threshold, {sign}", f"{name}-threshold", lines[0], score_edit.threshold, args)


def _lines(rule: ScoreRule, mode: Mode, bars: Bars, threshold: float | None) -> list[float]:
    """Where the histogram's lines stand."""
    if mode in TOPS:
        return [bars.high if threshold is None else threshold]
    low, high = rule.bounds()
    first, last = bars.low if low is None else low, bars.high if high is None else high
    return [first, last] if mode == "between" else [first if mode == "min" else last]


def _drawn(rule: ScoreRule, mode: Mode, bars: Bars, lines: list[float]) -> list[histogram.Line]:
    if mode in TOPS:
        top = 100 * (rule.top or 0.0)
        text = f"{number_format.percent(rule.top or 0.0)} kept, from {number_format.value(lines[0])}"
        return [histogram.Line(lines[0], f"Keep the best of {rule.score}, percent", text, percent=top)]
    step = float(bars.edges[-1] - bars.edges[0]) / 500
    names = (f"{rule.score} from", f"{rule.score} to") if mode == "between" else (f"{rule.score} threshold",)
    return [histogram.Line(line, name, number_format.value(line), step) for name, line in zip(names, lines)]


def _typed(
    place: Any, label: str, key: str, value: float, act: Callable[..., None], args: tuple[Any, ...], *,
    about: str | None = None, share: bool = False,
) -> None:  # fmt: skip
    """A number input that shows `value`; `act(typed, *args)` when the user types another. `share`: a percentage."""
    value = float(f"{value:.7g}")
    shape = {"format": "%.4g", "step": 0.1, "min_value": 0.0, "max_value": 100.0}
    if not share:
        shape = {"format": "%.6g", "step": max(abs(value) / 100, 1e-4)}
    place.number_input(label, key=recipe_state.shows(key, value), help=about, **shape,
                       on_change=lambda: act(st.session_state[key], *args))  # fmt: skip

"""Changes of a rule on a score: by kept fraction, by threshold, or into another form that keeps the same pairs."""

from collections.abc import Callable

import numpy as np

from .bars import Bars
from .desk import Desk
from .grammar import Recipe, ScoreRule
from .score_rule import Mode, exact_count

Change = Callable[[float, Recipe, int, Desk], ScoreRule]
TOPS = ("top", "top_kept")


def into(mode: Mode, recipe: Recipe, index: int, desk: Desk) -> ScoreRule:
    """The rule in another form that keeps the same pairs, as near as the form allows."""
    rule, before, bars = _at(recipe, index, desk)
    low, high = rule.bounds()
    if rule.top is not None:
        wanted = rule.quota(len(desk.pool), desk.step(before).kept if rule.of == "kept" else 0)
        low = desk.nth(rule.score, wanted or 0, after=before)
    low = bars.low if low is None else low
    high = bars.high if high is None else high
    if mode in TOPS:
        of = "kept" if mode == "top_kept" else "pool"
        return ScoreRule(score=rule.score, top=desk.fraction(rule.score, low, after=before, of=of), of=of)  # type: ignore[arg-type]
    if mode == "between":
        return ScoreRule(score=rule.score, between=(min(low, high), max(low, high)))
    return ScoreRule(score=rule.score, min=low) if mode == "min" else ScoreRule(score=rule.score, max=high)


def keep(fraction: float, recipe: Recipe, index: int, desk: Desk) -> ScoreRule:
    """The rule with another kept fraction; one with a threshold gets the threshold that leaves that part of the pool."""
    rule, before, bars = _at(recipe, index, desk)
    fraction = min(1.0, max(0.0, round(fraction, 9)))
    if rule.top is not None:
        return rule.model_copy(update={"top": fraction})
    best = rule.min is not None
    value = desk.nth(rule.score, exact_count(fraction, len(desk.pool)), after=before, best=best)
    if value is None:
        value = float(np.nextafter(bars.high, np.inf) if best else np.nextafter(bars.low, -np.inf))
    return rule.model_copy(update={"min" if best else "max": value})


def threshold(value: float, recipe: Recipe, index: int, desk: Desk) -> ScoreRule:
    """The rule with another threshold; a `top` gets the fraction that keeps what reaches it."""
    rule, before, _ = _at(recipe, index, desk)
    if rule.top is None:
        return rule.model_copy(update={"min" if rule.min is not None else "max": _short(value)})
    return rule.model_copy(update={"top": desk.fraction(rule.score, value, after=before, of=rule.of)})


def low(value: float, recipe: Recipe, index: int, desk: Desk) -> ScoreRule:
    """The `between` with another lower bound; the upper one gives way."""
    rule, _, bars = _at(recipe, index, desk)
    upper = rule.bounds()[1]
    first, last = _short(value), bars.high if upper is None else upper
    return ScoreRule(score=rule.score, between=(first, max(first, last)))


def high(value: float, recipe: Recipe, index: int, desk: Desk) -> ScoreRule:
    """The `between` with another upper bound; the lower one gives way."""
    rule, _, bars = _at(recipe, index, desk)
    lower = rule.bounds()[0]
    last, first = _short(value), bars.low if lower is None else lower
    return ScoreRule(score=rule.score, between=(min(first, last), last))


def _at(recipe: Recipe, index: int, desk: Desk) -> tuple[ScoreRule, Recipe, Bars]:
    """The rule, which is on a score, the recipe of the rules before it, and the bars of its score."""
    rule = recipe.keep[index]
    assert isinstance(rule, ScoreRule)
    return rule, recipe.model_copy(update={"keep": recipe.keep[:index]}), desk.bars(rule.score)


def _short(value: float) -> float:
    return float(f"{value:.7g}")

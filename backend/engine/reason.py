"""Why a pair is kept or dropped: the rule, and by how much the pair missed it."""

import re
from typing import Any

import numpy as np

from ..errors import InputError
from ..recipe.columns import PoolColumns
from ..recipe.grammar import AnyKind, CaptionRule, Recipe, Rule, SampleRule, ScoreRule
from ..recipe.selection import Selection, Survivors


def reason(row: int, recipe: Recipe, selection: Selection, columns: PoolColumns, *, deep: bool = True) -> str:
    """In words, for one pair: `dropped by rule 1, clip_l14 top 30 %: 0.21, 0.033 below the threshold 0.243`.

    `deep` also reads the pair's other columns, for flags and conditions, and looks into any, all and not.
    """
    number = selection.dropped_at(row)
    if not number:
        return "kept by all rules" if recipe.keep else "kept: there are no rules"
    rule, threshold = recipe.keep[number - 1], selection.counts[number - 1].threshold
    if deep:
        before = (selection.dropped_by == 0) | (selection.dropped_by >= number)
        missed = rule.missed(_Witness(row, columns, before, threshold))
    else:
        missed = _by_score(rule, row, columns, threshold) if isinstance(rule, ScoreRule) else ""
    return f"dropped by rule {number}, {rule.label()}" + (f": {missed}" if missed else "")


class _Witness:
    """What can be said of the pair in `row`, which a rule with that threshold dropped from the pairs `before` it."""

    def __init__(self, row: int, columns: PoolColumns, before: np.ndarray, threshold: float | None) -> None:
        self._row, self._columns, self._before, self._threshold = row, columns, before, threshold

    def score(self, rule: ScoreRule) -> str:
        return _by_score(rule, self._row, self._columns, self._threshold)

    def flag(self, name: str) -> str:
        return _by_flag(name, self._row, self._columns)

    def values(self, condition: str) -> str:
        words = dict.fromkeys(re.findall(r"\w+", condition))
        read = _pair(self._row, [name for name in words if name in self._columns.pool.columns], self._columns)
        return ", ".join(f"{name} is {_value(value)}" for name, value in read.items())

    def unscored(self, rule: AnyKind) -> bool:
        if isinstance(rule, CaptionRule | SampleRule):
            return not np.isfinite(self._columns.array(rule.subjects()[0])[self._row])
        return isinstance(rule, ScoreRule) and bool(np.isnan(self._columns.array(rule.score)[self._row]))

    def each(self, rules: tuple[Rule, ...]) -> str:
        """By what the pair missed each of the rules that it missed."""
        missed = []
        for rule in rules:
            part = rule.part(Survivors(self._columns, self._before, int(np.count_nonzero(self._before))))
            if not part.kept[self._row]:
                inner = rule.missed(_Witness(self._row, self._columns, self._before, part.threshold))
                missed.append(f"{rule.label()} ({inner})" if inner else rule.label())
        return "missed " + ", and ".join(missed) if missed else ""


def _by_score(rule: ScoreRule, row: int, columns: PoolColumns, threshold: float | None) -> str:
    score = float(columns.array(rule.score)[row])
    if np.isnan(score):
        return "it has no score"
    low, high = rule.bounds()
    bound = threshold if rule.top is not None else low if low is not None and score < low else high
    if bound is None:
        return ""
    if score == bound:
        return f"{score:.4g} ties with the threshold, and its uid comes later"
    return f"{score:.4g}, {abs(score - bound):.3g} {'below' if score < bound else 'above'} the threshold {bound:.4g}"


def _by_flag(flag: str, row: int, columns: PoolColumns) -> str:
    """What the method of the flag says of the pair; empty where it says nothing or is not installed."""
    from ..scores import build

    origin = columns.pool.columns[flag].made_by
    try:
        method = build(str(origin["method"]), **origin.get("parameters", {}))
        extra = [name for name in method.outputs(columns.pool) if name]
    except (KeyError, InputError):
        return ""
    kept = columns.pool.columns
    named = {name: own if (own := f"{flag}_{name}") in kept else name for name in (*method.needs(), *extra)}
    read = _pair(row, [name for name in named.values() if name in kept and not kept[name].dim], columns)
    return method.missed({name: read[column] for name, column in named.items() if column in read})


def _pair(row: int, names: list[str], columns: PoolColumns) -> dict[str, Any]:
    return columns.pool.take([row], names).to_pylist()[0] if names else {}


def _value(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)

"""Why a pair is kept or dropped: the rule, and by how much the pair missed it."""

import re
from typing import Any

import numpy as np

from ..errors import InputError
from ..recipe.columns import PoolColumns
from ..recipe.grammar import (
    AllRule,
    AnyRule,
    FlagRule,
    NotRule,
    Recipe,
    Rule,
    ScoreRule,
    SubsetRule,
    WhereRule,
)
from ..recipe.selection import Selection, apply_rule


def reason(row: int, recipe: Recipe, selection: Selection, columns: PoolColumns, *, deep: bool = True) -> str:
    """In words, for one pair: `dropped by rule 1, clip_l14 top 30 %: 0.21, 0.033 below the threshold 0.243`.

    `deep` also reads the pair's other columns, for flags and conditions, and looks into any, all and not.
    """
    number = selection.dropped_at(row)
    if not number:
        return "kept by all rules" if recipe.keep else "kept: there are no rules"
    rule = recipe.keep[number - 1]
    if deep:
        before = (selection.dropped_by == 0) | (selection.dropped_by >= number)
        missed = _missed(rule, row, columns, before, selection.counts[number - 1].threshold)
    else:
        missed = _by_score(rule, row, columns, selection.counts[number - 1].threshold)
    return f"dropped by rule {number}, {rule.label()}" + (f": {missed}" if missed else "")


def _missed(rule: Rule, row: int, columns: PoolColumns, before: np.ndarray, threshold: float | None) -> str:
    if isinstance(rule, ScoreRule):
        return _by_score(rule, row, columns, threshold)
    if isinstance(rule, FlagRule):
        return _by_flag(rule, row, columns)
    if isinstance(rule, SubsetRule):
        return "its uid is not in the file"
    if isinstance(rule, WhereRule):
        named = [name for name in dict.fromkeys(re.findall(r"\w+", rule.where)) if name in columns.pool.columns]
        return ", ".join(f"{name} is {_value(value)}" for name, value in _pair(row, named, columns).items())
    if isinstance(rule, NotRule):
        scores = _scores_missing(rule.not_, row, columns)
        return scores or f"{rule.not_.label()} holds for it"
    parts = rule.any if isinstance(rule, AnyRule) else rule.all if isinstance(rule, AllRule) else ()
    told = []
    for part in parts:
        kept, _, limit = apply_rule(part, columns, before, int(np.count_nonzero(before)))
        if not kept[row]:
            inner = _missed(part, row, columns, before, limit)
            told.append(f"{part.label()} ({inner})" if inner else part.label())
    return "missed " + ", and ".join(told) if told else ""


def _by_score(rule: Rule, row: int, columns: PoolColumns, threshold: float | None) -> str:
    if not isinstance(rule, ScoreRule):
        return ""
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


def _by_flag(rule: FlagRule, row: int, columns: PoolColumns) -> str:
    """What the method of the flag says of the pair; empty where it says nothing or is not installed."""
    from ..scores import build

    made = columns.pool.columns[rule.flag].made_by
    try:
        method = build(str(made["method"]), **made.get("parameters", {}))
        extra = [name for name in method.outputs(columns.pool) if name]
    except (KeyError, InputError):
        return ""
    kept = columns.pool.columns
    named = {name: own if (own := f"{rule.flag}_{name}") in kept else name for name in (*method.needs(), *extra)}
    read = _pair(row, [name for name in named.values() if name in kept and not kept[name].dim], columns)
    return method.missed({name: read[column] for name, column in named.items() if column in read})


def _scores_missing(rule: Rule, row: int, columns: PoolColumns) -> str:
    return "it has no score" if isinstance(rule, ScoreRule) and np.isnan(columns.array(rule.score)[row]) else ""


def _pair(row: int, names: list[str], columns: PoolColumns) -> dict[str, Any]:
    return columns.pool.take([row], names).to_pylist()[0] if names else {}


def _value(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)

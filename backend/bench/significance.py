"""Whether one run is better than another by more than noise: paired bootstrap over examples, spread over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.bench.evaluation import predictions_of
from backend.bench.run import Run
from backend.bench.tasks import Task, kind_of, tasks_list
from backend.errors import InputError

DRAWS = 1000


@dataclass(frozen=True)
class Difference:
    """Main metric of run `a` minus run `b` on a task, its 95 % interval and two-sided `p` (share of draws on the other
    side of zero, doubled). `examples` says over how many; `stated` is False when the interval holds zero."""

    task: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    examples: int

    @property
    def stated(self) -> bool:
        return not self.low <= 0 <= self.high

    def as_json(self) -> dict[str, Any]:
        return {"task": self.task, "a": self.a, "b": self.b, "difference": self.difference, "low": self.low,
                "high": self.high, "p": self.p, "examples": self.examples, "stated": self.stated}  # fmt: skip


def compare(
    a: "str | Run", b: "str | Run", *, tasks: Sequence[str] | None = None, draws: int = DRAWS, seed: int = 0
) -> list[Difference]:
    """Every task that both runs have predictions for, then "average" over those that count in it.

    Paired bootstrap (Efron & Tibshirani 1993; Koehn 2004): each draw takes the task's examples with replacement, the
    same ones for both runs, and computes the metric itself again, so that it holds for worst groups and balanced
    accuracies too. The average's draws are the means of the tasks' draws, which are independent.
    Raises InputError if they share no task, or saw different examples of one.
    """
    a, b = Run.load(a), Run.load(b)
    known = {task.key: task for task in tasks_list()}
    done = {line["key"]: line for line in a.results()}
    shared = [line["key"] for line in b.results() if line["key"] in done and line["key"] in known]
    wanted = [key for key in shared if tasks is None or key in tasks]
    found, spreads = [], []
    for key in wanted:
        mine, theirs = predictions_of(a, key), predictions_of(b, key)
        if mine is None or theirs is None or not known[key].metric:
            continue
        values = resample(mine, theirs, known[key], draws=draws, seed=seed)
        found.append(_difference(key, values, len(next(iter(mine.values())))))
        if known[key].averaged:
            spreads.append(values)
    if not found:
        raise InputError(f"runs {a.id!r} and {b.id!r} share no task with predictions; evaluate both on the same tasks")
    if len(spreads) > 1:
        examples = sum(one.examples for one in found)
        found.append(_difference("average", np.mean(spreads, axis=0), examples))
    return found


def resample(
    mine: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray], task: Task, *, draws: int, seed: int = 0
) -> np.ndarray:
    """(draws + 1, 2): the main metric of both on the whole task (row 0) and on each draw of its examples."""
    _check_same_examples(mine, theirs, task)
    n = len(next(iter(mine.values())))
    # A stream per task, so that its draws don't depend on which other tasks are compared.
    rng = np.random.default_rng([seed, *task.key.encode()])
    values = np.empty((draws + 1, 2))
    values[0] = [_main(mine, task), _main(theirs, task)]
    for draw in range(1, draws + 1):
        rows = rng.integers(0, n, n)
        for side, predictions in enumerate((mine, theirs)):
            values[draw, side] = _main({name: array[rows] for name, array in predictions.items()}, task)
    return values


def _main(predictions: Mapping[str, np.ndarray], task: Task) -> float:
    value = kind_of(task).metrics(predictions, task).get(task.metric)
    return float("nan") if value is None else float(value)


def _check_same_examples(mine: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray], task: Task) -> None:
    """Labels, groups and caption counts are the task's own, so they must agree."""
    for name in (name for name in mine if name in ("label", "captions", "candidates") or name.startswith("by_")):
        if name not in theirs or not np.array_equal(mine[name], theirs[name]):
            raise InputError(f"the two runs saw different examples of {task.key!r}; evaluate one of them again on it")


def _difference(key: str, values: np.ndarray, examples: int) -> Difference:
    gaps = values[1:, 0] - values[1:, 1]
    gaps = gaps[np.isfinite(gaps)]
    low, high = np.quantile(gaps, [0.025, 0.975]) if gaps.size else (float("nan"), float("nan"))
    # With +1 an outcome that no draw showed is not called impossible.
    below, above = np.sum(gaps <= 0) + 1, np.sum(gaps >= 0) + 1
    p = min(1.0, 2 * float(min(below, above)) / (gaps.size + 1))
    a, b = values[0]
    return Difference(key, float(a), float(b), float(a - b), float(low), float(high), p, examples)

"""Two recipes or runs, task by task: do they differ by more than their test examples and their seeds do?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..progress import Progress, silent
from ..runs import Run
from .board import by_recipe, leaderboard, row_of
from .evaluation import predictions_of
from .row import Row
from .tasks import Task, kind_of, tasks_list, weights
from .verdicts import Gap, between, discovered

DRAWS = 1000
AVERAGE = "average"
Side = str | Run | Sequence[str | Run]
Predictions = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Difference:
    """Main metric of `a` minus `b` on a task, each the mean over its runs; `gap` judges it over seeds and examples.

    `low` and `high` are its 95 % interval over test examples alone (None where no predictions are stored). `stated` is
    True if the difference is more than noise: on a task, with at most 5 % false ones among all tasks stated
    (Benjamini and Hochberg); on the average, with at most 5 % of leaderboards stating any false one.
    """

    task: str
    a: float
    b: float
    gap: Gap
    low: float | None
    high: float | None
    examples: int
    stated: bool

    @property
    def difference(self) -> float:
        return self.gap.difference

    @property
    def seeds(self) -> int:
        """Runs of the side that has fewer."""
        return min(self.gap.runs)

    @property
    def p(self) -> float | None:
        """Two-sided; None, which is no verdict, where a side has one run."""
        return self.gap.p if self.seeds > 1 else None

    @property
    def verdict(self) -> str | None:
        """`better`, `worse` or `not told apart`; None, which is no verdict, where a side has one run."""
        return self.gap.named(self.stated) if self.seeds > 1 else None

    @property
    def sentence(self) -> str:
        return self.gap.sentence(self.stated)

    def as_json(self) -> dict[str, Any]:
        return {
            **self.gap.as_json(), "task": self.task, "a": self.a, "b": self.b, "low": self.low, "high": self.high,
            "p": self.p, "examples": self.examples, "seeds": self.seeds, "runs": list(self.gap.runs),
            "seed_low": self.gap.low, "seed_high": self.gap.high, "stated": self.stated, "verdict": self.verdict,
            "sentence": self.sentence,
        }  # fmt: skip


@dataclass(frozen=True)
class _Others:
    """The other recipes of the scale, pool and suite on which both sides ran: a list of rows each."""

    recipes: tuple[tuple[Row, ...], ...]
    unfiltered: tuple[bool, bool]  # whether side a, side b are the runs without a filter

    def values(self, tasks: Sequence[Task]) -> list[np.ndarray]:
        """For each recipe `(runs,)`: the average of these tasks in its runs that have all of them."""
        shares = weights(tasks)
        columns = [
            np.array([np.average(known, weights=shares) for row in rows if (known := _known(row, tasks)) is not None])
            for rows in self.recipes
        ]
        return [values for values in columns if len(values)]


def compare(
    a: Side, b: Side, *, tasks: Sequence[str] | None = None, draws: int = DRAWS, progress: Progress = silent,
) -> list[Difference]:  # fmt: skip
    """Two runs, or two recipes as the runs of their seeds: every task that all of them have results of, then "average"
    over those that count in it.

    Seeds are not paired: two recipes' runs with one seed share nothing. Their spread is judged as on the leaderboard
    (see `verdicts`); examples join it as a variance that no further seed takes away. That is found by bootstrap where
    predictions are stored (Efron & Tibshirani 1993; Koehn 2004): each draw takes the task's examples with replacement,
    the same ones for all runs, and computes the metric itself again, so that it holds for worst groups and balanced
    accuracies too.
    Raises InputError if they share no task, or saw different examples of one.
    """
    sides = [[Run.load(run) for run in ([side] if isinstance(side, (str, Run)) else side)] for side in (a, b)]
    wanted = _shared(sides, tasks)
    others = _others(sides)
    differences, averaged = [], []
    for number, task in enumerate(wanted):
        progress(number, len(wanted), f"resampling {task.name}")
        values, examples = _drawn([*sides[0], *sides[1]], task, draws)
        differences.append(_difference(task.key, values, examples, len(sides[0]), others.values([task])))
        if task.averaged:
            averaged.append((task, values))
    stated = discovered([one.p for one in differences])
    differences = [replace(one, stated=bool(known)) for one, known in zip(differences, stated)]
    if len(averaged) > 1:
        differences.append(_average(averaged, sum(one.examples for one in differences), len(sides[0]), others))
    return differences


def _shared(sides: Sequence[Sequence[Run]], tasks: Sequence[str] | None) -> list[Task]:
    """The tasks that every run has a main metric of."""
    runs = [run for side in sides for run in side]
    done = [{key for key, value in run.main_metrics().items() if value is not None} for run in runs]
    shared = [
        task for task in tasks_list()
        if task.metric and all(task.key in keys for keys in done) and (tasks is None or task.key in tasks)
    ]  # fmt: skip
    if not shared or not all(sides):
        names = " and ".join(sorted({run.id for run in runs})) or "they"
        raise InputError(f"{names} share no task with results; evaluate both on the same tasks")
    return shared


def _others(sides: Sequence[Sequence[Run]]) -> _Others:
    first = row_of(sides[0][0])
    mine = {run.id for side in sides for run in side}
    rows = leaderboard(first.scale, pool=first.pool, published=False) if first.scale else []
    same = [row for row in rows if row.suite == first.suite]
    recipes = [tuple(row for row in group if row.run not in mine) for group in by_recipe(same).values()]
    unfiltered = [all(row.unfiltered for row in same if row.run in {run.id for run in side}) for side in sides]
    known = bool(rows) and unfiltered[0] != unfiltered[1]
    return _Others(tuple(group for group in recipes if group), (known and unfiltered[0], known and unfiltered[1]))


def _known(row: Row, tasks: Sequence[Task]) -> list[float] | None:
    values = [row.tasks.get(task.key) for task in tasks]
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else None


def _drawn(runs: Sequence[Run], task: Task, draws: int) -> tuple[np.ndarray, int]:
    """`(runs, draws + 1)` (one column without predictions): the metric on the whole task, then on draws of its
    examples, and their number."""
    predictions = [predictions_of(run, task.key) for run in runs]
    stored = [one for one in predictions if one is not None]
    if len(stored) == len(runs):
        return resample(stored, task, draws=draws), len(next(iter(stored[0].values())))
    return np.array([[run.main_metrics()[task.key]] for run in runs], dtype=np.float64), 0


def resample(predictions: Sequence[Predictions], task: Task, *, draws: int, seed: int = 0) -> np.ndarray:
    """`(runs, draws + 1)`: the main metric of each run on the whole task (column 0) and on each draw of its examples."""
    for other in predictions[1:]:
        _check_same_examples(predictions[0], other, task)
    n = len(next(iter(predictions[0].values())))
    # A stream per task, so that its draws don't depend on which other tasks are compared.
    rng = np.random.default_rng([seed, *task.key.encode()])
    values = np.empty((len(predictions), draws + 1))
    values[:, 0] = [_main(one, task) for one in predictions]
    for draw in range(1, draws + 1):
        rows = rng.integers(0, n, n)
        values[:, draw] = [_main({name: array[rows] for name, array in one.items()}, task) for one in predictions]
    return values


def _main(predictions: Predictions, task: Task) -> float:
    value = kind_of(task).metrics(predictions, task).get(task.metric)
    return float("nan") if value is None else float(value)


def _check_same_examples(mine: Predictions, theirs: Predictions, task: Task) -> None:
    """Labels, groups and caption counts are the task's own, so they must agree."""
    for name in (name for name in mine if name in ("label", "captions", "candidates") or name.startswith("by_")):
        if name not in theirs or not np.array_equal(mine[name], theirs[name]):
            raise InputError(f"the runs saw different examples of {task.key!r}; evaluate one of them again on it")


def _average(
    averaged: Sequence[tuple[Task, np.ndarray]], examples: int, first: int, others: _Others
) -> Difference:  # fmt: skip
    """Tasks' draws are independent, so their average is the average's; a task without predictions adds its value alone."""
    longest = max(values.shape[1] for _, values in averaged)
    alike = [np.broadcast_to(v, (len(v), longest)) if v.shape[1] == 1 else v for _, v in averaged]
    counted = [task for task, _ in averaged]
    runs = others.values(counted)
    recipes = 2 + sum(len(values) > 1 for values in runs)
    return _difference(
        AVERAGE, np.average(alike, axis=0, weights=weights(counted)), examples, first, runs, recipes, others.unfiltered
    )


def _difference(
    key: str, values: np.ndarray, examples: int, first: int, others: Sequence[np.ndarray], recipes: int = 2,
    unfiltered: tuple[bool, bool] = (False, False),
) -> Difference:  # fmt: skip
    """From `values` `(runs, draws + 1)`, the runs of side a being the first `first`."""
    a, b = values[:first, 0], values[first:, 0]
    control = a if unfiltered[0] else b if unfiltered[1] else None
    gap = between(a, b, others, recipes=recipes, control=control, fixed=_fixed(values[:, 1:], first))
    low, high = _over_examples(values[:first, 1:].mean(axis=0) - values[first:, 1:].mean(axis=0))
    return Difference(key, float(a.mean()), float(b.mean()), gap, low, high, examples, bool(gap.decided))


def _over_examples(drawn: np.ndarray) -> tuple[float | None, float | None]:
    finite = drawn[np.isfinite(drawn)]
    if not finite.size:
        return None, None
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)


def _fixed(draws: np.ndarray, first: int) -> float:
    """The variance of the gap over test examples that all seeds share, from `(runs, draws)`.

    What the examples do to one run alone is in the spread over seeds already; what they do to two runs of a side at
    once is their covariance.
    """
    whole = draws[:, np.isfinite(draws).all(axis=0)]
    if min(first, len(draws) - first) < 2 or whole.shape[1] < 2:
        return 0.0
    covariance = np.cov(whole)
    a, b = covariance[:first, :first], covariance[first:, first:]
    shared = sum((side.sum() - np.trace(side)) / (len(side) * (len(side) - 1)) for side in (a, b))
    return max(0.0, float(shared - 2 * covariance[:first, first:].mean()))

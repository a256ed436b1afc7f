"""Whether one run is better than another by more than noise: paired bootstrap over examples, spread over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..progress import Progress, silent
from .evaluation import predictions_of
from .run import Run
from .tasks import Task, kind_of, tasks_list

DRAWS = 1000


@dataclass(frozen=True)
class Difference:
    """Main metric of `a` minus `b` on a task, each the mean over `seeds` pairs of runs.

    `low` and `high` are its 95 % interval over test examples; `seed_low` and `seed_high` that over training seeds (None
    for one pair). `p` is two-sided, the larger of both. `stated` is True when no interval holds zero: the difference is
    more than the noise of the examples and of the training.
    """

    task: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    examples: int
    seeds: int = 1
    seed_low: float | None = None
    seed_high: float | None = None

    @property
    def stated(self) -> bool:
        over_seeds = self.seed_low is not None and self.seed_high is not None and self.seed_low <= 0 <= self.seed_high
        return not self.low <= 0 <= self.high and not over_seeds

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"stated": self.stated}


def compare(
    a: "str | Run | Sequence[str | Run]", b: "str | Run | Sequence[str | Run]", *, tasks: Sequence[str] | None = None,
    draws: int = DRAWS, seed: int = 0, progress: Progress = silent,
) -> list[Difference]:  # fmt: skip
    """Two runs, or two recipes as the runs of their seeds: every task that all of them have predictions for, then
    "average" over those that count in it.

    Over examples: paired bootstrap (Efron & Tibshirani 1993; Koehn 2004); each draw takes the task's examples with
    replacement, the same ones for all runs, and computes the metric itself again, so that it holds for worst groups and
    balanced accuracies too. The average's draws are the means of the tasks' draws, which are independent.
    Over seeds: Student's t of the gaps of runs with the same seed (in order where they share none).
    Raises InputError if they share no task, or saw different examples of one.
    """
    pairs = paired(a, b)
    known = {task.key: task for task in tasks_list()}
    done = [{line["key"] for line in run.results()} for pair in pairs for run in pair]
    wanted = [
        task for key, task in known.items()
        if all(key in keys for keys in done) and task.metric and (tasks is None or key in tasks)
    ]  # fmt: skip
    found, spreads = [], []
    for number, task in enumerate(wanted):
        progress(number, len(wanted), f"resampling {task.name}")
        values, examples = [], 0
        for one, other in pairs:
            mine, theirs = predictions_of(one, task.key), predictions_of(other, task.key)
            if mine is None or theirs is None:
                break
            values.append(resample(mine, theirs, task, draws=draws, seed=seed))
            examples = len(next(iter(mine.values())))
        if len(values) == len(pairs):
            found.append(_difference(task.key, np.stack(values), examples))
            if task.averaged:
                spreads.append(np.stack(values))
    if not found:
        names = " and ".join(sorted({run.id for run in (pairs[0] if pairs else ())})) or "they"
        raise InputError(f"{names} share no task with predictions; evaluate both on the same tasks")
    if len(spreads) > 1:
        found.append(_difference("average", np.mean(spreads, axis=0), sum(one.examples for one in found)))
    return found


def paired(
    a: "str | Run | Sequence[str | Run]", b: "str | Run | Sequence[str | Run]"
) -> list[tuple[Run, Run]]:  # fmt: skip
    """The runs of both sides with the same seed; without a shared seed, in the order of their seeds."""
    sides = []
    for side in (a, b):
        listed = [side] if isinstance(side, (str, Run)) else list(side)
        sides.append(sorted((Run.load(run) for run in listed), key=lambda run: (run.seed, run.id)))
    by_seed = [{run.seed: run for run in side} for side in sides]
    shared = sorted(by_seed[0].keys() & by_seed[1].keys())
    return [(by_seed[0][n], by_seed[1][n]) for n in shared] if shared else list(zip(*sides))


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
    """From `values` (pairs, draws + 1, 2), row 0 of each pair being the whole task."""
    from scipy import stats

    gaps = values[:, :, 0] - values[:, :, 1]
    over_examples = gaps[:, 1:].mean(axis=0)
    drawn = over_examples[np.isfinite(over_examples)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn.size else (float("nan"), float("nan"))
    # With +1 an outcome that no draw showed is not called impossible.
    below, above = np.sum(drawn <= 0) + 1, np.sum(drawn >= 0) + 1
    p = min(1.0, 2 * float(min(below, above)) / (drawn.size + 1))
    pairs, seed_low, seed_high = len(gaps), None, None
    middle = float(gaps[:, 0].mean())
    if pairs > 1:
        error = float(gaps[:, 0].std(ddof=1) / np.sqrt(pairs))
        reach = float(stats.t.ppf(0.975, pairs - 1)) * error
        seed_low, seed_high = middle - reach, middle + reach
        p = max(p, 2 * float(stats.t.sf(abs(middle) / error, pairs - 1)) if error else float(middle == 0))
    a, b = values[:, 0].mean(axis=0)
    return Difference(key, float(a), float(b), middle, float(low), float(high), p, examples, pairs, seed_low, seed_high)

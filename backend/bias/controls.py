"""Controls that every report carries: random halves must not be told apart, and memorising must not help."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .sample import Sample
from .settings import Settings
from .validation import Classifier, CrossValidation

NULL_SEEDS = 5
TOLERANCE = 0.02
SIZES = (100, 1000, 10_000)
REPLICATES = 200

Learner = Callable[[np.ndarray], Classifier]


def null(
    sample: Sample, groups: np.ndarray, learner: Learner, *, settings: Settings, tick: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Random halves of the largest set, five times: the accuracy must be that of chance.

    `learner(rows)` makes a classifier for those rows of the sample. `within` says whether the mean over the seeds is
    within two points of chance.
    """
    rows = sample.of_set(int(sample.counts.argmax()))
    runs = []
    for seed in range(NULL_SEEDS):
        accuracy = _pseudo(sample, groups, rows, 2, seed, learner, settings)
        runs.append({key: accuracy[key] for key in ("accuracy", "low", "high", "p", "train_accuracy")})
        tick()
    mean = float(np.mean([run["accuracy"] for run in runs]))
    return {
        "set": sample.names[int(sample.counts.argmax())], "chance": 0.5, "accuracy": mean, "runs": runs,
        "worst": max(abs(run["accuracy"] - 0.5) for run in runs), "within": abs(mean - 0.5) <= TOLERANCE,
    }  # fmt: skip


def memorisation(
    sample: Sample, groups: np.ndarray, learner: Learner, *, settings: Settings, tick: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """As many pseudo-sets as there are sets, all drawn from the largest one, at growing sizes: the classifier may fit
    those it has seen, but held-out accuracy must stay at chance (Zeng et al. 2024, section on pseudo-datasets)."""
    rows = sample.of_set(int(sample.counts.argmax()))
    parts = len(sample.sets)
    order = sample.shuffled(rows, 13)
    curve = []
    for size in sorted({min(size, len(rows) // parts) for size in SIZES}):
        if size < 2 * settings.folds:
            continue
        run = _pseudo(sample, groups, np.sort(order[: size * parts]), parts, 0, learner, settings)
        curve.append({"per_set": size, "chance": 1 / parts, **run})
        tick()
    return curve


def _pseudo(
    sample: Sample, groups: np.ndarray, rows: np.ndarray, parts: int, seed: int, learner: Learner, settings: Settings
) -> dict[str, Any]:
    validation = CrossValidation(
        labels=sample.halves(rows, parts, seed + 1),
        groups=np.unique(groups[rows], return_inverse=True)[1],
        folds=settings.folds,
        seed=seed,
        replicates=REPLICATES,
        threads=settings.folds_at_once,
    )
    return validation.accuracy_of(learner(rows)).as_json()

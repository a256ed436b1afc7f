"""Audit of a model: its accuracy by group, where a task knows groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.bench.evaluation import predictions_of
from backend.bench.run import Run
from backend.bench.tasks import Task, tasks_list
from backend.bench.tasks.faces import GENDERS, RACES

Z = 1.959964
FACE_AGES = {
    "fairness/fairface": ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70 and over"),
}


@dataclass(frozen=True)
class GroupAccuracy:
    """Accuracy of a model on the examples of one group of a task, with Wilson's 95 % interval. `what` is judged:
    the class, the five nearest classes, or (of faces) race, gender or age."""

    task: str
    name: str
    what: str
    field: str
    group: str
    n: int
    accuracy: float
    low: float
    high: float

    def as_json(self) -> dict[str, Any]:
        return {"task": self.task, "name": self.name, "what": self.what, "field": self.field, "group": self.group,
                "n": self.n, "accuracy": self.accuracy, "low": self.low, "high": self.high}  # fmt: skip


def audit_model(run: "str | Run", *, tasks: Sequence[str] | None = None) -> list[GroupAccuracy]:
    """Accuracy by group for every task of the run that has groups and predictions; empty if none has."""
    run = Run.load(run)
    found: list[GroupAccuracy] = []
    for task in tasks_list():
        if tasks is not None and task.key not in tasks:
            continue
        predictions = predictions_of(run, task.key) if task.fields else None
        if predictions is None:
            continue
        for what, hits in _judged(task, predictions).items():
            for field in _fields(task, predictions):
                found += _by_group(task, what, hits, field, predictions[f"by_{field}"])
    return found


def gaps(groups: Sequence[GroupAccuracy]) -> dict[tuple[str, str, str], float]:
    """Best minus worst group of each (task, what, field)."""
    sets: dict[tuple[str, str, str], list[float]] = {}
    for group in groups:
        sets.setdefault((group.task, group.what, group.field), []).append(group.accuracy)
    return {key: max(values) - min(values) for key, values in sets.items()}


def wilson(right: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927)."""
    share, z2 = right / n, Z**2 / n
    middle = (share + z2 / 2) / (1 + z2)
    reach = Z * np.sqrt(share * (1 - share) / n + z2 / (4 * n)) / (1 + z2)
    return float(max(0.0, middle - reach)), float(min(1.0, middle + reach))


def _judged(task: Task, predictions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if task.kind == "faces":
        return {
            "gender": predictions["gender"] == predictions["by_gender"],
            "age": predictions["age"] == predictions["by_age"],
            "race": predictions["race"] == predictions["by_race"],
        }
    hits = predictions["top"] == predictions["label"][:, None]
    return {"five nearest": hits.any(axis=1)} if task.kind == "groups_top5" else {"class": hits[:, 0]}


def _fields(task: Task, predictions: dict[str, np.ndarray]) -> list[str]:
    """Fields whose groups mean something: not the label again, nor dates and numbers of a camera."""
    if task.kind == "faces":
        return ["race", "gender", "age"]
    meant = {"region", "country", "income_ds", "hospital", "year", task.by, *task.values}
    return [name for name in task.fields if name in meant and f"by_{name}" in predictions]


def _by_group(task: Task, what: str, hits: np.ndarray, field: str, values: np.ndarray) -> list[GroupAccuracy]:
    found = []
    names = _names(task, field)
    for value in np.unique(values[values >= 0]).tolist():
        mine = hits[values == value]
        low, high = wilson(float(mine.sum()), len(mine))
        name = names[value] if value < len(names) else str(value)
        found.append(GroupAccuracy(task.key, task.name, what, field, name, len(mine), float(mine.mean()), low, high))
    return found


def _names(task: Task, field: str) -> tuple[str, ...]:
    if field in task.values:
        return task.values[field]
    if task.kind == "faces":
        return {"race": RACES.get(task.key, ()), "gender": GENDERS, "age": FACE_AGES.get(task.key, ())}.get(field, ())
    return ()

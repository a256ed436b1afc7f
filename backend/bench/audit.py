"""Audit of a model: its accuracy by group, where a task knows groups."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import read_array
from ..kernels.intervals import wilson
from ..runs import Run
from .evaluation import predictions_of
from .tasks import Task, tasks_list
from .tasks.faces import GENDERS, RACES

FEWEST = 5
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


def audit_model(run: "str | Run") -> list[GroupAccuracy]:
    """Accuracy by group for every task of the run that has groups and predictions; empty if none has.

    A field whose groups have fewer than five examples on average (a country each) says nothing and is left out.
    """
    run = Run.load(run)
    accuracies: list[GroupAccuracy] = []
    for task in tasks_list():
        predictions = predictions_of(run, task.key) if task.fields else None
        if predictions is None:
            continue
        for what, hits in _judged(task, predictions).items():
            for field in _fields(task, predictions):
                values = predictions[f"by_{field}"]
                if (values >= 0).sum() >= FEWEST * len(np.unique(values[values >= 0])):
                    accuracies += _by_group(task, what, hits, field, values)
    return accuracies


def gaps(groups: Sequence[GroupAccuracy]) -> dict[tuple[str, str, str], float]:
    """Best minus worst group of each (task, what, field)."""
    sets: dict[tuple[str, str, str], list[float]] = {}
    for group in groups:
        sets.setdefault((group.task, group.what, group.field), []).append(group.accuracy)
    return {key: max(values) - min(values) for key, values in sets.items()}


# A group of a task | the groups of the data's audit that stand for it; several are added up.
BESIDE: dict[str, dict[str, tuple[str, ...]]] = {
    "skin_tone": {tone: (f"emoji.skin-tone-drawn.{tone}",) for tone in
                  ("light", "medium-light", "medium", "medium-dark", "dark")},
    "region": {
        "Africa": ("emoji.flag-drawn.africa",), "Asia": ("emoji.flag-drawn.asia",),
        "Americas": ("emoji.flag-drawn.latin-america-and-the-caribbean", "emoji.flag-drawn.northern-america"),
        "Europe": ("emoji.flag-drawn.europe",), "Oceania": ("emoji.flag-drawn.oceania",),
    },
    "gender": {"male": ("gender.man",), "female": ("gender.woman",)},
    "race": {"black": ("race.black_people",), "latino": ("race.latino",)},
    "age": {"0-2": ("age.baby",), "3-9": ("age.child",), "70 and over": ("age.older",)},
}  # fmt: skip


@dataclass(frozen=True)
class DataGroup:
    """How many of the pool's pairs that speak of a task's group the run's recipe kept; `ids` are the groups of the
    data's audit that were counted."""

    field: str
    group: str
    ids: tuple[str, ...]
    pairs: int
    kept: int

    @property
    def rate(self) -> float:
        return self.kept / self.pairs

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"rate": self.rate}


def audit_data(run: "str | Run", groups: Sequence[GroupAccuracy]) -> dict[tuple[str, str], DataGroup]:
    """The audit of the data that made a model, for those of its `groups` that the pool's audit knows, by (field, group).

    The pairs are the run's own subset, so that it holds even if the recipe or the pool has changed. Empty if the pool is
    gone, or its groups were never found (`poolscope groups`). Counts under 10 are left out, as everywhere in the audit.
    """
    from ..audit import catalog
    from ..audit.measure import SMALLEST
    from ..pool import Pool

    run = Run.load(run)
    subset = run.path / "subset.npy"
    wanted = {(g.field, g.group): BESIDE[g.field][g.group] for g in groups if g.group in BESIDE.get(g.field, {})}
    if not wanted or not subset.is_file():
        return {}
    try:
        pool = Pool.open(run.pool)
        known = catalog.load(pool)
    except InputError:
        return {}
    rows = pool.rows_of(read_array(subset))
    mask = np.zeros(len(pool), dtype=bool)
    mask[rows[rows >= 0]] = True
    there = {definition.id for definition in known.definitions}
    by_group = {}
    for (field, group), ids in wanted.items():
        if not set(ids) <= there:
            continue
        members = np.logical_or.reduce([known.mask(id) for id in ids])
        pairs, kept = int(members.sum()), int((members & mask).sum())
        if pairs and not 0 < kept < SMALLEST:
            by_group[field, group] = DataGroup(field, group, ids, pairs, kept)
    return by_group


def _judged(task: Task, predictions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if task.kind == "faces":
        return {what: predictions[what] == predictions[f"by_{what}"] for what in ("gender", "age", "race")}
    hits = predictions["top"] == predictions["label"][:, None]
    return {"five nearest": hits.any(axis=1)} if task.kind == "groups_top5" else {"class": hits[:, 0]}


def _fields(task: Task, predictions: dict[str, np.ndarray]) -> list[str]:
    """Fields whose groups mean something: not the label again, nor dates and numbers of a camera."""
    if task.kind == "faces":
        return ["race", "gender", "age"]
    meant = {"region", "country", "income_ds", "hospital", "year", task.by, *task.values}
    return [name for name in task.fields if name in meant and f"by_{name}" in predictions]


def _by_group(task: Task, what: str, hits: np.ndarray, field: str, values: np.ndarray) -> list[GroupAccuracy]:
    accuracies = []
    names = _names(task, field)
    for value in np.unique(values[values >= 0]).tolist():
        mine = hits[values == value]
        low, high = map(float, wilson(mine.sum(), len(mine)))
        name = names[value] if value < len(names) else str(value)
        accuracies.append(
            GroupAccuracy(task.key, task.name, what, field, name, len(mine), float(mine.mean()), low, high)
        )
    return accuracies


def _names(task: Task, field: str) -> tuple[str, ...]:
    if field in task.values:
        return task.values[field]
    if task.kind == "faces":
        return {"race": RACES.get(task.key, ()), "gender": GENDERS, "age": FACE_AGES.get(task.key, ())}.get(field, ())
    return ()

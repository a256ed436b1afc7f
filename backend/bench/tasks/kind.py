"""What every kind of task has in common: prompts in, unit vectors back, examples scored as they stream by."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .shards import Sample
from .task import Task

if TYPE_CHECKING:
    import torch

Predictions = dict[str, np.ndarray]
Metrics = dict[str, float | None]


class Kind(ABC):
    """One task being evaluated. The order of calls: `prompts`, `begin`, `update` for each batch, `finish`.

    `finish` gives compact arrays with one row per example; `metrics` is a pure function of them, so that a
    paired bootstrap can compute the same number on resampled rows.
    """

    def __init__(self, task: Task, root: Path | str) -> None:
        self.task, self.root = task, root

    @abstractmethod
    def prompts(self) -> list[Sequence[str]]:
        """Groups of prompts. A group becomes one vector: each prompt's unit vector, their mean, made unit again."""

    @abstractmethod
    def begin(self, vectors: "torch.Tensor") -> None:
        """`vectors` (G, d) float32 unit vectors on the model's device, one per group of `prompts`."""

    @abstractmethod
    def update(self, features: "torch.Tensor", samples: list[Sample]) -> None:
        """`features` (b, d) float32 unit image vectors of `samples`."""

    @abstractmethod
    def finish(self) -> Predictions:
        """Arrays whose first axis is the examples."""

    @staticmethod
    @abstractmethod
    def metrics(predictions: Mapping[str, np.ndarray], task: Task) -> Metrics:
        """Every metric of the task by name; None where it is not defined (an empty group, acc5 of 4 classes)."""


class OverAllImages(Kind):
    """A task that compares texts with all its images at once: `texts` (G, d), `images` (n, d) and their `keys`."""

    def begin(self, vectors: "torch.Tensor") -> None:
        self.texts, self._parts = vectors, [vectors[:0]]
        self.keys: list[str] = []

    def update(self, features: "torch.Tensor", samples: list[Sample]) -> None:
        self._parts.append(features)
        self.keys += [sample.key for sample in samples]

    @cached_property
    def images(self) -> "torch.Tensor":
        import torch

        return torch.cat(self._parts)


def by_field(metadata: Sequence[np.ndarray], task: Task) -> Predictions:
    """The metadata vectors of the examples, `by_<field>` (n,) each."""
    values = np.stack(metadata) if metadata else np.zeros((0, len(task.fields)), np.int64)
    return {f"by_{name}": small(values[:, i]) for i, name in enumerate(task.fields)}


def fill(templates: Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(template.replace("{c}", name) for template in templates)


def mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None


def by_group(hits: np.ndarray, groups: np.ndarray, *, metric: str, field: str, worst: str = "wg") -> Metrics:
    """Accuracy per group as the `wilds` package names it: `<metric>_<field>:<i>`, `count_<field>:<i>` for i from 0
    to the largest value, and `<metric>_<worst>`, the minimum over groups that have examples.

    hits (n,) bool, groups (n,) int; a negative group takes no part.
    """
    metrics: Metrics = {}
    taken = groups >= 0
    counts = np.bincount(groups[taken])
    right = np.bincount(groups[taken], weights=hits[taken], minlength=len(counts))
    for group, count in enumerate(counts):
        metrics[f"{metric}_{field}:{group}"] = float(right[group] / count) if count else None
        metrics[f"count_{field}:{group}"] = float(count)
    filled = counts > 0
    metrics[f"{metric}_{worst}"] = float((right[filled] / counts[filled]).min()) if filled.any() else None
    return metrics


def small(values: np.ndarray) -> np.ndarray:
    """The same integers in the smallest type that holds them."""
    values = np.asarray(values)
    if values.size == 0:
        return values.astype(np.int16)
    for dtype in (np.int16, np.int32):
        if np.iinfo(dtype).min <= values.min() and values.max() <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values.astype(np.int64)

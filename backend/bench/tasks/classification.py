"""Zero-shot classification: every image takes the class whose prompts are nearest; also judged by group, as GeoDE, Dollar
Street, Camelyon17, FMoW and iWildCam are."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import kind
from .shards import Sample, lines
from .task import Task

if TYPE_CHECKING:
    import torch


class Classification(kind.Kind):
    """acc1, acc5 and mean per-class recall (balanced accuracy over the classes that occur).

    Classifier of a class: every template's `{c}` filled, encoded and normalised, the mean normalised again.
    Predictions: `label` (n,), `top` (n, min(5, classes)) class indices, best first.
    """

    def prompts(self) -> list[Sequence[str]]:
        self.names = lines(self.root, "classnames.txt")
        templates = lines(self.root, "zeroshot_classification_templates.txt")
        return [kind.fill(templates, name) for name in self.names]

    def begin(self, vectors: "torch.Tensor") -> None:
        self.classifier = vectors
        self.labels: list[int] = []
        self.tops: list[np.ndarray] = []
        self.metadata: list[np.ndarray] = []

    def update(self, features: "torch.Tensor", samples: list[Sample]) -> None:
        logits = 100.0 * features @ self.classifier.T
        self.tops.append(logits.topk(min(5, logits.shape[1]), dim=1).indices.cpu().numpy())
        self.labels += [sample.label for sample in samples]
        if self.task.fields:
            self.metadata += [sample.metadata for sample in samples]

    def finish(self) -> kind.Predictions:
        top = np.concatenate(self.tops) if self.tops else np.zeros((0, 1), np.int64)
        predictions = {"label": kind.small(np.asarray(self.labels)), "top": kind.small(top)}
        return predictions | kind.by_field(self.metadata, self.task)

    @staticmethod
    def metrics(predictions: Mapping[str, np.ndarray], task: Task) -> kind.Metrics:
        label, top = predictions["label"], predictions["top"]
        hits = top == label[:, None]
        return {
            "acc1": kind.mean(hits[:, 0]),
            "acc5": kind.mean(hits.any(axis=1)) if top.shape[1] >= 5 else None,
            "mean_per_class_recall": mean_recall(label, hits[:, 0]),
        }


def mean_recall(label: np.ndarray, hit: np.ndarray) -> float | None:
    """Mean over the classes that occur in `label` of the share of their examples that were hit."""
    if not label.size:
        return None
    counts = np.bincount(label)
    right = np.bincount(label, weights=hit, minlength=len(counts))
    return float((right[counts > 0] / counts[counts > 0]).mean())


class Groups(Classification):
    """Adds acc_avg, acc_<field>:<i>, count_<field>:<i> and the worst group's acc_wg of the field `task.by`."""

    @staticmethod
    def metrics(predictions: Mapping[str, np.ndarray], task: Task) -> kind.Metrics:
        return _by_group(predictions["top"][:, 0] == predictions["label"], predictions, task, "acc")


class GroupsTop5(Classification):
    """The same with the label among the five nearest classes: acc_top5_avg, acc_top5_<field>:<i>, acc_top5_wg."""

    @staticmethod
    def metrics(predictions: Mapping[str, np.ndarray], task: Task) -> kind.Metrics:
        hits = (predictions["top"] == predictions["label"][:, None]).any(axis=1)
        return _by_group(hits, predictions, task, "acc_top5")


def _by_group(hits: np.ndarray, predictions: Mapping[str, np.ndarray], task: Task, metric: str) -> kind.Metrics:
    groups = kind.by_group(hits, predictions[f"by_{task.by}"], metric=metric, field=task.by)
    return {**Classification.metrics(predictions, task), f"{metric}_avg": kind.mean(hits), **groups}


class Fmow(Classification):
    """Adds acc_avg, accuracy by year and by region with their worst.

    The worst region is over every region that has examples, as the reference does it: one of them has 4 images,
    so acc_worst_region moves in steps of 0.25. `acc_worst_region_clean` (ours) leaves out regions under 100 images.
    """

    @staticmethod
    def metrics(predictions: Mapping[str, np.ndarray], task: Task) -> kind.Metrics:
        hits = predictions["top"][:, 0] == predictions["label"]
        region = predictions["by_region"]
        counts = np.bincount(region[region >= 0])
        large = np.isin(region, np.flatnonzero(counts >= 100))
        clean = kind.by_group(hits[large], region[large], metric="acc", field="region")
        return {
            **Classification.metrics(predictions, task),
            "acc_avg": kind.mean(hits),
            **kind.by_group(hits, predictions["by_year"], metric="acc", field="year", worst="worst_year"),
            **kind.by_group(hits, region, metric="acc", field="region", worst="worst_region"),
            "acc_worst_region_clean": clean["acc_wg"],
        }


class IWildCam(Classification):
    """Adds acc_avg and macro recall and F1 over the classes that occur among the labels."""

    @staticmethod
    def metrics(predictions: Mapping[str, np.ndarray], task: Task) -> kind.Metrics:
        label, guess = predictions["label"], predictions["top"][:, 0]
        recall, f1 = macro(label, guess)
        return {
            **Classification.metrics(predictions, task),
            "acc_avg": kind.mean(label == guess),
            "recall-macro_all": recall,
            "F1-macro_all": f1,
        }


def macro(label: np.ndarray, guess: np.ndarray) -> tuple[float | None, float | None]:
    """(recall, F1), each the plain mean over the classes in `label`; F1 = 2·tp / (2·tp + fp + fn), 0 when undefined."""
    if not label.size:
        return None, None
    width = int(max(label.max(), guess.max())) + 1
    there = np.bincount(label, minlength=width)
    guessed = np.bincount(guess, minlength=width)
    right = np.bincount(label[label == guess], minlength=width)
    occurs = there > 0
    recall = right[occurs] / there[occurs]
    f1 = 2 * right[occurs] / (there[occurs] + guessed[occurs])
    return float(recall.mean()), float(f1.mean())

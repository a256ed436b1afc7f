"""Classification judged by group: GeoDE, Dollar Street, Camelyon17, FMoW and iWildCam."""

from collections.abc import Mapping

import numpy as np

from . import kind
from .classification import Classification
from .task import Task


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

"""Zero-shot classification: every image takes the class whose prompts are nearest."""

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

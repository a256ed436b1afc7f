"""Cross-validation: how well a classifier tells the sets apart on pairs it has not seen, with interval and permutation test."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .families.base import Features
from .folds import assign

REPLICATES = 1000


Learnt = tuple[np.ndarray, float, np.ndarray | None]
"""The probabilities `(len(test), classes)`, the accuracy on `train`, and coefficients `(classes, d)` where there are some."""

Classifier = Callable[[np.ndarray, np.ndarray, np.ndarray, int], Learnt]
"""Learns from the rows `train` (int64) for the rows `test`, by the labels of all and how many classes there are."""


@dataclass(frozen=True, eq=False)
class Accuracy:
    """One accuracy. `probability` `(n, k)` float32 comes from the fold in which a pair was tested; `coefficients`
    `(k, d)` are the mean over folds, per standard deviation of a feature."""

    accuracy: float
    low: float
    high: float
    p: float
    train_accuracy: float
    confusion: np.ndarray
    probability: np.ndarray
    coefficients: np.ndarray | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy, "low": self.low, "high": self.high, "p": self.p,
            "train_accuracy": self.train_accuracy, "confusion": self.confusion.tolist(),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Folds and resampling for one labelling of pairs, made once and used for every family.

    `labels` `(n,)` int64 in 0 … k-1, `groups` `(n,)` int64. Every fold tests whole groups.
    """

    labels: np.ndarray
    groups: np.ndarray
    folds: int = 5
    seed: int = 0
    replicates: int = REPLICATES
    threads: int = 1

    @property
    def classes(self) -> int:
        return int(self.labels.max()) + 1

    @property
    def chance(self) -> float:
        return 1 / self.classes

    @cached_property
    def fold(self) -> np.ndarray:
        return assign(self.labels, self.groups, folds=self.folds, seed=self.seed)

    def accuracy_of(self, classifier: Classifier, *, tick: Callable[[int], None] = lambda done: None) -> Accuracy:
        """Cross-validates `classifier`, `threads` folds at once; balanced accuracy, 95 % interval by bootstrap of groups, permutation p."""
        from threadpoolctl import threadpool_limits

        probability = np.zeros((len(self.labels), self.classes), dtype=np.float32)
        seen, coefficients = [], []
        parts = [(np.flatnonzero(self.fold != fold), np.flatnonzero(self.fold == fold)) for fold in range(self.folds)]
        with threadpool_limits(1 if self.threads > 1 else None), ThreadPoolExecutor(self.threads) as pool:
            learnt = pool.map(lambda part: classifier(part[0], part[1], self.labels, self.classes), parts)
            for fold, ((_, test), (shares, accuracy, weights)) in enumerate(zip(parts, learnt)):
                probability[test] = shares
                seen.append(accuracy)
                if weights is not None:
                    coefficients.append(weights)
                tick(fold + 1)
        predicted = probability.argmax(axis=1)
        confusion = confusion_of(self.labels, predicted, self.classes)
        low, high = self._interval(predicted)
        accuracy = balanced(confusion)
        return Accuracy(
            accuracy, low, high, self._p(predicted, accuracy), float(np.mean(seen)), confusion, probability,
            np.mean(coefficients, axis=0) if coefficients else None,
        )  # fmt: skip

    def _interval(self, predicted: np.ndarray) -> tuple[float, float]:
        """95 % percentile interval over resampled groups."""
        k = self.classes
        per_group = np.zeros((int(self.groups.max()) + 1, k * k), dtype=np.float32)
        np.add.at(per_group, (self.groups, self.labels * k + predicted), 1)
        tables = np.concatenate([part @ per_group for part in self._draws]).reshape(-1, k, k)
        hits = np.einsum("bii->bi", tables) / np.maximum(tables.sum(axis=2), 1)
        low, high = np.quantile(hits.mean(axis=1), [0.025, 0.975])
        return float(low), float(high)

    @cached_property
    def _draws(self) -> list[np.ndarray]:
        """How often each group is in each bootstrap sample, `(b, groups)` float32 blocks."""
        count = int(self.groups.max()) + 1
        rng = np.random.default_rng([self.seed, 1])
        rows = [
            np.bincount(rng.integers(0, count, count), minlength=count).astype(np.float32)
            for _ in range(self.replicates)
        ]
        return [np.stack(rows[start : start + 100]) for start in range(0, self.replicates, 100)]

    def _p(self, predicted: np.ndarray, accuracy: float) -> float:
        """The share of relabellings that agree at least as well with the predictions, (1 + hits) / (1 + replicates).

        Relabelling without learning anew misses that in cross-validation two alike pairs predict each other, which
        doubles the variance of the accuracy; so a relabelling's distance from chance is widened by the root of 2.
        """
        ordered = predicted[self._by_group]
        hits = 0
        counts = np.bincount(self.labels, minlength=self.classes)
        for block in self._relabelled:
            agreed = np.zeros(len(block))
            for one in range(self.classes):
                agreed += ((block == one) & (ordered == one)).sum(axis=1) / counts[one]
            widened = self.chance + np.sqrt(2) * (agreed / self.classes - self.chance)
            hits += int(np.count_nonzero(widened >= accuracy - 1e-12))
        return (1 + hits) / (1 + self.replicates)

    @cached_property
    def _by_group(self) -> np.ndarray:
        return np.argsort(self.groups, kind="stable")

    @cached_property
    def _relabelled(self) -> list[np.ndarray]:
        """Labels laid over the pairs in another order of groups, `(b, n)` uint8 blocks: a group's labels stay together,
        so that ties within groups don't make chance look rarer than it is."""
        rng = np.random.default_rng([self.seed, 2])
        labels, groups = self.labels[self._by_group].astype(np.uint8), self.groups[self._by_group]
        rows = []
        for _ in range(self.replicates):
            luck = rng.random(int(self.groups.max()) + 1)
            rows.append(labels[np.argsort(luck[groups], kind="stable")])
        return [np.stack(rows[start : start + 100]) for start in range(0, self.replicates, 100)]


def logistic(features: Features, *, strength: float = 0.01, steps: int = 120) -> Classifier:
    """Standardised features and a multinomial logistic regression with balanced class weights.

    `strength` is scikit-learn's C for standardised features; sparse features are not standardised and take C = 1.
    """
    matrix = features.matrix
    sparse = hasattr(matrix, "tocsr")

    def learn(train: np.ndarray, test: np.ndarray, labels: np.ndarray, classes: int) -> Learnt:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        seen, unseen = matrix[train], matrix[test]
        if features.scale and not sparse:
            scaler = StandardScaler(copy=False).fit(seen)
            seen, unseen = np.clip(scaler.transform(seen), -8, 8), np.clip(scaler.transform(unseen), -8, 8)
        model = LogisticRegression(
            C=1.0 if sparse or not features.scale else strength, max_iter=steps, tol=1e-3, class_weight="balanced"
        ).fit(seen, labels[train])
        share = np.zeros((len(test), classes), dtype=np.float32)
        share[:, model.classes_] = model.predict_proba(unseen)
        coefficients = np.zeros((classes, matrix.shape[1]))
        if len(model.classes_) == 2:
            coefficients[model.classes_] = np.concatenate([-model.coef_, model.coef_]) / 2
        else:
            coefficients[model.classes_] = model.coef_
        accuracy_seen = balanced(confusion_of(labels[train], model.predict(seen), classes))
        return share, accuracy_seen, coefficients

    return learn


def confusion_of(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """`(k, k)` int64: rows the true set, columns the predicted one."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def balanced(confusion: np.ndarray) -> float:
    """The mean over sets of the share that was recognised."""
    return float((np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)).mean())

"""What the sets differ by, in things, words and images that a reader understands."""

from typing import Any

import numpy as np

from ..progress import Progress
from ..search import terms as words
from . import describing, examples, objects
from .accuracies import Accuracies
from .families.colour import APPEARANCE
from .sample import Sample
from .settings import Settings
from .validation import CrossValidation


def add(
    report: dict[str, Any],
    sample: Sample,
    validation: CrossValidation,
    accuracies: Accuracies,
    settings: Settings,
    progress: Progress,
) -> None:
    """Puts `appearance`, `objects`, `words`, `topics`, `examples` and `descriptions` into the report."""
    progress(0, 5, "appearance")
    if "appearance" in accuracies.features:
        report["appearance"] = appearance(accuracies.features["appearance"].matrix, sample.labels, len(sample.sets))
    progress(1, 5, "objects")
    report["objects"] = objects.of_sample(sample, validation, settings)
    if sample.texts is not None and any(sample.texts):
        progress(2, 5, "words")
        report["words"] = words.marking(sample.texts, sample.labels, len(sample.sets))
        progress(3, 5, "topics")
        report["topics"] = words.topics(sample.texts, sample.labels, len(sample.sets), seed=settings.seed)
    progress(4, 5, "examples")
    best = _for_examples(accuracies)
    report["examples"] = {
        "family": best,
        "sets": examples.typical(sample, accuracies.measured[best], validation.groups),
    }
    report["descriptions"] = {"by": "figures", "sets": describing.from_figures(sample.names, report)}
    if settings.endpoint is not None and sample.texts is not None:
        progress(4, 5, f"descriptions by {settings.endpoint.model}")
        report["descriptions"] = {
            "by": settings.endpoint.model, "sets": describing.by_model(sample, settings.endpoint)
        }  # fmt: skip


def appearance(matrix: np.ndarray, labels: np.ndarray, classes: int) -> list[dict[str, Any]]:
    """Per property its mean in each set and elsewhere, and the difference in pooled standard deviations (Cohen's d)."""
    rows = []
    for place, name in enumerate(APPEARANCE):
        column = matrix[:, place].astype(np.float64)
        inside, outside, effect = [], [], []
        for one in range(classes):
            own, other = column[labels == one], column[labels != one]
            spread = np.sqrt((own.var() + other.var()) / 2)
            inside.append(float(own.mean()))
            outside.append(float(other.mean()))
            effect.append(float((own.mean() - other.mean()) / spread) if spread > 1e-9 else 0.0)
        rows.append({"name": name, "mean": inside, "elsewhere": outside, "effect": effect})
    return rows


def _for_examples(accuracies: Accuracies) -> str:
    """The family whose probabilities choose the typical images: the one that sees most of the images."""
    seen = [
        name
        for name in accuracies.measured
        if name in ("original", "hog", "harmonised") or (name.startswith("embedding_") and name.endswith("_img"))
    ]
    return max(seen or accuracies.measured, key=lambda name: accuracies.measured[name].accuracy)

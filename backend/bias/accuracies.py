"""Measuring the families of a sample, one after the other, with the classifier that the settings name."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..errors import InputError
from ..progress import Progress, silent
from . import examples
from .controls import Learner
from .families import EmbeddingProbe, Family, Features, ImageFamily, chosen, on_request, weight_free
from .families.weights import with_weights
from .network import CONVNEXT, SMALL, network_classifier
from .sample import Sample
from .sets import PairSet, common_embeddings
from .settings import Settings, stage
from .validation import Accuracy, Classifier, CrossValidation, logistic

PUBLISHED_CHANCE = 1 / 3
READABLE = ("appearance", "colour", "mean_rgb", "caption_words", "caption_form", "file_facts")
SHOWN = 15


@dataclass(frozen=True, eq=False)
class Accuracies:
    """What was measured, by family name; `control` is the family that the controls use, `learner` its classifier."""

    families: list[Family]
    measured: dict[str, Accuracy]
    features: dict[str, Features]
    strips: dict[str, list[str]]
    seconds: dict[str, float]
    control: Family
    learner: Learner

    def entries(self, chance: float) -> list[dict[str, Any]]:
        """The `families` of the report, the highest accuracy first."""
        listed = [self._entry(family, chance) for family in self.families]
        return sorted(listed, key=lambda entry: -entry["accuracy"])

    def _entry(self, family: Family, chance: float) -> dict[str, Any]:
        measured = self.measured[family.name]
        entry: dict[str, Any] = {
            "family": family.name, "title": family.label, "group": family.group, "keeps": family.keeps,
            "parameters": family.parameters(), "published": _published(family, chance),
            "seconds": round(self.seconds[family.name], 1), "strips": self.strips.get(family.name, []),
        }  # fmt: skip
        if family.name in READABLE and measured.coefficients is not None:
            entry["coefficients"] = _strongest(measured.coefficients, self.features[family.name].names)
        return entry | measured.as_json()


def check(sets: Sequence[PairSet], settings: Settings) -> None:
    """Raises InputError for a family that no sample of these sets could have, before anything is read."""
    chosen(_offered(common_embeddings(sets), settings), settings.families)


def families_of(sample: Sample, settings: Settings) -> tuple[list[Family], list[dict[str, str]]]:
    """The families to measure, and those left out with the reason. InputError if none is left."""
    asked = chosen(_offered(sample.embeddings, settings), settings.families)
    why = {family.name: family.missing(sample) for family in asked}
    left_out = [{"family": name, "why": reason} for name, reason in why.items() if reason]
    if len(left_out) == len(asked):
        raise InputError(
            f"none of the asked families can be measured: {left_out[0]['family']}: {left_out[0]['why']}; choose others."
        )
    return [family for family in asked if not why[family.name]], left_out


def _offered(columns: Sequence[str], settings: Settings) -> list[Family]:
    named = on_request() if settings.families else []
    probes = [EmbeddingProbe(column=column) for column in columns]
    return [*weight_free(), *named, *probes, *with_weights(settings.weights, settings.device)]


def accuracies_of(
    families: Sequence[Family],
    sample: Sample,
    validation: CrossValidation,
    settings: Settings,
    progress: Progress = silent,
) -> Accuracies:
    """Features, cross-validation and example strips of each family."""
    control = _control(families)
    measured: dict[str, Accuracy] = {}
    kept: dict[str, Features] = {}
    strips: dict[str, list[str]] = {}
    seconds: dict[str, float] = {}
    rows = examples.first_rows(sample)
    for number, family in enumerate(families):
        began = time.monotonic()
        part = stage(progress, number / len(families), (number + 1) / len(families), family.label)
        classifier, features = classifier_of(family, sample, settings, stage(part, 0.0, 0.6))
        measured[family.name] = validation.accuracy_of(
            classifier, tick=partial(stage(part, 0.6, 1.0), total=validation.folds)
        )
        if features is not None and family.name in (*READABLE, control.name):
            kept[family.name] = features
        if isinstance(family, ImageFamily):
            strips[family.name] = examples.transformed(sample, family, rows)
        seconds[family.name] = time.monotonic() - began
    return Accuracies(
        list(families), measured, kept, strips, seconds, control, _learner(control, sample, settings, kept)
    )


def classifier_of(
    family: Family, sample: Sample, settings: Settings, progress: Progress = silent
) -> tuple[Classifier, Features | None]:
    """A network for a family of images when the settings ask for one; else logistic regression on its features."""
    if settings.classifier == "logistic" or not isinstance(family, ImageFamily):
        features = family.features(sample, progress)
        return logistic(features), features
    from .families.base import by_chunk

    changed = by_chunk(sample, lambda block, start: family.change(block, sample, start), progress)
    return _network(changed, family, settings), None


def _network(images: np.ndarray, family: ImageFamily, settings: Settings) -> Classifier:
    training = dataclasses.replace(
        CONVNEXT if settings.classifier == "convnext" else SMALL, device=settings.device, seed=settings.seed
    )
    if settings.epochs:
        training = dataclasses.replace(training, epochs=settings.epochs)
    return network_classifier(images, training, photographic=family.photographic, mirror=family.mirror)


def _control(families: Sequence[Family]) -> Family:
    """The family that sees most: the original images, else an embedding of images, else the first."""
    named = {family.name: family for family in families}
    embedded = [name for name in named if name.startswith("embedding_")]
    images = [name for name in embedded if name.endswith("_img")]
    return named[next((name for name in ("original", *images, *embedded) if name in named), families[0].name)]


def _learner(control: Family, sample: Sample, settings: Settings, kept: dict[str, Features]) -> Learner:
    if control.name not in kept:
        assert isinstance(control, ImageFamily)
        assert sample.images is not None
        images = sample.images
        return lambda rows: _network(images[rows], control, settings)
    features = kept[control.name]
    return lambda rows: logistic(Features(features.matrix[rows], features.names, features.scale))


def _published(family: Family, chance: float) -> dict[str, float] | None:
    """The published accuracy, its deviation, and where the same share of the way from chance to 1 lies here."""
    if family.reference is None:
        return None
    accuracy, deviation = family.reference[0] / 100, family.reference[1] / 100
    skill = (accuracy - PUBLISHED_CHANCE) / (1 - PUBLISHED_CHANCE)
    return {
        "accuracy": accuracy, "deviation": deviation, "chance": PUBLISHED_CHANCE,
        "here": chance + skill * (1 - chance),
    }  # fmt: skip


def _strongest(coefficients: np.ndarray, names: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Per set the features whose coefficient speaks most for it."""
    strongest = []
    for row in coefficients:
        order = [int(place) for place in np.argsort(-row, kind="stable")[:SHOWN] if row[place] > 0]
        strongest.append([{"feature": names[place], "coefficient": float(row[place])} for place in order])
    return strongest

"""Objects: zero-shot labels from stored embeddings, their share per set, and which of them mark a set."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..models import Model
from .families.base import Features
from .sample import DETECTED, Sample
from .settings import Settings
from .validation import CrossValidation, balanced, confusion_of, logistic

LISTS = Path(__file__).parent / "lists"
LEAST = 10  # images; rarer classes are not shown
SHOWN = 12
TEMPLATES = ("an image of a {}", "a photo of a {}", "{}")
KNOWN = {"l14": "ViT-L-14/openai", "b32": "ViT-B-32/openai", "b16": "ViT-B-16/openai"}


@dataclass(frozen=True, eq=False)
class Classes:
    """Names of classes and, per class, the phrases that name it."""

    source: str
    names: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]


def class_list(named: str) -> Classes:
    """`everyday`, `imagenet`, or a file: one class per line (synonyms with commas), or a JSON with `categories` (LVIS,
    COCO) or a list of names. Raises InputError for a file that is missing or has fewer than two classes."""
    if named == "imagenet":
        from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

        return _classes(named, list(IMAGENET_CLASSNAMES), split=False)
    path = LISTS / "everyday.txt" if named == "everyday" else Path(named)
    if not path.is_file():
        raise InputError(f"no class list {named!r}; give everyday, imagenet, or a file with one class per line.")
    try:
        text = path.read_text()
        if path.suffix == ".json":
            content = json.loads(text)
            entries = content["categories"] if isinstance(content, dict) else content
            lines = [one["name"].replace("_", " ") if isinstance(one, dict) else str(one) for one in entries]
        else:
            lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{named!r} can't be read as a class list; write one class per line.") from None
    return _classes(named, lines, split=path.suffix != ".json")


def _classes(source: str, lines: Sequence[str], *, split: bool) -> Classes:
    lines = list(dict.fromkeys(lines))
    if len(lines) < 2:
        raise InputError(f"the class list {source!r} names {len(lines)} classes; two are the least.")
    phrases = tuple(
        tuple(part.strip() for part in line.split(",") if part.strip()) if split else (line,) for line in lines
    )
    return Classes(source, tuple(parts[0] for parts in phrases), phrases)


def text_tower(sample: Sample, column: str) -> str:
    """The model that made an embedding column, as `poolscope embed` recorded it; DataComp's by name; else empty."""
    for part in sample.sets:
        if part.pool is not None and column in part.pool.columns:
            made_by = part.pool.columns[column].made_by.get("model")
            return str(made_by or KNOWN.get(column.removesuffix("_img"), ""))
    return ""


def text_vectors(classes: Classes, model: str) -> tuple[np.ndarray, float]:
    """`(c, d)` float32 unit vectors, the mean over templates and synonyms, and the model's logit scale.

    Raises InputError if the model's weights can't be had.
    """
    loaded = Model.parse(model).load("cpu")
    templates = TEMPLATES if len(classes.names) <= 400 else TEMPLATES[1:2]
    prompts = [
        (number, template.format(phrase))
        for number, phrases in enumerate(classes.phrases)
        for phrase in phrases
        for template in templates
    ]
    owner = np.asarray([number for number, _ in prompts])
    vectors = np.concatenate(
        [loaded.texts([text for _, text in prompts[start : start + 256]]) for start in range(0, len(prompts), 256)]
    )
    mean = np.zeros((len(classes.names), vectors.shape[1]), dtype=np.float32)
    np.add.at(mean, owner, vectors)
    scale = getattr(loaded.network, "logit_scale", None)
    factor = float(scale.detach().exp()) if scale is not None else 100.0
    return mean / np.linalg.norm(mean, axis=1, keepdims=True), factor


def presence(vectors: np.ndarray, texts: np.ndarray, scale: float, *, threshold: float) -> np.ndarray:
    """`(n, c)` bool: a class is there when its softmax share over all classes reaches `threshold`.

    `vectors` `(n, d)`, `texts` `(c, d)` unit float32. Several classes can be there, or none.
    """
    present = np.empty((len(vectors), len(texts)), dtype=bool)
    for start in range(0, len(vectors), 4096):
        logits = scale * (vectors[start : start + 4096] @ texts.T)
        share = np.exp(logits - logits.max(axis=1, keepdims=True))
        present[start : start + 4096] = share / share.sum(axis=1, keepdims=True) >= threshold
    return present


def analyse(there: np.ndarray, names: Sequence[str], validation: CrossValidation) -> dict[str, Any]:
    """What B4 of the paper reports, for `(n, c)` presence.

    `share` of class c in set d is its rate in d over the sum of its rates; a class counts once per image and needs at
    least 10 images. `coefficients` come from a logistic regression on presence; `baseline` is the accuracy of naming
    the set in which the image's most telling class is most frequent, counted on the other folds.
    """
    labels, k = validation.labels, validation.classes
    size = np.bincount(labels, minlength=k)
    count = np.stack([there[labels == one].sum(axis=0) for one in range(k)])
    frequent = count.sum(axis=0) >= max(LEAST, len(labels) // 1000)
    rate = count / size[:, None]
    share = rate / np.maximum(rate.sum(axis=0), 1e-12)
    per_picture = there.sum(axis=1)
    model = validation.accuracy_of(logistic(Features(there.astype(np.float32), scale=False)))
    weights = model.coefficients
    assert weights is not None

    def best(values: np.ndarray, one: int) -> list[dict[str, Any]]:
        order = [int(c) for c in np.argsort(-np.where(frequent, values, -np.inf), kind="stable")[:SHOWN] if frequent[c]]
        return [
            {"class": names[c], "share": float(share[one, c]), "rate": float(rate[one, c]),
             "coefficient": float(weights[one, c])}
            for c in order
        ]  # fmt: skip

    return {
        "accuracy": model.accuracy, "low": model.low, "high": model.high, "p": model.p,
        "baseline": _baseline(there, validation),
        "frequent": int(frequent.sum()),
        "per_picture": [
            {"mean": float(per_picture[labels == one].mean()),
             "quartiles": np.quantile(per_picture[labels == one], [0.25, 0.5, 0.75]).tolist(),
             "histogram": np.bincount(np.minimum(per_picture[labels == one], 10), minlength=11).tolist()}
            for one in range(k)
        ],
        "highest_share": [best(share[one], one) for one in range(k)],
        "highest_coefficient": [best(weights[one], one) for one in range(k)],
        "rates": {names[c]: rate[:, c].tolist() for c in np.flatnonzero(frequent).tolist()},
    }  # fmt: skip


def _baseline(there: np.ndarray, validation: CrossValidation) -> float:
    """Accuracy without a fitted model: the set in which the image's most telling class is most frequent."""
    predicted = np.zeros(len(there), dtype=np.int64)
    for fold in range(validation.folds):
        train, test = validation.fold != fold, np.flatnonzero(validation.fold == fold)
        inside = [train & (validation.labels == one) for one in range(validation.classes)]
        rate = np.stack([there[rows].mean(axis=0) for rows in inside]) + 1e-4
        share = rate / rate.sum(axis=0)
        telling = np.where(there[test], share.max(axis=0), 0)
        predicted[test] = np.where(there[test].any(axis=1), share.argmax(axis=0)[telling.argmax(axis=1)], 0)
    return balanced(confusion_of(validation.labels, predicted, validation.classes))


def of_sample(sample: Sample, validation: CrossValidation, settings: Settings) -> dict[str, Any]:
    """The object analysis of a sample, or `{"missing": why}` when there is no embedding or no text tower for it.

    A detector that was given weights for has found the objects already; else they are zero-shot labels.
    """
    if len(sample.shared.get(DETECTED, ())) == len(sample):
        return _by_detector(sample, validation)
    listed, threshold = class_list(settings.classes), settings.threshold
    columns = [name for name in sample.embeddings if name.endswith("_img")]
    if not columns:
        return {"missing": "the sets have no image embedding in common"}
    column = next((name for name in columns if text_tower(sample, name)), columns[0])
    tower = settings.model or text_tower(sample, column)
    if not tower:
        return {"missing": f"it is not known which model made {column}; name it with --tower"}
    try:
        if not settings.model and not Model.parse(tower).at_hand:  # a report fetches nothing unasked
            return {
                "missing": f"the weights of {tower}, which made {column}, are not on this disk; name them with --tower"
            }
        texts, scale = text_vectors(listed, tower)
    except InputError as error:
        return {"missing": f"the text tower of {column} can't be loaded: {error}"}
    vectors = sample.vectors(column)
    if vectors.shape[1] != texts.shape[1]:
        return {"missing": f"{tower} has {texts.shape[1]} dimensions, {column} has {vectors.shape[1]}"}
    objects = analyse(presence(vectors, texts, scale, threshold=threshold), listed.names, validation)
    about = {"by": "zero-shot labels", "column": column, "model": tower}
    return {**about, "classes": listed.source, "of": len(listed.names), "threshold": threshold, **objects}


def _by_detector(sample: Sample, validation: CrossValidation) -> dict[str, Any]:
    detections = [sample.shared[DETECTED][place] for place in range(len(sample))]
    names = sorted(frozenset().union(*detections))
    if len(names) < 2:
        return {"missing": f"the detector found {len(names)} classes in all images"}
    number = {name: place for place, name in enumerate(names)}
    there = np.zeros((len(sample), len(names)), dtype=bool)
    for row, classes in enumerate(detections):
        there[row, [number[name] for name in classes]] = True
    return {"by": "a detector", "of": len(names), **analyse(there, names, validation)}

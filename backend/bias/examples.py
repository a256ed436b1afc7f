"""Images in the report: the same few after every transformation, and the most typical ones of each set."""

import base64
import io
from typing import Any

import numpy as np

from .families import ImageFamily
from .sample import Sample
from .validation import Accuracy

PER_SET = 6
TYPICAL = 24
GAP = 4


def strip(images: np.ndarray) -> str:
    """`(n, s, s, 3)` side by side as a data address of one WebP."""
    from PIL import Image

    if not len(images):
        return ""
    gap = np.full((images.shape[1], GAP, 3), 255, dtype=np.uint8)
    row = [part for image in images for part in (image, gap)][:-1]
    out = io.BytesIO()
    Image.fromarray(np.concatenate(row, axis=1)).save(out, "WEBP", quality=75, method=4)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def transformed(sample: Sample, family: ImageFamily, rows: list[np.ndarray]) -> list[str]:
    """One strip per set: the images `rows[set]` as the family leaves them."""
    assert sample.images is not None
    strips = []
    for chosen in rows:
        shown = [family.show(sample.images[row : row + 1], sample, int(row)) for row in chosen]
        strips.append(strip(np.concatenate(shown)) if shown else "")
    return strips


def first_rows(sample: Sample) -> list[np.ndarray]:
    """Per set the same few rows for every transformation: the first in the order of a hash."""
    return [sample.shuffled(sample.of_set(one), 31)[:PER_SET] for one in range(len(sample.sets))]


def typical(sample: Sample, measured: Accuracy, groups: np.ndarray) -> list[dict[str, Any]]:
    """Per set the pairs that the classifier is surest of, and those it takes for another set; one of each group.

    `pool_rows` are rows of the set's pool, `strip` shows the images where there are some.
    """
    probability = measured.probability
    predicted = probability.argmax(axis=1)
    examples = []
    for one in range(len(sample.sets)):
        own = sample.of_set(one)
        sure = own[np.argsort(-probability[own, one], kind="stable")]
        wrong = own[predicted[own] != one]
        wrong = wrong[np.argsort(probability[wrong, one], kind="stable")]
        chosen = {"typical": _apart(sure, groups), "mistaken": _apart(wrong, groups)}
        entry: dict[str, Any] = {}
        for name, rows in chosen.items():
            entry[name] = {
                "pool_rows": sample.rows[rows].tolist(),
                "probability": [round(float(probability[row, one]), 4) for row in rows],
                "captions": [sample.texts[row][:200] if sample.texts else "" for row in rows],
                "strip": strip(sample.images[rows[:12]]) if sample.images is not None else "",
            }
        examples.append(entry)
    return examples


def _apart(rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The first rows, one of each group."""
    _, first = np.unique(groups[rows], return_index=True)
    return rows[np.sort(first)[:TYPICAL]]

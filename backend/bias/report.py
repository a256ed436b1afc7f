"""The bias report: sample, groups, families, controls, objects, words and examples in one JSON-able dictionary."""

import hashlib
import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import files
from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from ..versions import __version__
from . import explain, objects
from .accuracies import Accuracies, accuracies_of, check, classifier_of, families_of
from .controls import memorisation, null
from .families.plain import FileFacts, Harmonised
from .groups import find
from .headline import corrected
from .sample import Sample, draw
from .sets import PairSet, overlap
from .settings import STEPS, Settings, stage
from .validation import CrossValidation


def build(sets: Sequence[PairSet], settings: Settings | None = None, *, progress: Progress = silent) -> dict[str, Any]:
    """Makes the report on 2 or more sets.

    Raises InputError for sets, families or settings that can't be used.
    """
    settings = settings or Settings()
    if len(sets) < 2:
        raise InputError(f"a report compares 2 or more sets, not {len(sets)}; give a second recipe, pool or target.")
    check(sets, settings)
    objects.class_list(settings.classes)
    began = time.monotonic()
    sample = draw(
        sets, per_set=settings.per_set, size=settings.size, seed=settings.seed, progress=stage(progress, 0.0, 0.15)
    )
    groups, tied = find(sample, stage(progress, 0.15, 0.2))
    folds, at_once = settings.folds, settings.folds_at_once
    validation = CrossValidation(labels=sample.labels, groups=groups, folds=folds, seed=settings.seed, threads=at_once)
    families, left_out = families_of(sample, settings)
    accuracies = accuracies_of(families, sample, validation, settings, stage(progress, 0.2, 0.75))
    report = _head(sample, tied, validation, settings)
    entries = accuracies.entries(validation.chance)
    report["families"] = [one | {"p_holm": p} for one, p in zip(entries, corrected(entries))]
    report["left_out"] = left_out
    report["controls"] = _controls(sample, validation, accuracies, settings, stage(progress, 0.75, 0.88, "controls"))
    explain.add(report, sample, validation, accuracies, settings, stage(progress, 0.88, 1.0))
    report["seconds"] = round(time.monotonic() - began, 1)
    progress(STEPS, STEPS, "done")
    return report


def save(report: Mapping[str, Any], pool: Pool) -> Path:
    """Keeps the report with the pool as `reports/bias-<time>-<digest>.json`."""
    digest = hashlib.sha256(repr((report["sets"], report["settings"], report["made"])).encode()).hexdigest()[:8]
    path = pool.path / "reports" / f"bias-{time.strftime('%Y%m%d-%H%M%S')}-{digest}.json"
    files.write_json(path, report)
    return path


def kept_reports(pool: Pool) -> list[Path]:
    """The bias reports kept with the pool, newest first."""
    return sorted((pool.path / "reports").glob("bias-*.json"), reverse=True)


def _head(sample: Sample, groups: dict[str, Any], validation: CrossValidation, settings: Settings) -> dict[str, Any]:
    unreadable = sample.unreadable or (0,) * len(sample.sets)
    sets = [
        part.as_json() | {"sampled": int(sample.counts[number]), "unreadable": unreadable[number]}
        for number, part in enumerate(sample.sets)
    ]
    return {
        "kind": "bias", "sets": sets, "overlap": overlap(sample.sets), "chance": validation.chance, "groups": groups,
        "settings": settings.as_json(), "poolscope": __version__, "made": time.strftime("%Y-%m-%dT%H:%M:%S"),
    }  # fmt: skip


def _controls(
    sample: Sample,
    validation: CrossValidation,
    accuracies: Accuracies,
    settings: Settings,
    progress: Progress,
) -> dict[str, Any]:
    """Null and memorisation on the family that sees most; shortcut and re-encoding, measured here if nobody asked."""
    done = itertools.count(1)

    def tick() -> None:
        progress(min(next(done), 8), 8)

    accuracy = {name: one.accuracy for name, one in accuracies.measured.items()}
    for family in (FileFacts(), *([Harmonised()] if "original" in accuracy else [])):
        if family.name not in accuracy and not family.missing(sample):
            accuracy[family.name] = validation.accuracy_of(classifier_of(family, sample, settings)[0]).accuracy
    figures: dict[str, Any] = {"family": accuracies.control.name}
    figures["null"] = null(sample, validation.groups, accuracies.learner, settings=settings, tick=tick)
    figures["memorisation"] = memorisation(sample, validation.groups, accuracies.learner, settings=settings, tick=tick)
    figures["shortcut"] = accuracy.get("file_facts")
    if "original" in accuracy and "harmonised" in accuracy:
        figures["harmonised"] = {
            "original": accuracy["original"], "harmonised": accuracy["harmonised"],
            "lost": accuracy["original"] - accuracy["harmonised"],
        }  # fmt: skip
    return figures

"""A sweep: a grid of recipes and seeds as one queue of runs, and its response curve."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backend import files, paths
from backend.bench.board import row_of
from backend.bench.run import check_id, runs
from backend.bench.scales import scale_named
from backend.bench.tasks import tasks_list
from backend.errors import InputError

if TYPE_CHECKING:
    from backend.pool import Pool
    from backend.recipe import Recipe

FRACTIONS = (0.2, 0.4, 0.6, 0.8, 1.0)
LARGEST = 500


@dataclass(frozen=True)
class Cell:
    """One run of a sweep: a recipe, the score and fraction it varies, a seed, the job that runs it."""

    recipe: str
    axis: str
    value: float
    seed: int
    job: int | None = None


@dataclass(frozen=True)
class Sweep:
    """A grid that was started; `sweeps/<id>.json` in the home."""

    id: str
    scale: str
    pool: str
    cells: tuple[Cell, ...]
    created: float = field(default_factory=time.time)

    @property
    def path(self) -> Path:
        return paths.home() / "sweeps" / f"{self.id}.json"

    def save(self) -> None:
        content = {"id": self.id, "scale": self.scale, "pool": self.pool, "created": self.created,
                   "cells": [vars(cell) for cell in self.cells]}  # fmt: skip
        files.write_json(self.path, content)

    @classmethod
    def load(cls, name: str) -> "Sweep":
        path = paths.home() / "sweeps" / f"{check_id(name)}.json"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json"))) or "none"
            raise InputError(f"sweep {name!r} does not exist; there are: {known}")
        content = files.read_json(path)
        cells = tuple(Cell(**cell) for cell in content["cells"])
        return cls(content["id"], content["scale"], content["pool"], cells, content["created"])


def sweeps() -> list[Sweep]:
    """Every sweep of this home, newest first."""
    found = [Sweep.load(path.stem) for path in (paths.home() / "sweeps").glob("*.json")]
    return sorted(found, key=lambda sweep: sweep.created, reverse=True)


def grid(
    scores: Sequence[str], fractions: Sequence[float] = FRACTIONS, *, base: "Recipe | None" = None
) -> "list[tuple[Recipe, str, float]]":
    """(recipe, score, fraction) for each score and fraction: the rules of `base`, then `{score, top: fraction}`.

    Fraction 1 keeps everything that `base` keeps and is the same for all scores, so it appears once, without a rule
    (pairs without a score stay in: it is the "no filter" that the others are compared with).
    """
    from backend.recipe import Recipe

    rules = [rule.model_dump(mode="json", by_alias=True, exclude_defaults=True) for rule in base.keep] if base else []
    prefix = f"{base.name}, " if base else ""
    found: list[tuple[Recipe, str, float]] = []
    if any(not 0 < fraction <= 1 for fraction in fractions):
        raise InputError(f"fractions are {list(fractions)}; each must be above 0 and at most 1")
    if 1.0 in fractions:
        found.append((Recipe.model_validate({"name": base.name if base else "no filter", "keep": rules}), "", 1.0))
    for score in scores:
        for fraction in fractions:
            if fraction < 1:
                name = f"{prefix}{score} {fraction * 100:g} %"
                content = {"name": name, "keep": [*rules, {"score": score, "top": fraction}]}
                found.append((Recipe.model_validate(content), score, fraction))
    return found


def start(
    pool: "Pool | str | Path", scores: Sequence[str], *, scale: str = "demo", fractions: Sequence[float] = FRACTIONS,
    seeds: Sequence[int] = (0, 1, 2), base: "Recipe | None" = None, device: str = "cpu", name: str | None = None,
) -> Sweep:  # fmt: skip
    """Queues one `poolscope train` job per recipe and seed; seeds of a recipe run one after the other, so that stopping
    early leaves whole columns of the grid.

    Raises InputError for a score that the pool lacks, a grid of more than 500 runs, or one that is empty.
    """
    from backend import jobs
    from backend.pool import Pool
    from backend.recipe import dump

    opened = pool if isinstance(pool, Pool) else Pool.open(pool)
    scale_named(scale)
    for score in scores:
        opened.require(score, "score")
    recipes = grid(scores, fractions, base=base)
    if not recipes or not seeds:
        raise InputError("the sweep has no run: give at least one score, one fraction and one seed")
    if len(recipes) * len(seeds) > LARGEST:
        raise InputError(
            f"the sweep has {len(recipes) * len(seeds)} runs, at most {LARGEST} are allowed; take fewer values"
        )
    identity = check_id(name or f"sweep-{time.strftime('%Y%m%d-%H%M%S')}")
    directory = paths.home() / "sweeps" / identity
    if directory.exists():
        raise InputError(f"sweep {identity!r} exists; choose another name")
    cells: list[Cell] = []
    for number, (recipe, score, fraction) in enumerate(recipes):
        file = directory / f"{number:03d}.yaml"
        files.write_text(file, dump(recipe))
        for seed in seeds:
            argv = ["train", str(file), "--scale", scale, "--pool", str(opened.path.resolve()), "--seed", str(seed)]
            job = jobs.submit(argv, kind="train", device=device, title=f"{recipe.name}, seed {seed} ({identity})")
            cells.append(Cell(recipe.name, score, fraction, seed, job))
            Sweep(identity, scale, str(opened.path.resolve()), tuple(cells)).save()
    return Sweep.load(identity)


def stop(name: str) -> int:
    """Cancels what of a sweep is queued or running; what is done stays. Returns how many jobs were cancelled."""
    from backend import jobs

    stopped = 0
    # Queued ones first: cancelling the running one would start the next.
    for state in ("queued", "running"):
        for cell in Sweep.load(name).cells:
            if cell.job is not None and jobs.get(cell.job).state == state:
                jobs.cancel(cell.job)
                stopped += 1
    return stopped


@dataclass(frozen=True)
class Point:
    """A point of a response curve: mean and sample deviation of the average over the seeds that are done."""

    axis: str
    value: float
    recipe: str
    kept: int | None
    seeds: tuple[int, ...]
    mean: float
    sd: float | None
    tasks: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        return {"axis": self.axis, "value": self.value, "recipe": self.recipe, "kept": self.kept,
                "seeds": list(self.seeds), "mean": self.mean, "sd": self.sd, "tasks": self.tasks}  # fmt: skip


def response(name: str) -> list[Point]:
    """The response curve of a sweep so far: for each score, its points by fraction ascending; fraction 1 belongs to
    every score and is repeated for each."""
    sweep = Sweep.load(name)
    known = tasks_list()
    by_job = {run.job: row_of(run, known) for run in runs() if run.job and run.finished}
    values: dict[tuple[str, float], list[tuple[Cell, Any]]] = {}
    for cell in sweep.cells:
        row = by_job.get(str(cell.job))
        if row is not None and row.average is not None:
            values.setdefault((cell.axis, cell.value), []).append((cell, row))
    axes = sorted({cell.axis for cell in sweep.cells if cell.axis})
    points = []
    for (axis, value), found in values.items():
        averages = np.array([row.average for _, row in found])
        shared = set.intersection(*(set(row.tasks) for _, row in found))
        tasks = {
            key: float(np.mean([row.tasks[key] for _, row in found])) for key in sorted(shared)
            if all(row.tasks[key] is not None for _, row in found)
        }  # fmt: skip
        for owner in [axis] if axis else axes or [""]:
            points.append(
                Point(owner, value, found[0][0].recipe, found[0][1].kept, tuple(sorted(cell.seed for cell, _ in found)),
                      float(averages.mean()), float(averages.std(ddof=1)) if len(averages) > 1 else None, tasks)
            )  # fmt: skip
    return sorted(points, key=lambda point: (point.axis, point.value))

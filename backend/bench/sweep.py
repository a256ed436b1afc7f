"""A sweep: a grid of fractions or methods and seeds as one queue of runs, and its response curve."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import files, paths
from ..errors import InputError
from ..runs import Run, check_id, runs
from .board import row_of
from .kept import Kept
from .response import Point, points
from .scales import scale_named
from .tasks import tasks_list

if TYPE_CHECKING:
    from ..pool import Pool
    from ..recipe import Recipe

FRACTIONS = (0.2, 0.4, 0.6, 0.8, 1.0)
LARGEST = 500


@dataclass(frozen=True)
class Cell:
    """One run of a sweep: a recipe, the score (`axis`) and fraction (`value`) it varies, a seed, the job that runs it.
    A recipe that varies no score has axis "" and the share of the pool that it keeps."""

    recipe: str
    axis: str
    value: float
    seed: int
    job: int | None = None


@dataclass(frozen=True)
class Sweep(Kept):
    """A grid that was started; `sweeps/<id>.json` in the home, its recipes in a folder beside it. `note` says where one
    comes from that was not started here: its cells have no job, and their runs name the sweep."""

    folder = "sweeps"

    id: str
    scale: str
    pool: str
    cells: tuple[Cell, ...]
    created: float = field(default_factory=time.time)
    note: str = ""

    def recipe(self, number: int) -> Path:
        """The file of its recipe with this number."""
        return paths.home() / "sweeps" / self.id / f"{number:03d}.yaml"


def grid(
    scores: Sequence[str], fractions: Sequence[float] = FRACTIONS, *, base: "Recipe | None" = None
) -> "list[tuple[Recipe, str, float]]":
    """(recipe, score, fraction) for each score and fraction: the rules of `base`, then `{score, top: fraction}`.

    Fraction 1 keeps everything that `base` keeps and is the same for all scores, so it appears once, without a rule
    (pairs without a score stay in: it is the "no filter" that the others are compared with).
    """
    from ..recipe import Recipe

    known = base.model_dump(mode="json", by_alias=True, exclude_defaults=True) if base else {}
    rules, origin = known.get("keep", []), {"scores": known["scores"]} if known.get("scores") else {}
    prefix = f"{base.name}, " if base else ""
    cells: list[tuple[Recipe, str, float]] = []
    if any(not 0 < fraction <= 1 for fraction in fractions):
        raise InputError(f"fractions are {list(fractions)}; each must be above 0 and at most 1")
    if 1.0 in fractions:
        name = base.name if base else "no filter"
        cells.append((Recipe.model_validate({"name": name, "keep": rules, **origin}), "", 1.0))
    for score in dict.fromkeys(scores):
        for fraction in dict.fromkeys(fractions):
            if fraction < 1:
                name = f"{prefix}{score} {fraction * 100:g} %"
                content = {"name": name, "keep": [*rules, {"score": score, "top": fraction}], **origin}
                cells.append((Recipe.model_validate(content), score, fraction))
    return cells


def cells_of(
    pool: "Pool", scores: Sequence[str], fractions: Sequence[float], seeds: Sequence[int],
    base: "Recipe | None" = None, recipes: "Sequence[Recipe]" = (),
) -> "list[tuple[Recipe, str, float]]":  # fmt: skip
    """The recipes of a sweep, checked: `grid` of the scores, then `recipes` as they are. Raises InputError as `start`."""
    from ..recipe import select

    for score in scores:
        if base is None or score not in base.scores:
            pool.require(score, "score")
    chosen = grid(scores, fractions, base=base) if scores else []
    for recipe in recipes:
        kept = select(recipe, pool).kept
        # Fraction 1 stands for "no filter" in a curve, so only a recipe without rules may have it.
        chosen.append((recipe, "", 1.0 if not recipe.active else min(kept / max(1, len(pool)), 1 - 1e-9)))
    distinct: dict[tuple[object, ...], tuple[Recipe, str, float]] = {}
    for cell in chosen:
        distinct.setdefault(cell[0].active, cell)
    cells = list(distinct.values())
    if not cells or not seeds:
        raise InputError("the sweep has no run: give at least one score and one fraction, or a recipe, and one seed")
    if len(cells) * len(seeds) > LARGEST:
        raise InputError(
            f"the sweep has {len(cells) * len(seeds)} runs, at most {LARGEST} are allowed; take fewer values"
        )
    return cells


def start(
    pool: "Pool | str | Path", scores: Sequence[str] = (), *, scale: str = "demo",
    fractions: Sequence[float] = FRACTIONS, seeds: Sequence[int] = (0, 1, 2), base: "Recipe | None" = None,
    recipes: "Sequence[Recipe]" = (), device: str = "cpu", name: str | None = None,
) -> Sweep:  # fmt: skip
    """Queues one `poolscope train` job per recipe and seed; seeds of a recipe run one after the other, so that stopping
    early leaves whole columns of the grid. `recipes` (methods as they are) join the grid of `scores` and `fractions`.
    The same call goes on with a sweep of this name that was interrupted before all its jobs were queued.

    Raises InputError, before anything is queued, for a score that the pool lacks, a grid of more than 500 runs, an empty
    one, or the name of another sweep.
    """
    from ..pool import Pool
    from ..recipe import dump

    opened = pool if isinstance(pool, Pool) else Pool.open(pool)
    scale_named(scale)
    seeds = list(dict.fromkeys(seeds))
    wanted = cells_of(opened, scores, fractions, seeds, base, recipes)
    identity = check_id(name or f"sweep-{time.strftime('%Y%m%d-%H%M%S')}")
    cells = tuple(Cell(recipe.name, score, fraction, seed) for recipe, score, fraction in wanted for seed in seeds)
    sweep = Sweep(identity, scale, str(opened.path.resolve()), cells)
    contents = {sweep.recipe(number): dump(recipe) for number, (recipe, _, _) in enumerate(wanted)}
    if sweep.path.exists():
        sweep = _interrupted(sweep, contents)
    else:
        for file, content in contents.items():
            files.write_text(file, content)
        sweep.save()
    return _queue(sweep, device)


def _interrupted(wanted: Sweep, contents: dict[Path, str]) -> Sweep:
    """The sweep that is there under this name, if it is the wanted one and lacks jobs. Raises InputError otherwise."""
    there = Sweep.load(wanted.id)
    begun = replace(there, cells=tuple(replace(cell, job=None) for cell in there.cells))
    same = begun == replace(wanted, created=there.created) and all(
        file.is_file() and file.read_text(errors="replace") == content for file, content in contents.items()
    )
    if not same or all(cell.job is not None for cell in there.cells):
        raise InputError(f"sweep {wanted.id!r} exists; choose another name")
    return there


def _queue(sweep: Sweep, device: str) -> Sweep:
    """Queues a job for each cell that has none, and keeps its number at once; a job that an interrupted call queued
    without keeping its number is taken up."""
    from .. import jobs

    queued = {job.argv: job.id for job in jobs.all() if job.created >= sweep.created}
    seeds = len({cell.seed for cell in sweep.cells})
    for number, cell in enumerate(sweep.cells):
        if cell.job is not None:
            continue
        argv = ["train", str(sweep.recipe(number // seeds)), "--scale", sweep.scale, "--pool", sweep.pool,
                "--seed", str(cell.seed), "--sweep", sweep.id]  # fmt: skip
        title = f"{cell.recipe} · {sweep.scale} · seed {cell.seed}"
        job = queued.get(tuple(argv)) or jobs.submit(argv, kind="train", device=device, title=title)
        known = sweep.cells
        sweep = replace(sweep, cells=(*known[:number], replace(cell, job=job), *known[number + 1 :])).save()
    return sweep


def stop(name: str) -> int:
    """Cancels what of a sweep is queued or running; what is done stays. Returns how many jobs were cancelled."""
    from .. import jobs

    stopped = 0
    # Queued ones first: cancelling the running one would start the next.
    for state in ("queued", "running"):
        for cell in Sweep.load(name).cells:
            if cell.job is not None and jobs.get(cell.job).state == state:
                jobs.cancel(cell.job)
                stopped += 1
    return stopped


def resume(name: str) -> int:
    """Queues again what of a sweep was cancelled, failed or lost, and what was never queued; returns how many jobs."""
    from .. import jobs

    sweep = Sweep.load(name)
    waiting = [cell.job for cell in sweep.cells if cell.job is not None and jobs.get(cell.job).resumable]
    for job in waiting:
        jobs.resume(job)
    left = 0 if sweep.note else sum(cell.job is None for cell in sweep.cells)
    if left:
        _queue(sweep, jobs.slot())
    return len(waiting) + left


def progress(sweep: Sweep) -> dict[str, int]:
    """How many runs of a sweep are in each state of a job, those that occur, in a fixed order; "lost" are also those that
    were never queued, "gone" runs and jobs that this home no longer knows."""
    from .. import jobs

    known = {job.id: job.state for job in jobs.all()}
    there = _runs_of(sweep)
    without = "gone" if sweep.note else "lost"
    states = [known.get(cell.job, "gone") if cell.job else "done" if cell in there else without for cell in sweep.cells]
    order = ("done", "running", "queued", "failed", "cancelled", "lost", "gone")
    return {state: states.count(state) for state in order if state in states}


def response(name: str) -> list[Point]:
    """The response curves of a sweep so far; those of its recipes that vary no score are single points with axis ""."""
    sweep, known = Sweep.load(name), tasks_list()
    return points((cell.axis, cell.value, row_of(run, known)) for cell, run in _runs_of(sweep).items())


def _runs_of(sweep: Sweep) -> dict[Cell, Run]:
    """The finished run of each cell: its job's, or the one that names the sweep, with the cell's recipe and seed."""
    finished = [run for run in runs() if run.finished]
    by_job = {run.job: run for run in finished if run.job}
    named = {(run.recipe, run.seed): run for run in finished if run.sweep == sweep.id and not run.job}
    by_cell = {
        cell: by_job.get(str(cell.job)) if cell.job else named.get((cell.recipe, cell.seed)) for cell in sweep.cells
    }
    return {cell: run for cell, run in by_cell.items() if run is not None}

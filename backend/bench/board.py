"""The leaderboard: runs side by side, with published results as reference rows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError
from ..runs import Run, runs
from .evaluation import average
from .row import Row, known_track
from .scales import SCALES, scale_named, settings_differ
from .tasks import Task, tasks_list
from .tasks.datacomp import GROUPS
from .verdicts import Gap, against


def leaderboard(
    scale: str | None = None, *, track: str | None = None, pool: str | None = None, published: bool = True,
    unfinished: bool = True,
) -> list[Row]:  # fmt: skip
    """Rows, best average first and those without one last. `scale`, `track` and `pool` (a path) filter.

    Published rows join for `scale`, or for every scale that has a run here. Raises InputError for an unknown scale.
    """
    if scale is not None:
        scale_named(scale)
    if track is not None:
        known_track(track)
    known = tasks_list()
    rows = [row_of(run, known) for run in runs() if unfinished or run.finished]
    rows = [
        row for row in rows
        if scale in (None, row.scale) and track in (None, row.track) and pool in (None, row.pool)
    ]  # fmt: skip
    if published:
        from .published import rows as reference

        wanted = {scale} if scale else {row.scale for row in rows}
        rows += [row for row in reference() if row.scale in wanted and track in (None, row.track)]
    return sorted(rows, key=lambda row: (row.average is None, -(row.average or 0.0)))


def row_of(run: Run, known: Sequence[Task] | None = None) -> Row:
    """The leaderboard's line of one run."""
    known = tasks_list() if known is None else known
    results = run.results()
    suite = _suite(run, results, known)
    wanted = [task for task in known if task.suite == suite and _counts(task, results)]
    main = {line["key"]: line["metrics"].get("main_metric") for line in results}
    averaged = [task for task in wanted if task.averaged]
    return Row(
        run=run.id, recipe=run.recipe or run.name, scale=run.scale, seed=run.seed if run.kind == "training" else None,
        kept=run.kept, pool=run.pool, pool_pairs=run.pool_pairs, samples_seen=run.samples_seen,
        average=average(results, wanted), clean=average(results, wanted, clean=True),
        evaluated=sum(main.get(task.key) is not None for task in averaged), of=len(averaged),
        groups=group_means(main, wanted), tasks=main, state=run.state, reasons=reasons_of(run),
        notes=(*run.notes, *_resumed(run), *_skipped(results)), track=run.track, model=run.model, created=run.created,
        sweep=run.sweep, suite=suite,
    )  # fmt: skip


def reasons_of(run: Run) -> tuple[str, ...]:
    """Why a run is not comparable: what its record says, and what has changed in the table since it was made."""
    since = settings_differ(run.scale, run.settings) if run.scale and run.kind == "training" else []
    return tuple(dict.fromkeys([*run.not_comparable, *since])) or _other_length(run)


def _other_length(run: Run) -> tuple[str, ...]:
    """Whether a run trained for other steps than its scale's: once, more loader workers made more steps."""
    if run.scale not in SCALES or run.kind != "training" or run.samples_seen is None:
        return ()
    wanted = SCALES[run.scale].steps() * SCALES[run.scale].batch
    return () if run.samples_seen == wanted else (f"{run.samples_seen:,} samples seen instead of {wanted:,}",)


def _suite(run: Run, results: Sequence[Mapping[str, Any]], known: Sequence[Task]) -> str:
    """The suite that a run's average is over: the one it was started with, else the one most of its results are of."""
    suite = str(run.settings.get("tasks") or "")
    if suite:
        return suite
    done = {line["key"] for line in results}
    datacomp = sum(task.key in done for task in known if task.suite == "datacomp")
    return "datacomp" if datacomp * 2 >= len(done) else "demo"


def _counts(task: Task, results: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a task of the suite is expected to have a result: DataComp's always, others if they are or were here."""
    return task.suite == "datacomp" or task.present or task.key in {line["key"] for line in results}


def group_means(main: Mapping[str, float | None], tasks: Iterable[Task]) -> dict[str, float | None]:
    """Mean of each report group (ImageNet, shifts, VTAB, retrieval for DataComp); None until all its tasks are there."""
    members: dict[str, list[float | None]] = {}
    for task in tasks:
        if task.averaged and task.group:
            members.setdefault(task.group, []).append(main.get(task.key))
    order = [name for name in GROUPS if name in members] + [name for name in members if name not in GROUPS]
    return {
        name: None if None in members[name] else float(np.mean(members[name]))  # type: ignore[arg-type]
        for name in order
    }


def _resumed(run: Run) -> list[str]:
    return [f"resumed {run.resumed} time{'s' if run.resumed > 1 else ''} from a checkpoint"] if run.resumed else []


def _skipped(results: Sequence[Mapping[str, Any]]) -> list[str]:
    left_out = [line for line in results if line.get("skipped")]
    return [f"{line['dataset']}: {line['skipped']} unreadable images left out" for line in left_out]


@dataclass(frozen=True)
class Summary:
    """A recipe at a scale over its seeds: `mean` and sample deviation `sd` of the average, and its `gap` to the
    unfiltered runs, judged with those of all other recipes (None for these themselves, or without them)."""

    recipe: str
    scale: str
    pool: str
    kept: int | None
    seeds: tuple[int, ...]
    mean: float
    sd: float | None
    gap: Gap | None
    baseline: bool
    tasks: dict[str, float]
    clean: float | None = None
    groups: dict[str, float] = field(default_factory=dict)
    runs: tuple[str, ...] = ()

    @property
    def difference(self) -> float | None:
        return self.gap.difference if self.gap else None

    @property
    def low(self) -> float | None:
        return self.gap.low if self.gap else None

    @property
    def high(self) -> float | None:
        return self.gap.high if self.gap else None

    def as_json(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe, "scale": self.scale, "pool": self.pool, "kept": self.kept,
            "seeds": list(self.seeds), "mean": self.mean, "sd": self.sd, **(self.gap or NO_GAP).as_json(),
            "difference": self.difference, "baseline": self.baseline, "tasks": self.tasks, "clean": self.clean,
            "groups": self.groups, "runs": list(self.runs),
        }  # fmt: skip


NO_GAP = Gap(math.nan, (0, 0))
Place = tuple[str, str, str, str, int | None]
"""(recipe, scale, pool, suite, pairs kept): the runs that are alike but for their seed."""


def by_recipe(rows: Sequence[Row]) -> dict[Place, list[Row]]:
    """The comparable training runs among `rows`, those that are alike but for their seed together."""
    places: dict[Place, list[Row]] = {}
    for row in rows:
        if row.seed is not None and row.scale and not row.published and row.comparable:
            places.setdefault((row.recipe, row.scale, row.pool, row.suite, row.kept), []).append(row)
    return places


def averages(rows: Sequence[Row]) -> np.ndarray:
    """(n,) float64: the averages of evaluated runs."""
    return np.array([row.average for row in rows], dtype=np.float64)


def summaries(rows: Sequence[Row]) -> list[Summary]:
    """Rows with the same recipe, number of pairs kept, scale, pool and suite, joined over their seeds; best mean first."""
    boards: dict[tuple[str, str, str], dict[Place, list[Row]]] = {}
    whole = [row for row in rows if row.average is not None]
    for place, mine in by_recipe(whole).items():
        boards.setdefault(place[1:4], {})[place] = mine
    joined = [summary for sets in boards.values() for summary in _board(sets)]
    return sorted(joined, key=lambda summary: -summary.mean)


def _board(sets: Mapping[Place, list[Row]]) -> list[Summary]:
    """The recipes of one scale, pool and suite, each against no filter."""
    base = [row for mine in sets.values() for row in mine if row.unfiltered]
    filtered = [place for place, mine in sets.items() if not mine[0].unfiltered]
    gaps = against(averages(base), [averages(sets[place]) for place in filtered]) if base else []
    judged = dict(zip(filtered, gaps))
    return [_summary(place, mine, judged.get(place)) for place, mine in sets.items()]


def _summary(place: Place, mine: Sequence[Row], gap: Gap | None) -> Summary:
    recipe, scale, pool, _, kept = place
    clean = means([{"": row.clean} for row in mine]).get("")
    return Summary(
        recipe, scale, pool, kept, gap=gap, baseline=mine[0].unfiltered, clean=clean, groups=means([row.groups for row in mine]),
        runs=tuple(row.run for row in mine), **over_seeds(mine),
    )  # fmt: skip


def over_seeds(rows: Sequence[Row]) -> dict[str, Any]:
    """Of evaluated runs of one recipe: their seeds, mean and sample deviation of the average, and mean of each task."""
    values = averages(rows)
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    seeds, tasks = tuple(sorted(row.seed or 0 for row in rows)), means([row.tasks for row in rows])
    return {"seeds": seeds, "mean": float(values.mean()), "sd": spread, "tasks": tasks}


def means(figures: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    """Mean of each figure that every run has."""
    columns = {name: [value for one in figures if (value := one.get(name)) is not None] for name in figures[0]}
    return {name: float(np.mean(values)) for name, values in columns.items() if len(values) == len(figures)}


def runs_of(name: str, rows: Sequence[Row]) -> list[str]:
    """The runs that `name` means among `rows`: one run by its id, or a recipe's finished and evaluated runs.

    Raises InputError for a name that is neither, or a recipe that was run at several scales or on several pools.
    """
    mine = [row for row in rows if not row.published]
    if any(row.run == name for row in mine):
        return [name]
    same = [row for row in mine if row.recipe == name and row.evaluated and row.comparable]
    places = {(row.scale, row.pool, row.suite, row.kept) for row in same}
    if len(places) > 1:
        raise InputError(f"recipe {name!r} was run at several scales, on several pools or versions, or evaluated on several suites; choose with --scale and "
                         "--pool, or give a run's id")  # fmt: skip
    if not same:
        known = ", ".join(sorted({row.recipe for row in mine if row.evaluated})) or "none"
        raise InputError(f"no run and no recipe {name!r} was evaluated here; recipes: {known}")
    return [row.run for row in same]


def scaling(rows: Sequence[Row]) -> dict[str, list[tuple[str, float]]]:
    """Mean average of each recipe at each scale it has rows for, smallest scale first; only recipes at two or more.

    Published rows take part under their own names, so that a recipe's line can be set beside the paper's.
    """
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row.average is not None and row.scale in SCALES and row.comparable:
            name = f"{row.recipe} (published)" if row.published else row.recipe
            name += f" ({row.suite})" if row.suite not in ("", "demo", "datacomp") else ""
            values.setdefault((name, row.scale), []).append(row.average)
    lines: dict[str, list[tuple[str, float]]] = {}
    for scale in SCALES:
        for (name, where), points in values.items():
            if where == scale:
                lines.setdefault(name, []).append((scale, float(np.mean(points))))
    return {name: line for name, line in lines.items() if len(line) > 1}


def scales_with_rows(rows: Sequence[Row]) -> list[str]:
    return [name for name in SCALES if any(row.scale == name for row in rows)]

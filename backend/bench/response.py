"""Response curves: what the average does as a recipe keeps more of the pool."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import paths
from ..errors import InputError
from .board import Row, over_seeds

if TYPE_CHECKING:
    from ..recipe import Recipe

Entry = tuple[str, float, Row]
"""(score that varies, its `top` fraction, the run's row); the score is "" for a run without that rule."""


@dataclass(frozen=True)
class Point:
    """A point of a response curve: mean and sample deviation of the average over the seeds that are done.

    `axis` is the score that varies ("" = a recipe beside the curves), `value` the fraction that its rule asks for,
    `share` the part of the pool that was kept (None if unknown), `tasks` the mean of each task over the seeds.
    """

    axis: str
    value: float
    recipe: str
    kept: int | None
    share: float | None
    seeds: tuple[int, ...]
    mean: float
    sd: float | None
    tasks: dict[str, float]


def points(entries: Iterable[Entry]) -> list[Point]:
    """Points by score, then fraction ascending; runs of one score and fraction are joined over their seeds.

    A run that keeps everything (score "", fraction 1) belongs to every score and is repeated for each.
    """
    values: dict[tuple[str, float, str], list[Row]] = {}
    for axis, value, row in entries:
        if row.average is not None:
            values.setdefault((axis, value, "" if axis or value == 1 else row.recipe), []).append(row)
    axes = sorted({axis for axis, _, _ in values if axis})
    listed = []
    for (axis, value, _), rows in values.items():
        for owner in axes if not axis and value == 1 and axes else [axis]:
            listed.append(_point(owner, value, rows))
    return sorted(listed, key=lambda point: (point.axis, point.value, point.recipe))


def _point(axis: str, value: float, rows: Sequence[Row]) -> Point:
    kept, pairs = rows[0].kept, rows[0].pool_pairs
    share = kept / pairs if kept is not None and pairs else None
    return Point(axis, value, rows[0].recipe, kept, share, **over_seeds(rows))


def curves_of(rows: Sequence[Row]) -> list[Point]:
    """The response curves that the runs among `rows` form by themselves, whether or not a sweep started them.

    Runs of one scale and pool whose recipes differ only in the fraction of their last rule, `{score, top}`, form a
    curve; runs with all rules but the last are its end at fraction 1. Curves of fewer than two fractions, runs that are
    not comparable and published rows are left out. Rows of several scales or pools must be asked for one at a time.
    """
    placed: dict[tuple[Any, ...], list[tuple[str, float, Row]]] = {}
    for row in rows:
        recipe = None if row.published or not row.comparable or row.average is None else recipe_of(row.run)
        if recipe is None:
            continue
        rules = tuple(rule.model_dump_json(by_alias=True, exclude_defaults=True) for rule in recipe.active)
        placed.setdefault((row.scale, row.pool, rules), []).append(("", 1.0, row))
        last = recipe.active[-1] if recipe.active else None
        top = getattr(last, "top", None)
        if last is not None and top is not None and getattr(last, "of", "") == "pool":
            before = ", ".join(rule.label() for rule in recipe.active[:-1])
            name = f"{last.score} after {before}" if before else str(last.score)  # type: ignore[union-attr]
            placed.setdefault((row.scale, row.pool, rules[:-1]), []).append((name, float(top), row))
    curves: list[Point] = []
    for entries in placed.values():
        drawn = points(entries)
        lines = {axis for axis in {p.axis for p in drawn if p.axis} if sum(p.axis == axis for p in drawn) > 1}
        curves += [point for point in drawn if point.axis in lines]
    return sorted(curves, key=lambda point: (point.axis, point.value))


def recipe_of(run: str) -> "Recipe | None":
    """The recipe a run was trained with, or None if its record has none that can be read."""
    path = paths.runs() / run / "recipe.yaml"
    return _load(path, path.stat().st_mtime_ns) if run and path.is_file() else None


@lru_cache(maxsize=4096)
def _load(path: Path, written: int) -> "Recipe | None":
    from ..recipe import load

    try:
        return load(path)
    except (InputError, OSError):
        return None

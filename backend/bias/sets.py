"""The sets that a bias report compares: parts of a pool, of two pools, or a pool and a target set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..pool import Pool
from ..recipe import Recipe, select

LARGEST_NUMBER = 12  # more sets than this make every chart unreadable


@dataclass(frozen=True, eq=False)
class PairSet:
    """Pairs to tell from others: `rows` of `pool`, or, for a target set, only unit vectors `(n, d)` of `model`."""

    name: str
    pool: Pool | None = None
    rows: np.ndarray | None = None
    vectors: np.ndarray | None = None
    model: str = ""

    def __len__(self) -> int:
        held = self.rows if self.rows is not None else self.vectors
        return 0 if held is None else len(held)

    def as_json(self) -> dict[str, object]:
        where = {"pool": str(self.pool.path), "version": self.pool.version} if self.pool else {"target": self.model}
        return {"name": self.name, "pairs": len(self), **where}


def kept_and_dropped(recipe: Recipe, pool: Pool) -> list[PairSet]:
    """What a recipe keeps, and the rest of the pool."""
    mask = select(recipe, pool).mask
    return checked([_part(f"kept by {recipe.name}", pool, mask), _part("dropped", pool, ~mask)])


def of_recipes(recipes: Sequence[Recipe], pool: Pool, *, exclusive: bool = False) -> list[PairSet]:
    """What each recipe keeps; with `exclusive` only what no other of them keeps."""
    masks = [select(recipe, pool).mask for recipe in recipes]
    if exclusive:
        times = np.sum(masks, axis=0)
        masks = [mask & (times == 1) for mask in masks]
    word = "only by " if exclusive else "kept by "
    return checked([_part(word + recipe.name, pool, mask) for recipe, mask in zip(recipes, masks)])


def of_pools(pools: Sequence[Pool], recipes: Sequence[Recipe | None]) -> list[PairSet]:
    """What each pool's recipe keeps of it; None keeps every pair."""
    parts = []
    for pool, recipe in zip(pools, recipes):
        mask = select(recipe, pool).mask if recipe else np.ones(len(pool), dtype=bool)
        parts.append(_part(f"{pool.name}, {recipe.name}" if recipe else pool.name, pool, mask))
    if len({part.name for part in parts}) < len(parts):
        parts = [PairSet(f"{part.name} ({number})", part.pool, part.rows) for number, part in enumerate(parts, 1)]
    return checked(parts)


def by_column(column: str, pool: Pool, recipe: Recipe | None = None) -> list[PairSet]:
    """One set for each value of a metadata column, the most frequent values first.

    Raises InputError if the column has one value or more than 12.
    """
    import pyarrow.compute as pc

    if pool.require(column).dim:
        raise InputError(
            f"{column!r} is an embedding; --by needs a column of few values, such as a source or language."
        )
    values = pool.strings(column).cast("string")
    mask = select(recipe, pool).mask if recipe else np.ones(len(pool), dtype=bool)
    counted = sorted(pc.value_counts(values).to_pylist(), key=lambda one: (-one["counts"], str(one["values"])))
    named = [one["values"] for one in counted if one["values"] is not None]
    if not 2 <= len(named) <= LARGEST_NUMBER:
        raise InputError(
            f"column {column!r} has {len(named)} values; a report compares 2 to {LARGEST_NUMBER} sets: choose another column."
        )
    return checked(
        [_part(value, pool, mask & pc.fill_null(pc.equal(values, value), False).to_numpy()) for value in named]
    )


def of_subset(name: str, subset: np.ndarray, pool: Pool) -> PairSet:
    """The pairs of a subset file (records `u8,u8`) that the pool has."""
    rows = pool.rows_of(subset)
    return PairSet(name, pool, np.sort(rows[rows >= 0]))


def with_target(part: PairSet, target: str, model: str) -> list[PairSet]:
    """A set and a target set of its pool, which are compared by embeddings alone. Raises InputError as targets do."""
    from ..targets import load_target

    if part.pool is None:
        raise InputError(f"{part.name!r} has no pool to look for the target set {target!r} in.")
    part.pool.require(f"{model}_img", "embedding")
    vectors = load_target(part.pool, target, model)
    return checked([part, PairSet(target, vectors=vectors, model=model)])


def overlap(sets: Sequence[PairSet]) -> int:
    """Pairs that are in more than one of the sets (sets of one pool; 0 for others)."""
    pool = sets[0].pool
    if pool is None or any(part.pool is None or part.pool.path != pool.path for part in sets):
        return 0
    times = np.zeros(len(pool), dtype=np.uint8)
    for part in sets:
        times[part.rows] += 1
    return int(np.count_nonzero(times > 1))


def common_embeddings(sets: Sequence[PairSet]) -> list[str]:
    """The embedding columns that every set has; a target set has the images' of its model."""
    common = []
    for part in sets:
        columns = {} if part.pool is None else part.pool.columns
        common.append({name for name, one in columns.items() if one.kind == "embedding"} or {f"{part.model}_img"})
    return sorted(set.intersection(*common) - {"_img"})


def checked(sets: list[PairSet]) -> list[PairSet]:
    """The sets, if each has pairs enough to be learnt from."""
    for part in sets:
        if len(part) < 20:
            raise InputError(
                f"the set {part.name!r} has {len(part)} pairs; a report needs at least 20 in each: loosen the recipe or choose other sets."
            )
    return sets


def _part(name: str, pool: Pool, mask: np.ndarray) -> PairSet:
    return PairSet(name, pool, np.flatnonzero(mask))

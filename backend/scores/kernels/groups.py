"""Groups of a pool's near-duplicates: cells assigned and compared by all workers, joined in one place."""

from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from ... import files
from ...pool import Pool
from ...progress import Progress
from ..base import Each, Unit, by_unit
from .centroids import train_centroids
from .dealing import Deal, passes, scanned
from .kept import Kept
from .neighbours import (
    PROBES,
    Components,
    blocks_of_cells,
    cells_for,
    links,
    members_of_cells,
    nearest_cells,
)

BLOCK = 262_144
"""Members of cells that are compared as one unit: 400 MB at 768 dimensions."""


@dataclass(frozen=True)
class Cells(Unit):
    """Some consecutive cells: their members are listed one cell after the other, and `edges` tell where each begins."""

    edges: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def groups_of(
    pool: Pool, name: str, good: np.ndarray, threshold: float, cells: int, *, folder: Path, progress: Progress, each: Each
) -> np.ndarray:  # fmt: skip
    """The group of each pair by the embeddings `name`, `(n,)` int64: the smallest uid rank in its component.

    `good`: which pairs have a usable embedding, (n,) bool; the others are alone. What is finished is kept in `folder`.
    """
    order = np.asarray(pool.uid_order())
    rows = order[good[order]]
    cells = cells_for(len(rows), cells)
    if cells:
        members, starts = _members(pool, name, rows, cells, folder, progress, each)
    else:
        members, starts = rows, np.array([0, len(rows)])
    units = [
        Cells(
            f"{first}-{last}",
            rows=members[starts[first] : starts[last]],
            edges=starts[first : last + 1] - starts[first],
        )
        for first, last in blocks_of_cells(starts, BLOCK)
    ]
    _link(pool, name, units, threshold, folder / "links", progress, each)
    joined = Components(len(pool))
    for unit in units:
        joined.join(*np.load(folder / "links" / f"{unit.id}.npy"))
    return joined.first_members(np.asarray(pool.uid_rank()))


def _link(
    pool: Pool, name: str, units: list[Cells], threshold: float, folder: Path, progress: Progress, each: Each
) -> None:
    """Leaves a file for each unit: the rows (2, m) of its cells that are linked."""
    todo = [unit for unit in units if not (folder / f"{unit.id}.npy").exists()]
    total = sum(map(len, units))
    done = total - sum(map(len, todo))
    for part, deal in passes(pool, (name,), todo, each=each, progress=progress):
        for unit, _ in each(pool, part, Kept(folder, partial(_linked, deal=deal, threshold=threshold))):
            done += len(unit)
            progress(done * len(pool) // max(1, total), len(pool), "comparing")


def _members(
    pool: Pool, name: str, rows: np.ndarray, cells: int, folder: Path, progress: Progress, each: Each
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of each cell, one cell after the other and by uid within it, mapped, and where each cell begins."""
    place = folder / "centers.npy"
    if not place.exists():
        sample = Unit("sample", rows=rows[:: max(1, len(rows) // (64 * cells))])
        for _, deal in passes(pool, (name,), [sample], each=each, progress=progress):
            vectors = np.asarray(deal.read(pool, sample)[0], np.float32)
            centers = train_centroids(vectors, cells, iterations=8, progress=progress)
            files.write_array(place, centers / np.linalg.norm(centers, axis=1, keepdims=True))
    kept = Kept(folder / "nearest", partial(_nearest, name=name, centers=place))
    nearest = _mapped(folder / "nearest.npy", np.int32, (len(pool), min(PROBES, cells)))
    for unit, part in by_unit(pool, kept, "assigning cells", progress, each):
        nearest[unit.start : unit.stop] = part
    kind = np.uint32 if len(pool) < 2**32 else np.int64
    members = _mapped(folder / "members.npy", kind, (len(rows) * nearest.shape[1],))
    return members, members_of_cells(nearest, rows, cells, members)


def _mapped(path: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(np.lib.format.open_memmap(path, "w+", dtype, shape))


def _nearest(pool: Pool, unit: Unit, *, name: str, centers: Path) -> np.ndarray:
    """The nearest cells of a fragment's pairs."""
    return nearest_cells(np.concatenate([*scanned(pool, unit, name)]), np.load(centers))


def _linked(pool: Pool, unit: Unit, *, deal: Deal, threshold: float) -> np.ndarray:
    """The rows (2, m) of some cells that are linked."""
    assert isinstance(unit, Cells)
    rows = np.asarray(unit.rows)
    (vectors,) = deal.read(pool, unit)
    linked = [np.zeros((2, 0), np.int64)]
    for start, stop in pairwise(unit.edges):
        linked.append(rows[start:stop][links(vectors[start:stop], threshold)].astype(np.int64))
    return np.concatenate(linked, axis=1)

"""Vectors laid out: the embeddings of chosen pairs in files of one block each, on which all workers make rounds."""

import hashlib
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from ... import devices
from ...pool import Pool
from ...pool.work import spool
from ...progress import Progress
from ..base import Each, Unit
from .dealing import Deal, full_disk, passes
from .kept import Kept
from .trimming import Held

BLOCK = 262_144
"""Rows in a file: at 768 dimensions 400 MB, 4 s of one core a round."""


@dataclass(frozen=True)
class LaidOut:
    """The vectors of a trimming in files of `block` rows, in `folder`. The scores of a round stay in `rounds` until it is
    complete, so that a round that is interrupted goes on with the blocks that have none."""

    pool: Pool
    folder: Path
    rounds: Path
    rows: int
    block: int
    each: Each
    device: str

    def __len__(self) -> int:
        return self.rows

    def forms(self, rows: np.ndarray, moment: np.ndarray, step: int) -> np.ndarray:
        digest = hashlib.sha256(rows.tobytes() + moment.tobytes()).hexdigest()
        folder = self.rounds / f"{step}-{digest[:12]}"  # another round's scores are of other rows
        part = Kept(folder, _Forms(self.folder, moment, self.device))
        scored = [scores for _, scores in self.each(self.pool, self._units(rows), part)]
        shutil.rmtree(self.rounds, ignore_errors=True)
        return np.concatenate(scored)

    def moments(self, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        units, part = self._units(np.arange(self.rows) if rows is None else rows), partial(_moments, folder=self.folder)
        if rows is not None and len(rows) <= self.block:  # too few to be dealt out
            sums = [part(self.pool, unit) for unit in units]
        else:
            sums = [moments for _, moments in self.each(self.pool, units, part)]
        return np.sum([square for square, _ in sums], axis=0), np.sum([mean for _, mean in sums], axis=0)

    def _units(self, rows: np.ndarray) -> list[Unit]:
        edges = np.searchsorted(rows, np.arange(0, self.rows + self.block, self.block))
        return [
            Unit(str(number), rows=rows[start:stop] - number * self.block)
            for number, (start, stop) in enumerate(pairwise(edges))
            if start < stop
        ]


@contextmanager
def laid_out(
    pool: Pool, name: str, rows: np.ndarray, *, rounds: Path, device: str, each: Each, progress: Progress
) -> Generator[LaidOut, None, None]:
    """The embeddings `name` of `rows`, in this order, in files beside the pool, until the block ends."""
    units = [Unit(str(start // BLOCK), rows=rows[start : start + BLOCK]) for start in range(0, len(rows), BLOCK)]
    with spool(pool.path) as folder:
        for part, deal in passes(pool, (name,), units, each=each, progress=progress):
            for _ in each(pool, part, partial(_lay, folder=folder, deal=deal)):
                pass
        yield LaidOut(pool, folder, rounds, len(rows), BLOCK, each, device)


def _lay(pool: Pool, unit: Unit, *, folder: Path, deal: Deal) -> None:
    """Leaves the file of a block."""
    with full_disk(folder):
        np.save(folder / f"{unit.id}.npy", deal.read(pool, unit)[0])


@dataclass(frozen=True)
class _Forms:
    """The quadratic forms of a block's rows, (k,) float32."""

    folder: Path
    moment: np.ndarray
    device: str

    def __call__(self, pool: Pool, unit: Unit) -> np.ndarray:
        return _held(self.folder, unit, devices.choose(self.device)).forms(np.asarray(unit.rows), self.moment)


def _moments(pool: Pool, unit: Unit, *, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    return _held(folder, unit).moments(unit.rows)


def _held(folder: Path, unit: Unit, device: str = "cpu") -> Held:
    return Held(np.load(folder / f"{unit.id}.npy", mmap_mode="r"), device)

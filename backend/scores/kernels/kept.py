"""Kept parts: what a worker computed of a unit stays in a file until the column is there, so that it is computed once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import files
from ...pool import Pool
from ..base import Unit


@dataclass(frozen=True)
class Kept:
    """`part` of a unit, an array, from its file in `folder` if there is one, which the unit's id names."""

    folder: Path
    part: Callable[[Pool, Unit], np.ndarray]

    @property
    def device(self) -> str:
        return getattr(self.part, "device", "cpu")

    def __call__(self, pool: Pool, unit: Unit) -> np.ndarray:
        path = self.folder / f"{unit.id}.npy"
        if not path.exists():
            files.write_array(path, self.part(pool, unit))
        return np.load(path, allow_pickle=False)

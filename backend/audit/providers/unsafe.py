"""Stored not-safe-for-work scores: pairs that a classifier gave a high probability."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...pool import Pool
from ...progress import Progress
from ..group import Definition, Group, slug

NAMED = re.compile(r"nsfw|unsafe|porn|explicit", re.IGNORECASE)


@dataclass(frozen=True)
class Unsafe:
    """Number columns whose name tells of such a score (`punsafe`, `nsfw_score`, …), at `threshold`."""

    threshold: float = 0.5
    id = "unsafe"
    families = ("not safe for work",)
    costly = False

    def missing(self, pool: Pool) -> str:
        return "" if self._columns(pool) else "the pool has no column of not-safe-for-work scores"

    def key(self, pool: Pool) -> dict[str, Any]:
        origins = {name: pool.columns[name].made_by for name in self._columns(pool)}
        return {"columns": origins, "threshold": self.threshold, "version": 1}

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        from ...kernels.bits import pack

        return [
            Group(
                Definition(
                    f"unsafe.{slug(name)}", self.families[0], name, f"scored {self.threshold:g} or more in `{name}`",
                    f"stored column {name} ≥ {self.threshold:g}",
                    "classifiers of this kind miss explicit images and flag skin, art and medicine",
                    self.id,
                ),
                pack(np.nan_to_num(pool.array(name).astype(np.float32), nan=-np.inf) >= self.threshold),
            )
            for name in self._columns(pool)
        ]  # fmt: skip

    def _columns(self, pool: Pool) -> list[str]:
        return [
            name
            for name, column in pool.columns.items()
            if NAMED.search(name) and column.dtype in ("float", "double", "halffloat") and column.dim is None
        ]

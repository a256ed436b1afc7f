"""Stored not-safe-for-work scores: pairs that a classifier gave a high probability."""

import re
from typing import Any

import numpy as np

from ...pool import Pool
from ...progress import Progress
from ..group import Group, slug
from ..provider import Provider

THRESHOLD = 0.5
NAMED = re.compile(r"nsfw|unsafe|porn|explicit", re.IGNORECASE)


class Unsafe(Provider):
    """Number columns whose name tells of such a score (`punsafe`, `nsfw_score`, …), at `THRESHOLD`."""

    id = "unsafe"
    families = ("not safe for work",)

    def missing(self, pool: Pool) -> str:
        return "" if self._columns(pool) else "the pool has no column of not-safe-for-work scores"

    def key(self, pool: Pool) -> dict[str, Any]:
        origins = {name: pool.columns[name].made_by for name in self._columns(pool)}
        return {"columns": origins, "threshold": THRESHOLD, "version": 1}

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        return [
            Group.of(
                np.nan_to_num(pool.array(name).astype(np.float32), nan=-np.inf) >= THRESHOLD,
                f"unsafe.{slug(name)}", self.families[0], name, f"scored {THRESHOLD:g} or more in `{name}`",
                method=f"stored column {name} ≥ {THRESHOLD:g}", source=self.id,
                error="classifiers of this kind miss explicit images and flag skin, art and medicine",
            )
            for name in self._columns(pool)
        ]  # fmt: skip

    def _columns(self, pool: Pool) -> list[str]:
        return [
            name
            for name, column in pool.columns.items()
            if NAMED.search(name) and column.dtype in ("float", "double", "halffloat") and column.dim is None
        ]

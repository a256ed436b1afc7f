"""What finds groups: one small class per kind of evidence, in `backend/audit/providers`."""

from typing import Any

from ..pool import Pool
from ..progress import Progress
from .group import Group

COSTLY_PAIRS = 200_000  # a costly provider runs unasked up to this many pairs


class Provider:
    """Finds the groups of one kind of evidence.

    `id` names it in the cache; `families` are those it may bring (for choosing before anything is found); `costly` says
    that it reads images, embeddings or a model, so that a large pool has to ask for it by family; `needs` are columns
    without which it can't run.
    """

    costly = False
    needs: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        raise NotImplementedError

    @property
    def families(self) -> tuple[str, ...]:
        return ()

    def missing(self, pool: Pool) -> str:
        """Why it can't run on this pool, in words; empty when it can."""
        return next((f"the pool has no column `{name}`" for name in self.needs if name not in pool.columns), "")

    def key(self, pool: Pool) -> dict[str, Any]:
        """All that its groups depend on beside the pairs; another key means finding them again."""
        return {"version": 1}

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        """The groups that have members, one pass over the pool."""
        raise NotImplementedError

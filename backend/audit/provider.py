"""What finds groups: one small class per kind of evidence, in `backend/audit/providers`."""

from typing import Any, Protocol

from ..pool import Pool
from ..progress import Progress
from .group import Group

COSTLY_PAIRS = 200_000  # a costly provider runs unasked up to this many pairs


class Provider(Protocol):
    """Finds the groups of one kind of evidence.

    `id` names it in the cache; `families` are those it may bring (for choosing before anything is found); `costly` says
    that it reads images, embeddings or a model, so that a large pool has to ask for it by family.
    """

    @property
    def id(self) -> str: ...
    @property
    def families(self) -> tuple[str, ...]: ...
    @property
    def costly(self) -> bool: ...
    def missing(self, pool: Pool) -> str:
        """Why it can't run on this pool, in words; empty when it can."""

    def key(self, pool: Pool) -> dict[str, Any]:
        """All that its groups depend on beside the pairs; another key means finding them again."""

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        """The groups that have members, one pass over the pool."""

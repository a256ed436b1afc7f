"""What can be deleted, and what was."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..pool import trash
from ..pool.deleted import DeletedColumn


@dataclass(frozen=True)
class Found:
    """A thing that can be deleted: the bytes that it takes, who uses it, and how it is deleted."""

    kind: str
    name: str
    bytes: int
    users: list[str]
    act: Callable[[], object]
    stop: Callable[[], object] = field(default=lambda: None)


@dataclass(frozen=True)
class Deleted:
    """A thing that can be brought back; `when` it was deleted, in seconds since the epoch."""

    kind: str
    name: str
    when: float
    bytes: int
    kept: DeletedColumn | trash.Entry

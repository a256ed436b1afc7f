"""A line of the leaderboard, of a run or as published."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import InputError

TRACKS = ("filtering", "byod")


def known_track(track: str) -> str:
    """The track, if it is one of DataComp's. Raises InputError that lists them."""
    if track not in TRACKS:
        raise InputError(f"track {track!r} is unknown; allowed: {', '.join(TRACKS)}")
    return track


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line. `average` is the mean of the main metrics over the suite's averaged tasks (38 of DataComp's 40), each
    family of tasks alike where the suite has families; None until all of them are there; `clean` leaves out near-chance
    tasks; `groups` are the means that DataComp prints. `reasons` says why a run must not be compared with its scale (empty = comparable); `notes` say the rest.
    A published row names its `source` and has no run."""

    run: str
    recipe: str
    scale: str | None
    seed: int | None = None
    kept: int | None = None
    pool: str = ""
    pool_pairs: int | None = None
    samples_seen: int | None = None
    average: float | None = None
    clean: float | None = None
    evaluated: int = 0
    of: int = 0
    groups: dict[str, float | None] = field(default_factory=dict)
    tasks: dict[str, float | None] = field(default_factory=dict)
    state: str = "done"
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    published: bool = False
    source: str = ""
    track: str = "filtering"
    model: str = ""
    created: float | None = None
    sweep: str | None = None
    suite: str = ""

    @property
    def comparable(self) -> bool:
        return not self.reasons

    @property
    def unfiltered(self) -> bool:
        """Whether it was trained on the whole pool."""
        return self.kept is not None and self.kept == self.pool_pairs

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"comparable": self.comparable}

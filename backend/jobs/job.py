"""What is known about one job."""

from dataclasses import dataclass
from pathlib import Path

WAITING = ("queued", "running")
RESUMABLE = ("failed", "cancelled", "lost")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One row of the jobs table: a `poolscope` command line that runs, ran, or waits for its device.

    `state` is one of queued, running, done, failed, cancelled, lost (its processes vanished without a word,
    for example in a reboot). `progress` is in [0, 1]; `figures` are the live numbers the command reports
    (loss, samples_per_s, …); times are seconds since the epoch; `exit_code` is negative for a signal.
    """

    id: int
    kind: str
    title: str
    argv: tuple[str, ...]
    device: str | None
    state: str
    progress: float
    message: str
    figures: dict[str, float]
    created: float
    started: float | None
    ended: float | None
    exit_code: int | None
    log_path: Path
    pid: int | None

    @property
    def finished(self) -> bool:
        """True once nothing more happens to it by itself."""
        return self.state not in WAITING

    @property
    def resumable(self) -> bool:
        return self.state in RESUMABLE

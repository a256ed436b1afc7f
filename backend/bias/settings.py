"""Settings of a bias report, and the share of its progress that each stage takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from ..errors import InputError
from ..progress import Progress
from .describing import Endpoint
from .sample import threads

RANGES = {"per_set": (20, 5_000_000), "size": (16, 512), "folds": (2, 20), "seed": (0, 2**32 - 1)}
CLASSIFIERS = ("logistic", "small", "convnext")
STEPS = 1000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a report is made with.

    `classifier`: logistic regression on features, or a network trained from scratch on the transformed images (`small`
    for a CPU, `convnext` for a GPU; `epochs` None is the network's own). `families` None measures all. `weights` maps a
    family that needs weights to a directory or hub name. `classes` is the list of object classes, `model` the one whose
    text tower names them (empty: the one that made the embedding), `threshold` the share at which a class is there.
    """

    per_set: int = 10_000
    size: int = 64
    folds: int = 5
    seed: int = 0
    families: tuple[str, ...] | None = None
    classifier: Literal["logistic", "small", "convnext"] = "logistic"
    epochs: int | None = None
    device: str = "auto"
    classes: str = "everyday"
    model: str = ""
    threshold: float = 0.1
    weights: Mapping[str, str] = field(default_factory=dict)
    endpoint: Endpoint | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} is {value}; it must be from {low} to {high:,}.")
        if self.size % 8:
            raise InputError(f"size is {self.size}; it must be a multiple of 8, such as 64 or 224.")
        if self.classifier not in CLASSIFIERS:
            raise InputError(f"no classifier {self.classifier!r}; there are {', '.join(CLASSIFIERS)}.")
        if not 0 < self.threshold < 1:
            raise InputError(f"threshold is {self.threshold}; it is a share between 0 and 1.")
        if self.epochs is not None and self.epochs < 1:
            raise InputError(f"epochs is {self.epochs}; it must be at least 1.")

    @property
    def folds_at_once(self) -> int:
        """Networks use all cores for one fold; regressions take one core each."""
        return threads() if self.classifier == "logistic" else 1

    def as_json(self) -> dict[str, Any]:
        plain = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "endpoint"}
        plain["weights"] = dict(self.weights)
        return plain | {"endpoint": self.endpoint.address if self.endpoint else ""}


def stage(progress: Progress, low: float, high: float, label: str = "") -> Progress:
    """A Progress whose whole is the part `low` to `high` (of 1) of `progress`; `label` leads its messages."""

    def report(done: int, total: int, message: str = "", **figures: float) -> None:
        share = low + (high - low) * (done / total if total else 1.0)
        progress(round(share * STEPS), STEPS, ": ".join(part for part in (label, message) if part), **figures)

    return report

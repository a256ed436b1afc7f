"""What a task is: its key, its kind, where its files are and which number counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

KINDS = (
    "classification", "groups", "groups_top5", "iwildcam", "fmow", "faces", "retrieval", "winogavil",
)  # fmt: skip
_OTHER_NAMES = {"wilds-like": "groups", "wilds": "groups", "geode": "groups", "dollar_street": "groups_top5"}


@dataclass(frozen=True, kw_only=True)
class Task:
    """One evaluation task. `metric` is the main one (empty = the task has none and is in no average), `group` the
    line of the report it is averaged into, `averaged` whether it counts in the average over all tasks of its suite,
    `family` the tasks that count there as one together (see `weights`),
    `fields` the names of the metadata vector's entries, `by` the field whose groups are compared, `values` what the numbers of a field stand for,
    `chance` the accuracy of guessing, `near_chance` tasks that stay near it at every published scale."""

    key: str
    name: str
    kind: str
    metric: str
    group: str = ""
    family: str = ""
    suite: str = "datacomp"
    averaged: bool = True
    folder: str = ""
    fields: tuple[str, ...] = ()
    by: str = ""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    size: int | None = None
    classes: int | None = None
    chance: float | None = None
    near_chance: bool = False
    note: str = ""
    root: Path | str | None = None

    @property
    def present(self) -> bool:
        """True if its files are on this disk (a `root` that is text is a URL to stream from)."""
        return isinstance(self.root, Path) and (self.root / "test" / "nshards.txt").is_file()

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key, "name": self.name, "kind": self.kind, "metric": self.metric, "group": self.group,
            "family": self.family, "averaged": self.averaged, "present": self.present, "suite": self.suite, "size": self.size,
            "classes": self.classes, "chance": self.chance, "near_chance": self.near_chance, "note": self.note,
            "values": {name: list(names) for name, names in self.values.items()},
        }  # fmt: skip


def from_json(content: Mapping[str, Any], root: Path) -> Task:
    """A task described by the `task.json` in its directory. Raises KeyError or ValueError if it is not one."""
    values = {str(name): tuple(map(str, names)) for name, names in dict(content.get("values") or {}).items()}
    kind = str(content["kind"])
    kind = _OTHER_NAMES.get(kind, kind)
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; allowed: {', '.join(KINDS)}")
    fields = tuple(str(name) for name in content.get("fields") or ())
    default = {"retrieval": "mean_recall@1", "groups": "acc_wg", "groups_top5": "acc_top5_wg"}.get(kind, "acc1")
    return Task(
        key=str(content["key"]), name=str(content.get("name") or content["key"]), kind=kind,
        metric=str(content.get("metric") or default), group=str(content.get("group") or ""),
        family=str(content.get("family") or ""), suite=str(content.get("suite") or "own"), averaged=bool(content.get("averaged", True)),
        folder=root.name, fields=fields, by=str(content.get("by") or (fields[0] if fields else "")),
        size=content.get("size"), classes=content.get("classes"), chance=content.get("chance"),
        note=str(content.get("note") or ""), root=root, values=values,
    )  # fmt: skip


def weights(tasks: Sequence[Task]) -> np.ndarray:
    """(n,) float64 that sum to 1, of `tasks` in an average: every family counts alike, and every task within its family.

    Tasks without a family are one together, so a suite that has none is averaged plainly.
    """
    sizes = Counter(task.family for task in tasks)
    return np.array([1 / (len(sizes) * sizes[task.family]) for task in tasks], dtype=np.float64)

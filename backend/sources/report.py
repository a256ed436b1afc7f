"""The report of an import: what was added, what was skipped and why."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import files

EXAMPLES = 5


@dataclass
class Report:
    """Counts of one import; `skipped` maps a reason to a count, `examples` to the first few places. `uncaptioned` counts,
    by reason, pairs among the added ones that came in without a caption (null). `notes`: how columns were read."""

    source: str
    added: int = 0
    present: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    uncaptioned: Counter[str] = field(default_factory=Counter)
    path: str = ""
    notes: list[str] = field(default_factory=list)

    def skip(self, reason: str, where: str) -> None:
        self._count(self.skipped, reason, 1, [where])

    def skip_many(self, reason: str, count: int, where: Sequence[str]) -> None:
        """Like `skip` for `count` pairs at once, of which `where` names a few."""
        self._count(self.skipped, reason, count, where)

    def without_caption(self, reason: str, count: int, where: Sequence[str]) -> None:
        """Counts pairs that come in although they have no caption, of which `where` names a few."""
        self._count(self.uncaptioned, reason, count, where)

    def _count(self, counts: Counter[str], reason: str, count: int, where: Sequence[str]) -> None:
        if count:
            counts[reason] += count
            kept = self.examples.setdefault(reason, [])
            kept += [place[:200] for place in where[: EXAMPLES - len(kept)]]

    def join(self, counts: Mapping[str, Mapping[str, Any]]) -> None:
        """Adds what a part of the import counted: its `skipped`, `uncaptioned` and `examples`, as JSON has them."""
        for own, name in ((self.skipped, "skipped"), (self.uncaptioned, "uncaptioned")):
            for reason, count in counts.get(name, {}).items():
                self._count(own, reason, count, counts["examples"].get(reason, []))

    def reasons(self) -> str:
        """The most frequent reasons for skipping, in a few words."""
        return ", ".join(f"{why}: {count:,}" for why, count in self.skipped.most_common(3)) or "it is empty"

    def as_json(self) -> dict[str, Any]:
        counts = {"skipped": self.skipped, "uncaptioned": self.uncaptioned}
        return vars(self) | {name: dict(count.most_common()) for name, count in counts.items()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Report":
        counts = {name: Counter(content.get(name, {})) for name in ("skipped", "uncaptioned")}
        return cls(**content | counts)

    def save(self, pool_path: Path) -> None:
        """Writes `reports/import-<time>.json`; a resumed import writes its own file with the totals of all its parts."""
        if not self.path:
            self.path = str(
                pool_path / "reports" / f"import-{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000:06d}.json"
            )
        files.write_json(self.path, self.as_json() | {"finished": time.strftime("%Y-%m-%dT%H:%M:%S")})


def reports(pool_path: Path) -> list[dict[str, Any]]:
    """All import reports of a pool, newest first."""
    paths = sorted((pool_path / "reports").glob("import-*.json"), reverse=True)
    return [files.read_json(path) for path in paths]

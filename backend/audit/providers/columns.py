"""The pool's own columns: groups by the values of text columns with few values, of true/false columns, of small counts."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...pool import Pool
from ...progress import Progress
from ..group import Group, slug
from ..provider import Provider
from ..scan import value_codes
from .language import Language, language_name, stated

SKIPPED = frozenset(
    {"uid", "text", "url", "sha256", "image", "title", "keywords", "language", "width", "height", "image_offset", "image_bytes"}
)  # fmt: skip
ERROR = "as good as the column that came with the pool; its own provenance says how it was made"


@dataclass(frozen=True)
class PoolColumns(Provider):
    """Every imported metadata column (face attributes, sources, labels) with at most `most_values` text values, or
    `most_numbers` whole numbers, makes a family; columns that a method of ours made don't, nor one that states languages
    where those are detected: its groups would stand twice."""

    most_values: int = 40
    most_numbers: int = 12
    least: int = 10
    id = "columns"

    def missing(self, pool: Pool) -> str:
        return "" if self._usable(pool) else "the pool has no metadata columns of few values"

    def key(self, pool: Pool) -> dict[str, Any]:
        most = [self.most_values, self.most_numbers]
        return {"columns": self._usable(pool), "most": most, "least": self.least, "version": 2}

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        groups: list[Group] = []
        usable = self._usable(pool)
        for number, name in enumerate(usable):
            groups += self._column(pool, name, usable[name])
            progress(number + 1, len(usable), f"column {name}")
        return groups

    def _usable(self, pool: Pool) -> dict[str, str]:
        twice = "" if Language().missing(pool) else stated(pool)
        return {
            name: column.dtype
            for name, column in pool.columns.items()
            if column.kind == "metadata" and name not in SKIPPED and name != twice and not column.made_by
            and column.dtype in ("string", "large_string", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16")
        }  # fmt: skip

    def _column(self, pool: Pool, name: str, dtype: str) -> list[Group]:
        if dtype == "bool":
            members, title, method = pool.array(name), f"marked as {name}", f"column {name} is true"
            if np.count_nonzero(members) < self.least:
                return []
            return [
                Group.of(members, f"{slug(name)}.yes", name, "yes", title, method=method, error=ERROR, source=self.id)
            ]
        coded = value_codes(pool, name, self.most_values if "string" in dtype else self.most_numbers)
        if coded is None:
            return []
        codes, values = coded
        sizes = np.bincount(codes[codes >= 0], minlength=len(values))
        return [
            Group.of(
                codes == place, f"{slug(name)}.{slug(str(values[place]))}", name, str(values[place]),
                f"{name} is {_phrase(name, values[place])}", method=f"column {name}", error=ERROR, source=self.id,
            )
            for place in np.argsort(-sizes, kind="stable")
            if sizes[place] >= self.least and str(values[place]).strip()
        ]  # fmt: skip


def _phrase(name: str, value: Any) -> str:
    """A value as people say it: languages by name."""
    known = language_name(str(value)) if "language" in name else str(value)
    return str(value) if known.startswith("language ") else known

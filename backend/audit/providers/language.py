"""Languages: groups by the language that fastText finds in the caption."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from ...number_format import share
from ...pool import Pool
from ...progress import Progress
from ..group import Group, slug
from ..lexicon import FOLDER
from ..provider import COSTLY_PAIRS, Provider
from ..scan import Numbering, steps, text_array, value_codes

COLUMN = "language"
FAMILY = "language"


@dataclass(frozen=True)
class Language(Provider):
    """Reads the column `language` that the method `english` leaves; a pool of up to 200,000 pairs is identified here."""

    least: int = 10
    id = "language"
    families = (FAMILY,)

    def missing(self, pool: Pool) -> str:
        if COLUMN in pool.columns:
            return ""
        if "text" not in pool.columns:
            return "the pool has no column `text`"
        if len(pool) > COSTLY_PAIRS:
            return "the pool has no column `language`; make it with `poolscope score english`"
        return ""

    def key(self, pool: Pool) -> dict[str, Any]:
        column = pool.columns.get(COLUMN)
        made_by = column.made_by if column else None
        return {"column": made_by, "stated": stated(pool), "least": self.least, "version": 3}

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        codes, names = language_codes(pool, progress)
        agreement = _agreement(pool, codes, names)
        sizes = np.bincount(codes[codes >= 0], minlength=len(names))
        return [
            Group.of(
                codes == place, f"language.{slug(names[place])}", FAMILY, names[place],
                f"detected as {language_name(names[place])}", source=self.id,
                method="fastText lid.176 on the caption, most probable language",
                error="unsure on captions of a few words, names and file names, which land in any language; "
                f"published accuracy on whole sentences is above 90 %{agreement.get(names[place], '')}",
            )
            for place in np.argsort(-sizes, kind="stable")
            if names[place] and sizes[place] >= self.least
        ]  # fmt: skip


def stated(pool: Pool) -> str:
    """The column in which the pool says of captions which language they are in; empty if there is none."""
    return next(
        (name for name, column in pool.columns.items()
         if "language" in name.lower() and name != COLUMN and not column.made_by and "string" in column.dtype), "",
    )  # fmt: skip


def _agreement(pool: Pool, codes: np.ndarray, names: list[str]) -> dict[str, str]:
    """By language, how many of the captions that the pool states to be in it are detected as such, in words."""
    name = stated(pool)
    coded = value_codes(pool, name, len(_names())) if name else None
    if coded is None:
        return {}
    notes = {}
    for place, value in enumerate(coded[1]):
        detected = coded[0] == place
        if value in names and detected.any():
            right = share(int((codes[detected] == names.index(value)).sum()), int(detected.sum()))
            notes[value] = f"; of the captions that `{name}` states to be in it, {right} are detected as such"
    return notes


@cache
def _names() -> dict[str, str]:
    import yaml

    return yaml.safe_load((FOLDER / "languages.yaml").read_text(encoding="utf-8"))


def language_name(code: str) -> str:
    """The English name of a language, or `language <code>` for one that is not listed."""
    return _names().get(code, f"language {code}")


def language_codes(pool: Pool, progress: Progress) -> tuple[np.ndarray, list[str]]:
    """`(n,)` int16 number of each pair's language, -1 for none, and the languages' codes."""
    from ...text.language import languages

    stored = COLUMN in pool.columns
    codes, numbering = np.empty(len(pool), dtype=np.int16), Numbering()
    for start, table in steps(pool, [COLUMN if stored else "text"], step=131_072 if stored else 16_384):
        detected = text_array(table, COLUMN) if stored else languages(text_array(table))[0]
        stop = start + table.num_rows
        codes[start:stop] = numbering.of(detected if isinstance(detected, pa.Array) else pa.array(detected), "")
        progress(stop, len(pool), "languages")
    return codes, list(numbering.known)

"""The audit as one HTML file that needs nothing else, and as JSON beside it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files, templates
from ..kernels.intervals import Z95
from ..recipe import dump, load
from ..versions import __version__
from .result import SAFEGUARDS, Audit, Row
from .words import Word

PER_FAMILY = 40
WORDS_OF = 6
LONGEST_TITLE = 46
TEMPLATE = Path(__file__).with_name("report.html.j2")
ROW, LEFT, WIDTH, TOP = 20, 300, 460, 26  # of the forest plot, in its own units

Separating = Mapping[str, tuple[Sequence[Word], Sequence[Word]]]


def write(audit: Audit, out: Path, *, words: Separating | None = None, force: bool = False) -> list[Path]:
    """Writes `out` (HTML) and the same figures as JSON beside it; returns both paths.

    Raises InputError if one of the two exists, unless `force`.
    """
    beside = out.with_suffix(".json")
    files.new(out, beside, force=force)
    files.write_texts({beside: files.dump(audit.as_json()) + "\n", out: html(audit, words=words)})
    return [out, beside]


def worst(audit: Audit, count: int = WORDS_OF) -> list[Row]:
    """The groups with the largest significant loss, for a closer look."""
    sure = [row for row in audit.rows if _significant(row) and row.lift_high is not None and row.lift_high < 1]
    return sorted(sure, key=lambda row: row.lift_high or 0.0)[:count]


def html(audit: Audit, *, words: Separating | None = None) -> str:
    """The report as text. `words`: by group id, the words that mark its kept and its dropped captions."""
    overall = audit.kept / audit.pairs if audit.pairs else 0.0
    titles = {definition.id: definition.title for definition in audit.definitions}
    named = [(titles.get(id, id), sides) for id, sides in (words or {}).items() if any(sides)]
    recipe = dump(load(audit.recipe)) if audit.recipe.get("keep") else ""
    return templates.render(
        TEMPLATE,
        filters={"percent": _percent, "number": _number, "p": _p, "short": _short},
        audit=audit,
        name=str(audit.recipe.get("name", "a selection")),
        overall=overall,
        families=_families(audit, overall),
        steps=len(audit.rules) if len(audit.rules) > 1 else 0,
        marked=any(row.amplified is not None for row in audit.rows),
        words=named,
        recipe=recipe,
        safeguards=SAFEGUARDS,
        version=__version__,
        z=Z95,
    )


@dataclass(frozen=True)
class Forest:
    """The forest plot of one family: `ticks` and `line` (the pool's rate) are places on its axis."""

    rows: Sequence[Row]
    overall: float
    span: float

    @property
    def size(self) -> tuple[int, int]:
        return LEFT + WIDTH + 90, TOP + ROW * len(self.rows) + 8

    @property
    def ticks(self) -> list[tuple[float, float]]:
        """`(x, rate)` of the five ticks."""
        return [(LEFT + WIDTH * step / 4, self.span * step / 4) for step in range(5)]

    def x(self, rate: float | None) -> float:
        return round(LEFT + WIDTH * min(1.0, (rate or 0.0) / self.span), 1)

    def y(self, number: int) -> float:
        return TOP + ROW * number + ROW / 2

    def kind(self, row: Row) -> str:
        """How the whole interval lies to the pool's rate; empty where it is hidden."""
        if row.rate is None or row.low is None or row.high is None:
            return ""
        return "less" if row.high < self.overall else "more" if row.low > self.overall else "same"


def _families(audit: Audit, overall: float) -> list[dict[str, Any]]:
    """Per family its groups, lowest keep rate first, with their plot; at most 40 are shown."""
    shown = []
    for family in dict.fromkeys(row.definition.family for row in audit.rows):
        rows = [row for row in audit.rows if row.definition.family == family]
        rows.sort(key=lambda row: row.rate if row.rate is not None else -1.0)
        drawn = rows[:PER_FAMILY]
        highest = max([overall, *(row.high for row in drawn if row.high is not None)], default=1.0)
        forest = Forest(drawn, overall, _round_up(max(highest, 1e-6)))
        losing = [_significant(row) and row.lift is not None and row.lift < 1 for row in drawn]
        shown.append({"title": family.capitalize(), "rows": list(zip(drawn, losing)), "forest": forest,
                      "more": len(rows) - len(drawn)})  # fmt: skip
    return shown


def _significant(row: Row) -> bool:
    return row.q is not None and row.q < 0.05


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 10 times a power of ten, at most 1."""
    base = 10 ** math.floor(math.log10(value))
    return min(1.0, next(step * base for step in (1, 2, 4, 5, 10) if step * base >= value * 0.9999))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.2f}"


def _p(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else "under 0.0001" if value < 0.0001 else f"{value:.4f}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TITLE else text[: LONGEST_TITLE - 1] + "…"

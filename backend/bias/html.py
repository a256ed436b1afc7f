"""The report as one self-contained HTML file: no script, no address outside the file; captions are text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from .. import templates
from .headline import summary

TEMPLATE = Path(__file__).with_name("report.html.j2")
COLOURS = ("#1F83D2", "#D9730D", "#0F8A68", "#9A47AB", "#64707D", "#C9A100", "#C4314B", "#4A5FC1")
ROW, LABEL, WIDTH, TOP, NUMBER = 24, 210, 560, 28, 190  # of the charts, in their own units


def render(report: Mapping[str, Any]) -> str:
    """The report of `build` as an HTML document."""
    names = [part["name"] for part in report["sets"]]
    families, objects = report["families"], report["objects"]
    left_low = min(report["chance"], *(family["low"] for family in families)) - 0.03
    return templates.render(
        TEMPLATE,
        report=report,
        names=names,
        title=" against ".join(names) if len(names) < 4 else f"{names[0]} and {len(names) - 1} other sets",
        summary=summary(report),
        colours=[COLOURS[number % len(COLOURS)] for number in range(len(names))],
        accuracy=AccuracyChart(families, max(0.0, left_low)),
        transformed=[family for family in families if any(family["strips"])],
        typical=list(_typical(report, names)),
        appearance=sorted(report.get("appearance") or [], key=lambda row: -abs(row["effect"][0])),
        origin="" if "missing" in objects else origin(objects),
        shares=None if "missing" in objects else ShareChart.of_objects(objects),
        coefficients=[family for family in families if family.get("coefficients")],
        settings={key: value for key, value in {**report["settings"], **report["groups"]}.items() if value not in ("", None, {})},
    )  # fmt: skip


def origin(objects: Mapping[str, Any]) -> str:
    """Where the labels of an object analysis come from, in a sentence."""
    if objects.get("by") == "a detector":
        return f"Classes that the detector named in at least one image: {objects['of']}."
    return (
        f"Zero-shot labels: {objects['classes']}, {objects['of']} classes, by {PurePath(objects['model']).name} on {objects['column']}; "
        f"a class is present at a softmax share of {objects['threshold']:g}."
    )


@dataclass(frozen=True)
class AccuracyChart:
    """A bar per family from chance to its accuracy, with its interval and the published value; `left`: where it begins."""

    families: Sequence[Mapping[str, Any]]
    left: float

    @property
    def size(self) -> tuple[int, int]:
        return LABEL + WIDTH + NUMBER, TOP + ROW * len(self.families) + 24

    @property
    def ticks(self) -> list[float]:
        return [tick / 10 for tick in range(11) if tick / 10 >= self.left]

    def x(self, accuracy: float) -> float:
        return round(LABEL + (accuracy - self.left) / (1 - self.left) * WIDTH, 1)

    def y(self, number: int) -> float:
        return TOP + ROW * number + ROW / 2


@dataclass(frozen=True)
class ShareChart:
    """Per class a thin bar for each set, as long as the share of its images that show the class."""

    rows: Sequence[tuple[str, Sequence[float]]]

    @classmethod
    def of_objects(cls, objects: Mapping[str, Any]) -> "ShareChart":
        """The five most frequent classes of each set."""
        classes = dict.fromkeys(row["class"] for rows in objects["highest_share"] for row in rows[:5])
        return cls([(name, objects["rates"][name]) for name in classes])

    @property
    def step(self) -> int:
        return 9 * len(self.rows[0][1]) + 8 if self.rows else 0

    @property
    def size(self) -> tuple[int, int]:
        return LABEL + WIDTH + 70, self.step * len(self.rows) + 4

    def length(self, share: float) -> float:
        most = max(value for _, values in self.rows for value in values) or 1
        return round(max(0.5, share / most * WIDTH), 1)


def _typical(report: Mapping[str, Any], names: Sequence[str]) -> Iterable[tuple[int, str, str]]:
    """Set, heading and strip of the images that its classifier finds most typical, and of those it mistakes."""
    for number, one in enumerate(report["examples"]["sets"]):
        for key, words in (("typical", "most typical"), ("mistaken", "taken for another set")):
            if one[key]["strip"]:
                yield number, f"{names[number]}: {words}", one[key]["strip"]

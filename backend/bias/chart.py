"""The report's charts as SVG text, for a page that needs nothing but itself."""

from collections.abc import Sequence
from html import escape
from typing import Any

ROW, LABEL, WIDTH, TOP, NUMBER = 24, 210, 560, 28, 120
COLOURS = ("#1F83D2", "#D9730D", "#0F8A68", "#9A47AB", "#64707D", "#C9A100", "#C4314B", "#4A5FC1")


def colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def accuracy_bars(families: Sequence[dict[str, Any]], chance: float) -> str:
    """A bar per family from chance to its accuracy, a whisker for its interval, a diamond for the published value."""
    high = TOP + ROW * len(families) + 24
    low_end = min(chance, *(family["low"] for family in families)) - 0.03
    left = max(0.0, low_end)

    def x(value: float) -> float:
        return LABEL + (value - left) / (1 - left) * WIDTH

    parts = [
        f'<svg viewBox="0 0 {LABEL + WIDTH + NUMBER} {high}" role="img" aria-label="Accuracy by family" class="chart">'
    ]
    ticks = [tick / 10 for tick in range(11) if tick / 10 >= left]
    for tick in ticks:
        parts.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 6}" y2="{high - 22}" class="grid"/>')
        parts.append(f'<text x="{x(tick):.1f}" y="{high - 8}" class="tick">{tick:.0%}</text>')
    for row, family in enumerate(families):
        y = TOP + ROW * row + ROW / 2
        start, stop = sorted((x(chance), x(family["accuracy"])))
        parts.append(f'<text x="{LABEL - 8}" y="{y + 4}" class="name">{escape(family["title"])}</text>')
        parts.append(
            f'<rect x="{start:.1f}" y="{y - 8}" width="{max(1.0, stop - start):.1f}" height="16" rx="2" class="bar {family["group"]}"/>'
        )
        parts.append(
            f'<line x1="{x(family["low"]):.1f}" x2="{x(family["high"]):.1f}" y1="{y}" y2="{y}" class="whisker"/>'
        )
        if family["published"]:
            at = x(family["published"]["here"])
            parts.append(
                f'<path d="M{at:.1f} {y - 6}l5 6-5 6-5-6z" class="published"><title>published {family["published"]["accuracy"]:.1%} of 3 sets</title></path>'
            )
        parts.append(
            f'<text x="{LABEL + WIDTH + 8}" y="{y + 4}" class="number">{family["accuracy"]:.1%} ({family["low"]:.1%} to {family["high"]:.1%})</text>'
        )
    parts.append(f'<line x1="{x(chance):.1f}" x2="{x(chance):.1f}" y1="{TOP - 8}" y2="{high - 22}" class="chance"/>')
    parts.append(f'<text x="{x(chance):.1f}" y="{TOP - 12}" class="tick">chance {chance:.1%}</text></svg>')
    return "".join(parts)


def share_bars(rows: Sequence[tuple[str, Sequence[float]]], names: Sequence[str], *, unit: str = "{:.1%}") -> str:
    """Per row one thin bar for each set, as long as its value among the values shown."""
    if not rows:
        return ""
    thin = 9
    step = thin * len(names) + 8
    most = max((value for _, values in rows for value in values), default=0) or 1
    high = step * len(rows) + 4
    parts = [f'<svg viewBox="0 0 {LABEL + WIDTH + 70} {high}" role="img" aria-label="Shares by set" class="chart">']
    for row, (label, values) in enumerate(rows):
        top = step * row + 4
        parts.append(f'<text x="{LABEL - 8}" y="{top + step / 2}" class="name">{escape(label)}</text>')
        for number, value in enumerate(values):
            y = top + thin * number
            parts.append(
                f'<rect x="{LABEL}" y="{y}" width="{max(0.5, value / most * WIDTH):.1f}" height="{thin - 1}" fill="{colour(number)}"><title>{escape(names[number])}</title></rect>'
            )
            parts.append(
                f'<text x="{LABEL + max(0.5, value / most * WIDTH) + 4:.1f}" y="{y + thin - 1}" class="small">{unit.format(value)}</text>'
            )
    return "".join(parts) + "</svg>"

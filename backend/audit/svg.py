"""The forest plot of a report as inline SVG: keep rates with intervals against the pool's rate."""

from collections.abc import Sequence
from html import escape

from .audit import Row

ROW, LEFT, WIDTH, TOP = 20, 300, 460, 26


def forest(rows: Sequence[Row], overall: float) -> str:
    """One line per group: the keep rate, its 95 % interval, and the pool's rate as a vertical line."""
    highest = max([overall, *(row.high for row in rows if row.high is not None)], default=1.0)
    span = _round_up(max(highest, 1e-6))
    height = TOP + ROW * len(rows) + 8
    parts = [
        f'<svg viewBox="0 0 {LEFT + WIDTH + 90} {height}" role="img" aria-label="Keep rate of each group with interval">',
    ]
    for step in range(5):
        value = span * step / 4
        x = LEFT + WIDTH * step / 4
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP - 10}" class="tick" text-anchor="middle">{100 * value:.3g} %</text>')
    line = LEFT + WIDTH * min(1.0, overall / span)
    parts.append(f'<line x1="{line:.1f}" y1="{TOP - 6}" x2="{line:.1f}" y2="{height}" class="overall"/>')
    for number, row in enumerate(rows):
        y = TOP + ROW * number + ROW / 2
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" class="name" text-anchor="end">{escape(_short(row.definition.title))}</text>'
        )
        if row.rate is None or row.low is None or row.high is None:
            edge = LEFT + WIDTH * min(1.0, (row.rate_below or 0) / span)
            parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{edge:.1f}" y2="{y}" class="hidden"/>')
            parts.append(f'<text x="{LEFT + WIDTH + 6}" y="{y + 4:.1f}" class="tick">under 10</text>')
            continue
        low, middle, high = (LEFT + WIDTH * min(1.0, value / span) for value in (row.low, row.rate, row.high))
        kind = "less" if row.high < overall else "more" if row.low > overall else "same"
        parts.append(f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" class="{kind}"/>')
        parts.append(f'<circle cx="{middle:.1f}" cy="{y}" r="4" class="{kind}"/>')
        parts.append(f'<text x="{LEFT + WIDTH + 6}" y="{y + 4:.1f}" class="tick">{100 * row.rate:.1f} %</text>')
    return "".join(parts) + "</svg>"


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 10 times a power of ten, at most 1."""
    from math import floor, log10

    base = 10 ** floor(log10(value))
    return min(1.0, next(step * base for step in (1, 2, 4, 5, 10) if step * base >= value * 0.9999))


def _short(text: str, longest: int = 46) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"

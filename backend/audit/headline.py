"""The one sentence of the audit: which group loses most."""

from dataclasses import dataclass

import numpy as np

from ..number_format import percents
from .group import Groups
from .measure import SMALLEST, Measures, measure

MINIMUM = 100
FALSE_DISCOVERIES = 0.05
# What is lost of these is no one's loss: they describe images, words or the pool itself.
TECHNICAL = frozenset(
    {"MetaCLIP entry", "embedding cluster", "size of image", "shape of image", "look of image", "detected in image",
     "copyright hint", "personal data hint", "not safe for work", "suffix", "stored face boxes"}
)  # fmt: skip


@dataclass(frozen=True)
class Headline:
    """`text` for people; `id` and `title` of the group, its rate and the pool's; None where no group loses significantly."""

    text: str
    id: str | None = None
    title: str | None = None
    rate: float | None = None
    overall: float | None = None


def headline(groups: Groups, mask: np.ndarray, copies: np.ndarray | None = None, *, minimum: int = MINIMUM) -> Headline:
    """The group of at least `minimum` pairs that `mask` (True = KEPT) keeps least, compared with the pool.

    Only groups that are kept significantly less count: q below 0.05 and the whole interval of the lift below 1; among them the
    one whose lift is lowest at the upper end of its interval.
    """
    return headline_of(measure(groups.choose(minimum=minimum), mask, copies))


def headline_of(measures: Measures) -> Headline:
    """Like `headline`, of measures that are there already."""
    if not measures.total_kept:
        return Headline("nothing is kept", overall=0.0)
    if measures.total_kept == measures.pairs and measures.drawn is None:
        return Headline("everything is kept", overall=1.0)
    worst = np.where(measures.kept > 0, measures.lift_high, measures.high / measures.overall)
    with np.errstate(invalid="ignore"):
        sure = (measures.q < FALSE_DISCOVERIES) & (worst < 1)
    for place, definition in enumerate(measures.groups.definitions):
        if definition.family in TECHNICAL or (definition.source == "columns" and definition.group == "yes"):
            sure[place] = False
    if not sure.any():
        return Headline("no group is kept significantly less than the rest", overall=measures.overall)
    place = int(np.argmin(np.where(sure, worst, np.inf)))
    worst_group, rate = measures.groups.definitions[place], float(measures.rate[place])
    own, overall = percents(rate, measures.overall)
    few = f"under {SMALLEST}" if measures.small[place] else "" if measures.kept[place] else "none"
    kept = f"kept {few} of {int(measures.n[place]):,}" if few else f"kept {own}"
    text = f"largest loss: {worst_group.title}, {kept} against {overall} overall"
    if measures.drawn is not None and not measures.small[place]:
        after, before = percents(measures.share_after[place], measures.n[place] / measures.pairs)
        text = f"largest loss: {worst_group.title}, {before} of the pool and {after} of the draws"
    return Headline(text, worst_group.id, worst_group.title, None if measures.small[place] else rate, measures.overall)

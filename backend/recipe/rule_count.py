"""What one rule of a recipe did to a pool, in numbers and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .grammar import Rule, SampleRule, ScoreRule


@dataclass(frozen=True)
class Shortage:
    """A `top` that asks for more pairs than are left with a score: it keeps them all; or a `sample` that finds none."""

    rule: str
    wanted: int
    scored: int


@dataclass(frozen=True)
class RuleCount:
    """What one rule did: pairs `kept` after it, `dropped` by it, and the score `threshold` that it amounts to.

    `wanted` is how many pairs a `top` or a `sample` asks for; `drawn` is how many are kept, each as often as it is drawn,
    None where each is there once, and `draws` that this rule says how often. `note` says what it came to among the pairs that were left, `warning`
    that more were asked for than there are; both are empty where there is nothing to say.
    """

    rule: str
    kept: int
    dropped: int
    threshold: float | None = None
    wanted: int | None = None
    note: str = ""
    warning: str = ""
    off: bool = False
    drawn: int | None = None
    draws: bool = False

    @classmethod
    def of(
        cls, rule: Rule, pairs: int, left: int, kept: int, threshold: float | None, short: Sequence[Shortage] = (),
        drawn: int | None = None,
        *,
        draws: bool = False,
    ) -> "RuleCount":  # fmt: skip
        """The count of a rule that keeps `kept` of the `left` pairs of a pool of `pairs`."""
        wanted, note = None, ""
        if rule.on and isinstance(rule, ScoreRule):
            wanted = rule.quota(pairs, left)
            note = "" if wanted is None else f"{kept:,} best of the {left:,} left"
        elif rule.on and isinstance(rule, SampleRule):
            often = (drawn or 0) / max(1, kept)
            times = "once" if often == 1 else f"{often:.3g} times"
            wanted, note = rule.draws(pairs), f"{kept:,} of the {left:,} left, {times} each"
        warning = "; ".join(_warning(one, rule, left) for one in short)
        return cls(rule.label(), kept, left - kept, threshold, wanted, note, warning, not rule.on, drawn, draws)

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule, "kept": self.kept, "dropped": self.dropped, "threshold": self.threshold,
            "left": self.kept + self.dropped, "wanted": self.wanted, "note": self.note, "warning": self.warning,
            "off": self.off, "drawn": self.drawn,
        }  # fmt: skip


def _warning(short: Shortage, rule: Rule, left: int) -> str:
    if isinstance(rule, SampleRule):
        return f"draws nothing: none of the {left:,} left has a score"
    inner = "" if short.rule == rule.label() else f"{short.rule}: "
    there = f"{left:,} are left" if short.scored == left else f"{short.scored:,} of the {left:,} left have a score"
    return f"{inner}asks for {short.wanted:,} pairs, but only {there}: it keeps them all"

"""Selection: what a recipe keeps of a pool, and which rule dropped each other pair."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import InputError
from ..pool import Pool
from .columns import Columns, PoolColumns
from .grammar import (
    AllRule,
    AnyRule,
    FlagRule,
    NotRule,
    Recipe,
    Rule,
    ScoreRule,
    SubsetRule,
    WhereRule,
    exact_count,
)

LARGE, SAMPLE, MARGIN = 1 << 20, 1 << 16, 1 << 10  # the k-th best is misjudged by the sample by 128 (one sigma) at most


@dataclass(frozen=True)
class RuleCount:
    """What one rule did: pairs `kept` after it, `dropped` by it, and the score `threshold` that it amounts to."""

    rule: str
    kept: int
    dropped: int
    threshold: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "kept": self.kept, "dropped": self.dropped, "threshold": self.threshold}


class Selection:
    """What a recipe keeps of a pool: `counts` per rule, and for each pair whether it is kept or which rule dropped it."""

    def __init__(self, mask: np.ndarray, dropped_by: np.ndarray, counts: list[RuleCount]) -> None:
        self._mask, self._dropped_by, self.counts = mask, dropped_by, counts

    @property
    def mask(self) -> np.ndarray:
        """`(n,)` bool, True = KEPT."""
        return self._mask

    @property
    def dropped_by(self) -> np.ndarray:
        """`(n,)` uint8: 0 kept, else the number of the rule that dropped the pair, from 1."""
        return self._dropped_by

    @property
    def pairs(self) -> int:
        return len(self.mask)

    @property
    def kept(self) -> int:
        return self.counts[-1].kept if self.counts else self.pairs

    @cached_property
    def words(self) -> np.ndarray:
        """The mask packed, `(ceil(n / 64),)` uint64, see `bits`."""
        from ..kernels import bits

        return bits.pack(self.mask)

    def holds(self, rows: np.ndarray) -> np.ndarray:
        """`(k,)` bool: whether each of `rows` is kept."""
        return self.mask[rows]

    def dropped_at(self, row: int) -> int:
        """The number of the rule that dropped the pair, from 1; 0 if it is kept."""
        return int(self.dropped_by[row])

    def as_json(self) -> dict[str, Any]:
        return {"pairs": self.pairs, "kept": self.kept, "rules": [count.as_json() for count in self.counts]}


def select(recipe: Recipe, pool: Pool) -> Selection:
    """The selection of `recipe` on `pool`. Raises InputError for a column the pool lacks, or of the wrong kind."""
    for rule in _leaves(recipe.keep):
        if isinstance(rule, FlagRule):
            pool.require(rule.flag, "flag")
        elif isinstance(rule, ScoreRule) and pool.require(rule.score).kind not in ("score", "metadata"):
            pool.require(rule.score, "score")
    return select_columns(recipe, PoolColumns(pool))


def select_columns(recipe: Recipe, columns: Columns) -> Selection:
    """The pure core of `select`, on any source of columns."""
    check_length(recipe)
    alive = np.ones(columns.n, dtype=bool)
    dropped_by = np.zeros(columns.n, dtype=np.uint8)
    counts, left = [], columns.n
    for number, rule in enumerate(recipe.keep, start=1):
        kept, _, threshold = apply_rule(rule, columns, alive, left)
        kept &= alive
        gone = (alive > kept).view(np.uint8)
        gone *= np.uint8(number)
        dropped_by |= gone  # each pair is dropped once
        alive, before, left = kept, left, int(np.count_nonzero(kept))
        counts.append(RuleCount(rule.label(), left, before - left, threshold))
    return Selection(alive, dropped_by, counts)


def check_length(recipe: Recipe) -> None:
    """InputError for more rules than a pair's `dropped_by` can name."""
    if len(recipe.keep) > 255:
        raise InputError(f"the recipe has {len(recipe.keep)} rules; at most 255 are allowed: join some with all.")


def check_score(name: str, scores: np.ndarray) -> None:
    """InputError unless the column holds numbers."""
    if scores.dtype == bool or scores.dtype.kind not in "fiu":
        raise InputError(f"{name!r} is not a score but {scores.dtype}; write {{flag: {name}}} for a flag.")


def apply_rule(
    rule: Rule, columns: Columns, alive: np.ndarray, left: int
) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Masks (kept, dropped) and the threshold; a pair in neither has no score, and no rule keeps it."""
    if isinstance(rule, ScoreRule):
        return _score(rule, columns, alive, left)
    if isinstance(rule, NotRule):
        kept, dropped, threshold = apply_rule(rule.not_, columns, alive, left)
        return dropped.copy(), kept, threshold
    if isinstance(rule, (AnyRule, AllRule)):
        union = isinstance(rule, AnyRule)
        parts = [
            apply_rule(part, columns, alive, left)[:2] for part in (rule.any if isinstance(rule, AnyRule) else rule.all)
        ]
        join, meet = (np.logical_or, np.logical_and) if union else (np.logical_and, np.logical_or)
        return join.reduce([kept for kept, _ in parts]), meet.reduce([dropped for _, dropped in parts]), None
    if isinstance(rule, FlagRule):
        mask = columns.array(rule.flag)
    elif isinstance(rule, SubsetRule):
        mask = columns.subset(rule.subset)
    else:
        assert isinstance(rule, WhereRule)
        mask = columns.where(rule.where)
    return mask.copy(), ~mask, None


def _score(
    rule: ScoreRule, columns: Columns, alive: np.ndarray, left: int
) -> tuple[np.ndarray, np.ndarray, float | None]:
    scores = columns.array(rule.score)
    check_score(rule.score, scores)
    scored = scores == scores  # False where there is none: NaN
    if rule.top is not None:
        kept, threshold = top(scores, alive & scored, columns, rule, left)
    else:
        low, high = rule.bounds()
        kept = scored.copy()
        if low is not None:
            kept &= scores >= _as(scores, low)
        if high is not None:
            kept &= scores <= _as(scores, high)
        threshold = low if low is not None else high
    return kept, scored > kept, threshold


def top(
    scores: np.ndarray, inside: np.ndarray, columns: Columns, rule: ScoreRule, left: int
) -> tuple[np.ndarray, float | None]:
    """The best of the pairs `inside`, which are still kept and have a score, and the lowest score among them.

    `ties: uid`: exactly `floor(f·N)` pairs by (score descending, uid ascending). `ties: all`: DataComp's rule, every
    pair whose score is at least the one at 0-based index `int(N·f)` of the descending order. N is the pool, or the
    survivors with `of: kept`.
    """
    total = left if rule.of == "kept" else len(scores)
    fraction = rule.top or 0.0
    values = scores if inside.all() else scores[inside]
    if rule.ties == "all":
        index = int(total * fraction)
        if index >= len(values):
            return inside.copy(), _lowest(values)
        threshold = kth_best(values, index)
        return inside & (scores >= threshold), float(threshold)
    count = exact_count(fraction, total)
    if count >= len(values):
        return inside.copy(), _lowest(values)
    if count == 0:
        return np.zeros(len(scores), dtype=bool), None
    threshold = kth_best(values, count - 1)
    kept = inside & (scores > threshold)
    tied = np.flatnonzero(inside & (scores == threshold))
    room = count - int(np.count_nonzero(kept))
    if room < len(tied):
        tied = tied[np.argpartition(columns.rank[tied], room)[:room]]
    kept[tied] = True
    return kept, float(threshold)


def kth_best(values: np.ndarray, k: int) -> Any:
    """The value at index k, from 0, of the descending order of `values` `(n,)`, which hold no NaN.

    Of many values a sample says between which two it must lie, so that only a few are sorted out; exact either way.
    """
    near, place = values, len(values) - 1 - k
    if len(values) > LARGE:
        sample = np.sort(values[:: len(values) // SAMPLE])
        about = len(sample) * place // len(values)
        low, high = (sample[np.clip(about + off, 0, len(sample) - 1)] for off in (-MARGIN, MARGIN))
        between = values[(values >= low) & (values <= high)]
        above = int(np.count_nonzero(values > high))
        if above <= k < above + len(between):
            near, place = between, len(between) - 1 - (k - above)
    return np.partition(near, place)[place]


def _as(scores: np.ndarray, threshold: float) -> Any:
    """The threshold in the score's own precision, so that a float32 score equals the number it is shown as."""
    return scores.dtype.type(threshold) if scores.dtype.kind == "f" else threshold


def _lowest(values: np.ndarray) -> float | None:
    return float(values.min()) if len(values) else None


def _leaves(rules: tuple[Rule, ...]) -> list[Rule]:
    from .grammar import flat

    return list(flat(rules))

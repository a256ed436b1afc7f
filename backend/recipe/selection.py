"""Selection: what a recipe keeps of a pool, and which rule dropped each other pair."""

from functools import cached_property
from typing import Any

import numpy as np

from ..errors import InputError
from ..pool import Pool
from .columns import PoolColumns
from .grammar import MaskRule, Recipe, Rule, SampleRule, ScoreRule
from .kinds import Parted, SurvivorRule
from .rule_count import RuleCount, Shortage

MOST_RULES = 255  # that a pair's `dropped_by` can name
LARGE, SAMPLE, MARGIN = 1 << 20, 1 << 16, 1 << 10  # the k-th best is misjudged by the sample by 128 (one sigma) at most


class Selection:
    """What a recipe keeps of a pool: `counts` per rule; `mask` `(n,)` bool, True = KEPT; and `dropped_by` `(n,)` uint8, 0
    for a pair that is kept, else the number of the rule that dropped it, from 1.

    A rule that draws with repetition, or a subset file that names a pair several times, gives each kept pair a
    multiplicity; then `wanted` `(n,)` uint32 is it, whether or not a later rule dropped the pair.
    """

    def __init__(
        self, mask: np.ndarray, dropped_by: np.ndarray, counts: list[RuleCount], wanted: np.ndarray | None = None
    ) -> None:
        self.mask, self.dropped_by, self.counts, self.wanted = mask, dropped_by, counts, wanted
        self.pairs = len(mask)

    @property
    def kept(self) -> int:
        return self.counts[-1].kept if self.counts else self.pairs

    @property
    def drawn(self) -> int:
        """The pairs of the selection, each as often as it is in it: `kept` unless there are multiplicities."""
        last = self.counts[-1].drawn if self.counts else None
        return self.kept if last is None else last

    @property
    def copies(self) -> np.ndarray | None:
        """`(n,)` uint32: how often each pair is in the selection, 0 for a dropped one; None if each kept one is once."""
        return None if self.wanted is None else self.wanted * self.mask

    def copies_of(self, rows: np.ndarray) -> np.ndarray:
        """`(k,)` int64: how often each of the kept `rows` is in the selection."""
        return np.ones(len(rows), dtype=np.int64) if self.wanted is None else self.wanted[rows].astype(np.int64)

    @cached_property
    def words(self) -> np.ndarray:
        """The mask packed, `(ceil(n / 64),)` uint64, see `bits`."""
        from ..kernels import bits  # numba takes a while to load

        return bits.pack(self.mask)

    def holds(self, rows: np.ndarray) -> np.ndarray:
        """`(k,)` bool: whether each of `rows` is kept."""
        return self.mask[rows]

    def dropped_at(self, row: int) -> int:
        """The number of the rule that dropped the pair, from 1; 0 if it is kept."""
        return int(self.dropped_by[row])

    def as_json(self) -> dict[str, Any]:
        rules = [count.as_json() for count in self.counts]
        return {"pairs": self.pairs, "kept": self.kept, "drawn": self.drawn, "rules": rules}


def select(recipe: Recipe, pool: Pool) -> Selection:
    """The selection of `recipe` on `pool`. Raises InputError for a column the pool lacks, or of the wrong kind."""
    recipe.check(pool)
    return select_columns(recipe, PoolColumns(pool))


def select_columns(recipe: Recipe, columns: PoolColumns) -> Selection:
    """The pure core of `select`, on any source of columns."""
    check_length(recipe)
    alive = np.ones(columns.n, dtype=bool)
    dropped_by = np.zeros(columns.n, dtype=np.uint8)
    counts: list[RuleCount] = []
    left, wanted = columns.n, None
    for number, rule in enumerate(recipe.keep, start=1):
        if not rule.on:
            counts.append(RuleCount.of(rule, columns.n, left, left, None, drawn=counts[-1].drawn if counts else None))
            continue
        view = Survivors(columns, alive, left)
        part = rule.part(view)
        kept = part.kept & alive
        gone = (alive > kept).view(np.uint8)
        gone *= np.uint8(number)
        dropped_by |= gone  # each pair is dropped once
        alive, before, left = kept, left, int(np.count_nonzero(kept))
        wanted = together(rule, wanted, part.copies)
        drawn = None if wanted is None else int(wanted.sum(where=alive, dtype=np.int64))
        draws = part.copies is not None
        counts.append(RuleCount.of(rule, columns.n, before, left, part.threshold, view.short, drawn, draws=draws))
    return Selection(alive, dropped_by, counts, wanted)


def together(rule: Rule, before: np.ndarray | None, own: np.ndarray | None) -> np.ndarray | None:
    """The multiplicities after a rule that wants its `own`: a draw replaces those before it, of two subset files the one
    that names a pair more often counts."""
    if own is None or before is None or isinstance(rule, SampleRule):
        return before if own is None else own
    return np.maximum(before, own)


class Survivors:
    """What a rule sees of columns in memory: the `left` pairs of `alive` `(n,)`; its masks are `(n,)` bool.

    `short` collects the rules that ask for more pairs than are left.
    """

    def __init__(self, columns: PoolColumns, alive: np.ndarray, left: int) -> None:
        self._columns, self._alive, self._left = columns, alive, left
        self.short: list[Shortage] = []

    def mask(self, rule: MaskRule) -> Parted:
        mask = rule.read(self._columns)
        return Parted(mask, lambda: ~mask, copies=rule.copies(self._columns))

    def together(self, rule: SurvivorRule) -> Parted:
        kept, possible, copies = rule.take(self._columns, self._alive)
        self.short += undrawn(rule, possible)
        return Parted(kept, lambda: possible > kept, copies=copies)

    def score(self, rule: ScoreRule) -> Parted:
        scores = self._columns.array(rule.score)
        check_score(rule.score, scores)
        scored = scores == scores  # False where there is none: NaN
        wanted = rule.quota(len(scores), self._left)
        if wanted is None:
            kept, threshold = _between(scores, scored, *rule.bounds())
        else:
            inside = self._alive & scored
            kept, threshold = _top(scores, inside, self._columns, rule, wanted)
            if kept is inside and wanted > (there := int(np.count_nonzero(inside))):
                self.short.append(Shortage(rule.label(), wanted, there))
        return Parted(kept, lambda: scored > kept, threshold)


def undrawn(rule: SurvivorRule, possible: np.ndarray) -> list[Shortage]:
    """That the rule draws nothing, if it draws and none of the pairs could be drawn."""
    missed = isinstance(rule, SampleRule) and not possible.any()
    return [Shortage(rule.label(), rule.pairs, 0)] if missed else []  # type: ignore[attr-defined]


def check_length(recipe: Recipe) -> None:
    """InputError for more rules than a pair's `dropped_by` can name."""
    if len(recipe.keep) > MOST_RULES:
        raise InputError(
            f"the recipe has {len(recipe.keep)} rules; at most {MOST_RULES} are allowed: join some with all."
        )


def check_score(name: str, scores: np.ndarray) -> None:
    """InputError unless the column holds numbers."""
    if scores.dtype == bool or scores.dtype.kind not in "fiu":
        raise InputError(f"{name!r} is not a score but {scores.dtype}; write {{flag: {name}}} for a flag.")


def in_precision(scores: np.ndarray, threshold: float) -> Any:
    """The threshold in the score's own precision, so that a float32 score equals the number it is shown as."""
    return scores.dtype.type(threshold) if scores.dtype.kind == "f" else threshold


def _between(
    scores: np.ndarray, scored: np.ndarray, low: float | None, high: float | None
) -> tuple[np.ndarray, float | None]:
    kept = scored.copy()
    if low is not None:
        kept &= scores >= in_precision(scores, low)
    if high is not None:
        kept &= scores <= in_precision(scores, high)
    return kept, low if low is not None else high


def _top(
    scores: np.ndarray, inside: np.ndarray, columns: PoolColumns, rule: ScoreRule, wanted: int
) -> tuple[np.ndarray, float | None]:
    """The `wanted` best of the pairs `inside`, which are still kept and have a score, and the lowest score among them.

    `ties: uid`: exactly as many pairs by (score descending, uid ascending). `ties: all`: DataComp's rule, every pair
    whose score is at least the one at 0-based index `wanted` of the descending order. All of them if they are fewer.
    """
    values = scores if inside.all() else scores[inside]
    if wanted >= len(values):
        return inside, float(values.min()) if len(values) else None
    if rule.ties == "all":
        threshold = kth_best(values, wanted)
        return inside & (scores >= threshold), float(threshold)
    if wanted == 0:
        return np.zeros(len(scores), dtype=bool), None
    threshold = kth_best(values, wanted - 1)
    kept = inside & (scores > threshold)
    tied = np.flatnonzero(inside & (scores == threshold))
    room = wanted - int(np.count_nonzero(kept))
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

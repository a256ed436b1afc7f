"""PlainSelection: recipes on columns in memory, without anything to prepare; for pools of up to a million pairs."""

from collections import deque

import numpy as np

from .bars import bar_of, weighed
from .columns import PoolColumns
from .grammar import Recipe, Rule, ScoreRule
from .selection import Selection, in_precision, select_columns

REMEMBERED = 64  # columns of bars, a byte a pair each
STEPS = 4


class PlainSelection:
    """Answers what `LiveSelection` answers, with the same results, by reading whole columns each time."""

    def __init__(self, columns: PoolColumns) -> None:
        self._columns = columns
        self._codes: dict[tuple[str, bytes], np.ndarray] = {}
        self._steps: deque[tuple[tuple[Rule, ...], Selection]] = deque(maxlen=STEPS)

    def step(self, recipe: Recipe) -> Selection:
        """What the recipe keeps; the last few are remembered."""
        for rules, step in tuple(self._steps):
            if rules == recipe.keep:
                return step
        step = select_columns(recipe, self._columns)
        self._steps.append((recipe.keep, step))
        return step

    def forget(self) -> None:
        """Forgets the steps, for tags that were replaced."""
        self._steps.clear()

    def histograms(self, step: Selection, edges: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """For each score `(b,)` integers: how many pairs of the selection each bar between the edges holds."""
        counts = {}
        for name, rising in edges.items():
            key = (name, rising.tobytes())
            if key not in self._codes:
                if len(self._codes) >= REMEMBERED:
                    self._codes.clear()
                self._codes[key] = bar_of(self._columns.array(name), rising)
            codes, copies = self._codes[key][step.mask], step.wanted
            counts[name] = weighed(codes, None if copies is None else copies[step.mask], len(rising) - 1)
        return counts

    def at_least(self, score: str, threshold: float, among: Selection) -> int:
        """How many pairs of the selection score `threshold` or more, in the score's own precision."""
        scores = self._columns.array(score)
        return int(np.count_nonzero(among.mask & (scores >= in_precision(scores, threshold))))

    def nth(self, score: str, count: int, among: Selection, *, best: bool = True) -> float | None:
        """The score of the `count`-th best pair of the selection, or the `count`-th lowest; None if none has a score."""
        scores = self._columns.array(score)
        values = scores[among.mask & (scores == scores)]
        if not len(values) or count <= 0:
            return None
        place = min(count, len(values)) - 1
        place = len(values) - 1 - place if best else place
        return float(np.partition(values, place)[place])

    def edge(self, step: Selection, index: int, rule: ScoreRule, limit: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows just kept and just dropped by the rule at `index`, nearest to its threshold first."""
        scores, gone, best = self._columns.array(rule.score), step.dropped_by == index + 1, rule.mode != "max"
        threshold = step.counts[index].threshold
        scored = scores == scores
        if threshold is None:  # nothing is kept
            threshold = float(scores[scored].max() if best else scores[scored].min()) if scored.any() else 0.0
        cut = in_precision(scores, threshold)
        kept = step.mask & (scores >= cut if best else scores <= cut)
        dropped = gone & (scores <= cut if best else scores > cut)
        return (
            self._nearest(scores, kept, limit, rising=best),
            self._nearest(scores, dropped, limit, rising=not best),
        )

    def _nearest(self, scores: np.ndarray, among: np.ndarray, limit: int, *, rising: bool) -> np.ndarray:
        """The rows with the lowest scores first (`rising`) or the highest; ties as their places by uid say."""
        rows = np.flatnonzero(among)
        values = scores[rows]
        if len(rows) > limit:
            place = limit - 1 if rising else len(rows) - limit
            last = np.partition(values, place)[place]
            rows = rows[values <= last if rising else values >= last]
        order = np.lexsort((-self._columns.rank[rows].astype(np.int64), scores[rows]))
        return rows[order if rising else order[::-1]][:limit]

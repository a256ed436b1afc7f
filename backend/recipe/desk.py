"""Desk: one pool under a slider, whatever its size; for the app, the command line and notebooks alike."""

import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..errors import InputError
from ..pool import Pool
from . import tags
from .bars import Bars, bars
from .columns import PoolColumns
from .grammar import Recipe, ScoreRule
from .plain import PlainSelection
from .score_rule import exact_count, fraction_for
from .selection import Selection

if TYPE_CHECKING:
    from .live import LiveSelection

LARGE = 1_000_000  # pairs from which on ranking a score once is worth it
PATIENCE = 1.5  # seconds until scores are ranked in the background, so that whoever asked is served first
SAMPLE = 2000


@dataclass(frozen=True, eq=False)
class Edge:
    """The pairs next to a rule's threshold: rows just `kept` and just `dropped`, nearest first, at most as many as
    asked for, and the `scores` `(n,)` that the rule reads, if it reads any."""

    kept: np.ndarray
    dropped: np.ndarray
    scores: np.ndarray | None


class Desk:
    """Answers a slider on one pool: selections, histograms, the pairs at a threshold, thresholds and fractions.

    A small pool is read as it is; a large one's scores are ranked in the background the first time, after which a step
    takes milliseconds. Answers are the same either way. Threads may share it.

    >>> desk = Desk(pool)                                                        # doctest: +SKIP
    >>> desk.step(recipe).kept, desk.edge(recipe, 0).dropped, desk.threshold("clip_score", 0.3)   # doctest: +SKIP
    """

    def __init__(self, pool: Pool, *, rank: bool = True) -> None:
        """`rank=False` ranks nothing, for whoever asks only once."""
        self.rank = rank
        self.pool, self.columns = pool, PoolColumns(pool)
        self._plain = PlainSelection(self.columns)
        self._bars: dict[str, Bars] = {}
        self._ranking = threading.Lock()
        self._tags = tags.stamp(pool)

    def step(self, recipe: Recipe) -> Selection:
        """What the recipe keeps. Raises InputError for a column that the pool lacks, or of the wrong kind."""
        recipe.check(self.pool)
        return self._engine(recipe).step(recipe)

    def bars(self, score: str) -> Bars:
        """The histogram of a score over the whole pool, made once."""
        if score not in self._bars:
            ScoreRule(score=score, min=0).check(self.pool)
            self._bars[score] = bars(self.columns.array(score))
        return self._bars[score]

    def kept_bars(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """For each score with a rule of its own `(b,)` integers: how many of the pairs that the recipe keeps each of
        its `bars` holds; empty while the scores of a large pool are not ranked."""
        engine = self._engine(recipe)
        if engine is self._plain and len(self.pool) >= LARGE:
            return {}
        edges = {rule.score: self.bars(rule.score).edges for rule in recipe.active if isinstance(rule, ScoreRule)}
        return engine.histograms(engine.step(recipe), edges)  # type: ignore[arg-type]

    def edge(self, recipe: Recipe, index: int, limit: int = 10) -> Edge:
        """The pairs next to the threshold of the rule at `index`; of other rules the first by uid, a random order."""
        rule, engine = recipe.keep[index], self._engine(recipe)
        step = engine.step(recipe)
        if isinstance(rule, ScoreRule) and rule.on:
            return Edge(*engine.edge(step, index, rule, limit), self.columns.array(rule.score))  # type: ignore[arg-type]
        return Edge(self._some(step.mask, limit), self._some(step.dropped_by == index + 1, limit), None)

    def threshold(self, score: str, fraction: float, *, after: Recipe | None = None, best: bool = True) -> float | None:
        """The threshold that keeps `fraction` of the pool, of the pairs that `after` leaves: the best ones at or above
        it, or with `best=False` the others at or below it. None if no pair is kept."""
        return self.nth(score, exact_count(fraction, len(self.pool)), after=after, best=best)

    def fraction(
        self, score: str, threshold: float, *, after: Recipe | None = None, of: Literal["pool", "kept"] = "pool"
    ) -> float:
        """The fraction, of the pool or of what `after` leaves, that scores `threshold` or more and that `after` leaves:
        `top` with it keeps as many pairs."""
        engine, among = self._after(score, after)
        count = engine.at_least(score, threshold, among)
        return fraction_for(count, among.kept if of == "kept" else len(self.pool))

    def nth(self, score: str, count: int, *, after: Recipe | None = None, best: bool = True) -> float | None:
        """The score of the `count`-th best pair that `after` leaves, or the `count`-th lowest."""
        engine, among = self._after(score, after)
        return engine.nth(score, count, among, best=best)

    def _after(self, score: str, recipe: Recipe | None) -> "tuple[PlainSelection | LiveSelection, Selection]":
        """The engine that knows the score, and what it keeps of the recipe."""
        before = recipe or Recipe()
        seen = before.model_copy(update={"keep": (*before.keep, ScoreRule(score=score, min=0))})
        seen.check(self.pool)
        engine = self._engine(seen)
        return engine, engine.step(before)

    def _engine(self, recipe: Recipe) -> "PlainSelection | LiveSelection":
        """Ranked columns where they are worth it and there; they are made in the background where they aren't."""
        stamp = tags.stamp(self.pool)
        if stamp != self._tags:
            self._tags = stamp
            self._plain.forget()
            if "_live" in vars(self):
                self._live.forget()
        if len(self.pool) < LARGE or not self.rank:
            return self._plain
        if self._live.ready(recipe):
            return self._live
        if self._ranking.acquire(blocking=False):
            timer = threading.Timer(PATIENCE, self._rank, [recipe])
            timer.name, timer.daemon = "ranking the scores", True
            timer.start()
        return self._plain

    @cached_property
    def _live(self) -> "LiveSelection":
        from .live import LiveSelection  # numba takes a while to load

        return LiveSelection(self.columns, self.pool.path / "ranks")

    def _rank(self, recipe: Recipe) -> None:
        with suppress(InputError):  # whoever asked was told
            self._live.step(recipe)
        self._ranking.release()

    def _some(self, mask: np.ndarray, limit: int) -> np.ndarray:
        rows = np.flatnonzero(mask)
        if len(rows) <= limit:
            return rows
        rows = rows[:: max(1, len(rows) // SAMPLE)]
        return rows[np.argsort(self.columns.rank[rows], kind="stable")[:limit]]

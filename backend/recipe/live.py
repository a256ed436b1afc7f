"""LiveSelection: the selection under a slider; the same result as `select_columns`, by comparisons of places."""

from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock, RLock

import numpy as np

from ..errors import InputError
from ..kernels import bits
from ..kernels.bits import every, inside
from ..pool.memory import keep_buffers
from . import rank_files
from .columns import PoolColumns
from .grammar import MaskRule, Recipe, Rule, ScoreRule
from .histograms import Histograms
from .kinds import Parted, SurvivorRule
from .ranked import Ranked
from .rule_count import RuleCount, Shortage
from .selection import Selection, check_length, check_score, together, undrawn

REMEMBERED = 24  # steps, as long as their masks take less than so many bytes
MASKS = 1 << 27
FEWEST = 6


class Step(Selection):
    """A selection as packed masks: `words` `(ceil(n / 64),)` uint64, True = KEPT; `stages[i]` is the mask after rule i.

    What takes as much as the pool, `mask` and `dropped_by`, is made when it is asked for.
    """

    def __init__(
        self, pairs: int, words: np.ndarray, counts: list[RuleCount], stages: tuple[np.ndarray, ...],
        wanted: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.pairs, self.stages, self.counts, self.wanted = pairs, stages, counts, wanted
        self.words = words

    @cached_property
    def mask(self) -> np.ndarray:  # type: ignore[override]
        mask = bits.unpack(self.words, self.pairs)
        mask.flags.writeable = False
        return mask

    @cached_property
    def dropped_by(self) -> np.ndarray:  # type: ignore[override]
        out = np.zeros(self.pairs, dtype=np.uint8)
        before = every(self.pairs)
        for number, stage in enumerate(self.stages, start=1):
            bits.everywhere(bits.label, len(stage), stage, before, np.uint8(number), out)
            before = stage
        return out

    def holds(self, rows: np.ndarray) -> np.ndarray:
        return inside(self.words, np.asarray(rows))

    def dropped_at(self, row: int) -> int:
        there = [not inside(stage, np.array([row]))[0] for stage in self.stages]
        return there.index(True) + 1 if True in there else 0

    def gone(self, index: int) -> np.ndarray:
        """The packed mask of the pairs that the rule at `index` dropped."""
        before = self.stages[index - 1] if index else every(self.pairs)
        return before & ~self.stages[index]


class LiveSelection:
    """Applies recipes to one pool again and again, and remembers what it can.

    The first rule on a score ranks its column (about a second for ten million pairs); from then on a step costs a few
    milliseconds for each ten million pairs and rule. Rules before the one that changed are not applied again.
    Threads may share it.
    """

    def __init__(self, columns: PoolColumns, kept: Path | None = None) -> None:
        """`kept`: a directory that holds ranked columns from one process to the next (see `rank_files`)."""
        if columns.n >= 2**32:
            raise InputError(f"a pool of {columns.n:,} pairs is too large for live selection; use `poolscope select`.")
        keep_buffers()
        self.columns, self.n, self._folder = columns, columns.n, kept
        self._ranked: dict[str, Ranked] = {}
        self._masks: dict[MaskRule, np.ndarray] = {}
        self._histograms: OrderedDict[tuple[tuple[str, bytes], ...], Histograms] = OrderedDict()
        self._steps: OrderedDict[tuple[Rule, ...], Step] = OrderedDict()
        self._lock, self._making = Lock(), RLock()

    def step(self, recipe: Recipe) -> Step:
        """What the recipe keeps. Raises InputError as `select_columns` does."""
        check_length(recipe)
        rules = tuple(recipe.keep)
        known = self._longest(rules)
        alive, left, counts, stages = known.words, known.kept, list(known.counts), list(known.stages)
        wanted = known.wanted
        for number in range(len(counts), len(rules)):
            rule, before = rules[number], left
            if rule.on:
                view = _Places(self, alive, left)
                part = rule.part(view)
                kept = np.empty_like(alive)
                left = sum(bits.everywhere(bits.meet, len(kept), part.kept, alive, kept))
                alive = kept
                wanted = together(rule, wanted, part.copies)
                drawn = None if wanted is None else int(bits.unpack(alive, self.n) @ wanted.astype(np.int64))
                draws = part.copies is not None
                counts.append(RuleCount.of(rule, self.n, before, left, part.threshold, view.short, drawn, draws=draws))
            else:
                drawn = counts[-1].drawn if counts else None
                counts.append(RuleCount.of(rule, self.n, left, left, None, drawn=drawn))
            stages.append(alive)
            self._remember(rules[: number + 1], Step(self.n, alive, list(counts), tuple(stages), wanted))
        return Step(self.n, alive, counts, tuple(stages), wanted)

    def ranked(self, name: str) -> Ranked:
        """The column by rank, made once."""
        if name not in self._ranked:
            with self._making:
                if name not in self._ranked:
                    scores = self.columns.array(name)
                    check_score(name, scores)
                    self._ranked[name] = rank_files.ranked(self.columns, name, scores, self._folder)
        return self._ranked[name]

    def ready(self, recipe: Recipe) -> bool:
        """Whether a step needs no column that is not ranked yet."""
        return all(rule.score in self._ranked for rule in recipe.leaves() if isinstance(rule, ScoreRule))

    def histograms(self, step: Step, edges: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """For each score `(b,)` int32: how many pairs of the step score from edge i to edge i + 1.

        Edges `(b + 1,)` rise, in the score's precision; scores beyond the outer edges count in the outer bars.
        Those of the last two sets of edges are remembered, one byte a pair and score.
        """
        if not edges:
            return {}
        key = tuple((name, rising.tobytes()) for name, rising in edges.items())
        with self._making:
            if key not in self._histograms:
                columns = {name: (self.ranked(name), rising) for name, rising in edges.items()}
                self._histograms[key] = Histograms(columns)
            histogram = self._histograms[key]
            self._histograms.move_to_end(key)
            while len(self._histograms) > 2:
                self._histograms.popitem(last=False)
        return histogram.count(step.words, step.kept) if step.copies is None else histogram.weigh(step.copies)

    def at_least(self, score: str, threshold: float, among: Selection) -> int:
        """How many pairs of the selection score `threshold` or more, in the score's own precision."""
        ranked = self.ranked(score)
        mask = ranked.between(0, ranked.place_below(threshold, inclusive=True))
        return sum(bits.everywhere(bits.common, len(mask), mask, among.words))

    def nth(self, score: str, count: int, among: Selection, *, best: bool = True) -> float | None:
        """The score of the `count`-th best pair of the selection, or the `count`-th lowest; None if none has a score."""
        ranked = self.ranked(score)
        scored = ranked.alive(among.words, among.kept)
        if not scored or count <= 0:
            return None
        count = min(count, scored)
        return ranked.score_at(ranked.best(count if best else scored - count + 1, among.words, scored)[1] - 1)

    def edge(self, step: Step, index: int, rule: ScoreRule, limit: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows just kept and just dropped by the rule at `index`, nearest to its threshold first."""
        ranked, best = self.ranked(rule.score), rule.mode != "max"
        threshold = step.counts[index].threshold
        if threshold is None:  # nothing is kept
            threshold = ranked.score_at(0 if best else ranked.scored - 1) if ranked.scored else 0.0
        kept = ranked.nearest(ranked.place_below(threshold, inclusive=best), step.words, limit, better=best)
        other = ranked.place_below(threshold, inclusive=False)
        return kept, ranked.nearest(other, step.gone(index), limit, better=not best)

    def mask(self, rule: MaskRule) -> np.ndarray:
        """The packed mask of a flag, a subset file, a tag or a condition, made once."""
        with self._making:
            if rule not in self._masks:
                self._masks[rule] = bits.pack(rule.read(self.columns))
            return self._masks[rule]

    def forget(self) -> None:
        """Forgets masks and steps; ranked columns stay. For tags and files that were replaced."""
        with self._making, self._lock:
            self._masks.clear()
            self._steps.clear()

    def _longest(self, rules: tuple[Rule, ...]) -> Step:
        """The remembered step of the longest beginning of the rules; without one, every pair."""
        with self._lock:
            for length in range(len(rules), 0, -1):
                if rules[:length] in self._steps:
                    self._steps.move_to_end(rules[:length])
                    return self._steps[rules[:length]]
        return Step(self.n, every(self.columns.n), [], ())

    def _remember(self, rules: tuple[Rule, ...], step: Step) -> None:
        with self._lock:
            self._steps[rules] = step
            takes = step.words.nbytes + (step.wanted.nbytes if step.wanted is not None else 0)
            most = max(FEWEST, min(REMEMBERED, MASKS // max(1, takes)))
            while len(self._steps) > most:
                self._steps.popitem(last=False)


class _Places:
    """What a rule sees of ranked columns: the `left` pairs of the packed mask `alive`; its masks are packed."""

    def __init__(self, live: LiveSelection, alive: np.ndarray, left: int) -> None:
        self._live, self._alive, self._left = live, alive, left
        self.short: list[Shortage] = []

    def mask(self, rule: MaskRule) -> Parted:
        mask = self._live.mask(rule)
        return Parted(mask, lambda: every(self._live.n) & ~mask, copies=rule.copies(self._live.columns))

    def together(self, rule: SurvivorRule) -> Parted:
        taken = rule.take(self._live.columns, bits.unpack(self._alive, self._live.n))
        self.short += undrawn(rule, taken.possible)
        kept = bits.pack(taken.kept)
        return Parted(kept, lambda: bits.pack(taken.possible) & ~kept, copies=taken.copies)

    def score(self, rule: ScoreRule) -> Parted:
        ranked = self._live.ranked(rule.score)
        wanted = rule.quota(ranked.n, self._left)
        kept, threshold = self._between(rule, ranked) if wanted is None else self._top(rule, ranked, wanted)
        return Parted(kept, lambda: ranked.scored_mask & ~kept, threshold)

    def _between(self, rule: ScoreRule, ranked: Ranked) -> tuple[np.ndarray, float | None]:
        least, most = rule.bounds()
        low = 0 if most is None else ranked.place_below(most, inclusive=False)
        high = ranked.scored if least is None else ranked.place_below(least, inclusive=True)
        return ranked.between(low, max(low, high)), least if least is not None else most

    def _top(self, rule: ScoreRule, ranked: Ranked, wanted: int) -> tuple[np.ndarray, float | None]:
        scored = ranked.alive(self._alive, self._left)
        if wanted >= scored:
            if wanted > scored:
                self.short.append(Shortage(rule.label(), wanted, scored))
            last = ranked.score_at(ranked.best(scored, self._alive, scored)[1] - 1) if scored else None
            return ranked.scored_mask, last
        if rule.ties == "all":
            threshold = ranked.score_at(ranked.best(wanted + 1, self._alive, scored)[1] - 1)
            return ranked.between(0, ranked.place_below(threshold, inclusive=True)), threshold
        if wanted == 0:
            return ranked.between(0, 0), None
        mask, end = ranked.best(wanted, self._alive, scored)
        return mask, ranked.score_at(end - 1)

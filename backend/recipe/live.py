"""LiveSelection: the selection under a slider; the same result as `select_columns`, by comparisons of places."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np

from ..errors import InputError
from ..kernels import bits
from ..kernels.bits import every, inside
from ..pool.memory import keep_buffers
from . import rank_files
from .columns import Columns
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
    flat,
)
from .histograms import Histograms
from .ranked import Ranked
from .selection import RuleCount, Selection, check_length, check_score

REMEMBERED = 24  # steps, as long as their masks take less than so many bytes
MASKS = 1 << 27
FEWEST = 6


class Step(Selection):
    """A selection as packed masks: `words` `(ceil(n / 64),)` uint64, True = KEPT; `stages[i]` is the mask after rule i.

    What takes as much as the pool, `mask` and `dropped_by`, is made when it is asked for.
    """

    def __init__(self, pairs: int, words: np.ndarray, counts: list[RuleCount], stages: tuple[np.ndarray, ...]) -> None:
        self._pairs, self.stages, self.counts = pairs, stages, counts
        self.words = words

    @property
    def pairs(self) -> int:
        return self._pairs

    @cached_property
    def mask(self) -> np.ndarray:
        mask = bits.unpack(self.words, self.pairs)
        mask.flags.writeable = False
        return mask

    @cached_property
    def dropped_by(self) -> np.ndarray:
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

    def __init__(self, columns: Columns, kept: Path | None = None) -> None:
        """`kept`: a directory that holds ranked columns from one process to the next (see `rank_files`)."""
        if columns.n >= 2**32:
            raise InputError(f"a pool of {columns.n:,} pairs is too large for live selection; use `poolscope select`.")
        keep_buffers()
        self.columns, self._folder = columns, kept
        self._ranked: dict[str, Ranked] = {}
        self._masks: dict[tuple[str, str], np.ndarray] = {}
        self._histograms: OrderedDict[tuple[tuple[str, bytes], ...], Histograms] = OrderedDict()
        self._steps: OrderedDict[tuple[Rule, ...], Step] = OrderedDict()
        self._lock, self._making = Lock(), Lock()

    def step(self, recipe: Recipe) -> Step:
        """What the recipe keeps. Raises InputError as `select_columns` does."""
        check_length(recipe)
        rules = tuple(recipe.keep)
        known = self._longest(rules)
        alive, left, counts, stages = known.words, known.kept, list(known.counts), list(known.stages)
        for number in range(len(counts), len(rules)):
            kept, count, threshold = self._kept(rules[number], alive, left)
            counts.append(RuleCount(rules[number].label(), count, left - count, threshold))
            stages.append(kept)
            alive, left = kept, count
            self._remember(rules[: number + 1], Step(self.columns.n, kept, list(counts), tuple(stages)))
        return Step(self.columns.n, alive, counts, tuple(stages))

    def ranked(self, name: str) -> Ranked:
        """The column by rank, made once."""
        found = self._ranked.get(name)
        if found is not None:
            return found
        with self._making:
            return self._ranked_in(name)

    def _ranked_in(self, name: str) -> Ranked:
        if name not in self._ranked:
            scores = self.columns.array(name)
            check_score(name, scores)
            self._ranked[name] = rank_files.ranked(self.columns, name, scores, self._folder)
        return self._ranked[name]

    def ready(self, recipe: Recipe) -> bool:
        """Whether a step needs no column that is not ranked yet."""
        return all(rule.score in self._ranked for rule in flat(recipe.keep) if isinstance(rule, ScoreRule))

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
                columns = {name: (self._ranked_in(name), rising) for name, rising in edges.items()}
                self._histograms[key] = Histograms(columns)
            made = self._histograms[key]
            self._histograms.move_to_end(key)
            while len(self._histograms) > 2:
                self._histograms.popitem(last=False)
        return made.count(step.words, step.kept)

    # --- rules as packed masks --------------------------------------------------------------------------------------

    def _kept(self, rule: Rule, alive: np.ndarray, left: int) -> tuple[np.ndarray, int, float | None]:
        """Which of the `left` pairs of `alive` a rule keeps, how many they are, and the rule's threshold."""
        if isinstance(rule, ScoreRule) and rule.top is not None and rule.ties != "all":
            ranked = self.ranked(rule.score)
            scored, wanted = ranked.alive(alive, left), _wanted(rule, ranked, left)
            if 0 < wanted < scored:
                mask, end = ranked.best(wanted, alive, scored)
                return mask, wanted, ranked.score_at(end - 1)
        if isinstance(rule, ScoreRule):  # what it drops nobody asks for here
            low, high, threshold = places(rule, self.ranked(rule.score), alive, left)
            mask = self.ranked(rule.score).between(low, high)
        else:
            mask, _, threshold = self._parted(rule, alive, left)
        kept = np.empty_like(alive)
        return kept, sum(bits.everywhere(bits.meet, len(kept), mask, alive, kept)), threshold

    def _parted(self, rule: Rule, alive: np.ndarray, left: int) -> tuple[np.ndarray, np.ndarray, float | None]:
        """What a rule keeps and what it drops of the pool, and its threshold; a pair in neither has no score."""
        if isinstance(rule, ScoreRule):
            ranked = self.ranked(rule.score)
            low, high, threshold = places(rule, ranked, alive, left)
            kept = ranked.between(low, high)
            return kept, ranked.scored_mask & ~kept, threshold
        if isinstance(rule, NotRule):
            kept, dropped, threshold = self._parted(rule.not_, alive, left)
            return dropped, kept, threshold
        if isinstance(rule, (AnyRule, AllRule)):
            union = isinstance(rule, AnyRule)
            inner = rule.any if isinstance(rule, AnyRule) else rule.all
            parts = [self._parted(part, alive, left)[:2] for part in inner]
            join, meet = (np.bitwise_or, np.bitwise_and) if union else (np.bitwise_and, np.bitwise_or)
            return join.reduce([kept for kept, _ in parts]), meet.reduce([dropped for _, dropped in parts]), None
        mask = self._flat(rule)
        return mask, every(self.columns.n) & ~mask, None

    def _flat(self, rule: Rule) -> np.ndarray:
        """The packed mask of a flag, a subset file or a condition, made once."""
        key: tuple[str, str]
        read: Callable[[str], np.ndarray]
        if isinstance(rule, FlagRule):
            key, read = ("flag", rule.flag), self.columns.array
        elif isinstance(rule, SubsetRule):
            key, read = ("subset", rule.subset), self.columns.subset
        else:
            assert isinstance(rule, WhereRule)
            key, read = ("where", rule.where), self.columns.where
        with self._making:
            if key not in self._masks:
                self._masks[key] = bits.pack(read(key[1]))
            return self._masks[key]

    def _longest(self, rules: tuple[Rule, ...]) -> Step:
        """The remembered step of the longest beginning of the rules; without one, every pair."""
        with self._lock:
            for length in range(len(rules), 0, -1):
                if rules[:length] in self._steps:
                    self._steps.move_to_end(rules[:length])
                    return self._steps[rules[:length]]
        return Step(self.columns.n, every(self.columns.n), [], ())

    def _remember(self, rules: tuple[Rule, ...], step: Step) -> None:
        with self._lock:
            self._steps[rules] = step
            most = max(FEWEST, min(REMEMBERED, MASKS // max(1, step.words.nbytes)))
            while len(self._steps) > most:
                self._steps.popitem(last=False)


def places(rule: ScoreRule, ranked: Ranked, alive: np.ndarray, left: int) -> tuple[int, int, float | None]:
    """The places that the rule keeps, `low` to `high` (exclusive), and the threshold that it amounts to."""
    if rule.top is None:
        least, most = rule.bounds()
        low = 0 if most is None else ranked.place_below(most, inclusive=False)
        high = ranked.scored if least is None else ranked.place_below(least, inclusive=True)
        return low, max(low, high), least if least is not None else most
    scored, wanted = ranked.alive(alive, left), _wanted(rule, ranked, left)
    if wanted >= scored:
        last = ranked.score_at(ranked.best(scored, alive, scored)[1] - 1) if scored else None
        return 0, ranked.scored, last
    if rule.ties == "all":
        threshold = ranked.score_at(ranked.best(wanted + 1, alive, scored)[1] - 1)
        return 0, ranked.place_below(threshold, inclusive=True), threshold
    if wanted == 0:
        return 0, 0, None
    end = ranked.best(wanted, alive, scored)[1]
    return 0, end, ranked.score_at(end - 1)


def _wanted(rule: ScoreRule, ranked: Ranked, left: int) -> int:
    """How many pairs a top fraction is."""
    assert rule.top is not None
    total = left if rule.of == "kept" else ranked.n
    return int(total * rule.top) if rule.ties == "all" else exact_count(rule.top, total)

"""LiveSelection: the selection under a slider; the same result as `select_columns`, by comparisons of places."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np

from backend.errors import InputError
from backend.recipe import bits, rank_files
from backend.recipe.columns import Columns
from backend.recipe.grammar import (
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
from backend.recipe.ranked import Ranked
from backend.recipe.selection import RuleCount, Selection, check_length, check_score
from backend.recipe.tallies import Bars

REMEMBERED = 24


@dataclass(frozen=True, eq=False)
class Step:
    """What a recipe keeps: `words` `(ceil(n / 64),)` uint64, packed little-endian, True = KEPT; `counts` per rule.

    `stages[i]` is the mask after rule i, packed too.
    """

    pairs: int
    words: np.ndarray
    counts: list[RuleCount]
    stages: tuple[np.ndarray, ...]

    @property
    def kept(self) -> int:
        return self.counts[-1].kept if self.counts else self.pairs

    @property
    def packed(self) -> np.ndarray:
        """`(ceil(n / 8),)` uint8, as `np.packbits(mask, bitorder="little")`."""
        return self.words.view(np.uint8)[: -(-self.pairs // 8)]

    @cached_property
    def mask(self) -> np.ndarray:
        """`(n,)` bool, True = KEPT."""
        mask = bits.unpack(self.words, self.pairs)
        mask.flags.writeable = False
        return mask

    @cached_property
    def dropped_by(self) -> np.ndarray:
        """`(n,)` uint8: 0 kept, else the number of the rule that dropped the pair, from 1."""
        out = np.zeros(self.pairs, dtype=np.uint8)
        before = every(self.pairs)
        for number, stage in enumerate(self.stages, start=1):
            bits.everywhere(bits.label, len(stage), stage, before, np.uint8(number), out)
            before = stage
        return out

    @cached_property
    def selection(self) -> Selection:
        """The same as `select` returns."""
        return Selection(self.mask, self.dropped_by, self.counts)


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
        self.columns, self._kept = columns, kept
        self._ranked: dict[str, Ranked] = {}
        self._masks: dict[tuple[str, str], np.ndarray] = {}
        self._bars: OrderedDict[tuple[str, bytes], Bars] = OrderedDict()
        self._steps: OrderedDict[tuple[Rule, ...], Step] = OrderedDict()
        self._lock, self._making = Lock(), Lock()

    def step(self, recipe: Recipe) -> Step:
        """What the recipe keeps. Raises InputError as `select_columns` does."""
        check_length(recipe)
        rules = tuple(recipe.keep)
        known = self._longest(rules)
        done = len(known.counts)
        alive: np.ndarray | None = known.words if done else None
        left, counts, stages = known.kept, list(known.counts), list(known.stages)
        for number in range(done, len(rules)):
            kept, _, threshold = self._apply(rules[number], alive, left)
            if alive is not None:
                kept = kept & alive
            before, left = left, sum(bits.everywhere(bits.ones, len(kept), kept))
            alive = kept
            counts.append(RuleCount(rules[number].label(), left, before - left, threshold))
            stages.append(kept)
            self._remember(rules[: number + 1], Step(self.columns.n, kept, list(counts), tuple(stages)))
        return Step(self.columns.n, known.words if alive is None else alive, counts, tuple(stages))

    def ranked(self, name: str) -> Ranked:
        """The column by rank, made once."""
        with self._making:
            return self._ranked_in(name)

    def _ranked_in(self, name: str) -> Ranked:
        if name not in self._ranked:
            scores = self.columns.array(name)
            check_score(name, scores)
            self._ranked[name] = rank_files.ranked(self.columns, name, scores, self._kept)
        return self._ranked[name]

    def ready(self, recipe: Recipe) -> bool:
        """Whether a step needs no column that is not ranked yet."""
        return all(rule.score in self._ranked for rule in flat(recipe.keep) if isinstance(rule, ScoreRule))

    def bars(self, step: Step | None, name: str, edges: np.ndarray) -> np.ndarray:
        """`(b,)` int64: how many pairs of the step (None: of the pool) score from edge i to edge i + 1.

        `edges` `(b + 1,)` rise; scores beyond the outer edges count in the outer bars.
        """
        key = (name, np.asarray(edges, dtype=np.float64).tobytes())
        with self._making:
            if key not in self._bars:
                self._bars[key] = Bars(self._ranked_in(name), edges)
            bars = self._bars[key]
            while len(self._bars) > REMEMBERED:
                self._bars.popitem(last=False)
        return bars.count(None if step is None or not step.stages else step.words)

    # --- rules: packed masks (kept, dropped); a pair in neither has no score ---------------------------------------

    def _apply(self, rule: Rule, alive: np.ndarray | None, left: int) -> tuple[np.ndarray, np.ndarray, float | None]:
        if isinstance(rule, ScoreRule):
            ranked = self.ranked(rule.score)
            low, high, threshold = places(rule, ranked, alive, left)
            kept = ranked.between(low, high)
            return kept, ranked.scored_mask & ~kept, threshold
        if isinstance(rule, NotRule):
            kept, dropped, threshold = self._apply(rule.not_, alive, left)
            return dropped, kept, threshold
        if isinstance(rule, (AnyRule, AllRule)):
            union = isinstance(rule, AnyRule)
            inner = rule.any if isinstance(rule, AnyRule) else rule.all
            parts = [self._apply(part, alive, left)[:2] for part in inner]
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
            while len(self._steps) > REMEMBERED:
                self._steps.popitem(last=False)


def every(pairs: int) -> np.ndarray:
    """The packed mask of all pairs."""
    words = np.full(bits.words_for(pairs), 2**64 - 1, dtype=np.uint64)
    if pairs % bits.WORD:
        words[-1] = (1 << pairs % bits.WORD) - 1
    return words


def places(rule: ScoreRule, ranked: Ranked, alive: np.ndarray | None, left: int) -> tuple[int, int, float | None]:
    """The places that the rule keeps, `low` to `high` (exclusive), and the threshold that it amounts to."""
    if rule.top is None:
        least, most = rule.bounds()
        low = 0 if most is None else ranked.place_below(most, inclusive=False)
        high = ranked.scored if least is None else ranked.place_below(least, inclusive=True)
        return low, max(low, high), least if least is not None else most
    scored = ranked.alive(alive)
    total = left if rule.of == "kept" else ranked.n
    wanted = int(total * rule.top) if rule.ties == "all" else exact_count(rule.top, total)
    if wanted >= scored:
        last = ranked.score_at(ranked.place_of(scored - 1, alive)) if scored else None
        return 0, ranked.scored, last
    if rule.ties == "all":
        threshold = ranked.score_at(ranked.place_of(wanted, alive))
        return 0, ranked.place_below(threshold, inclusive=True), threshold
    if wanted == 0:
        return 0, 0, None
    place = ranked.place_of(wanted - 1, alive)
    return 0, place + 1, ranked.score_at(place)

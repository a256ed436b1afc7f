"""Step: a selection as packed masks, one for each rule."""

from functools import cached_property

import numpy as np

from ..kernels import bits
from ..kernels.bits import every, inside
from .rule_count import RuleCount
from .selection import Selection


class Step(Selection):
    """A selection as packed masks: `words` `(ceil(n / 64),)` uint64, True = KEPT; `stages[i]` is the mask after rule i.

    What takes as much as the pool, `mask` and `dropped_by`, is made when it is asked for.
    """

    def __init__(
        self, pairs: int, words: np.ndarray, counts: list[RuleCount], stages: tuple[np.ndarray, ...],
        wanted: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self._pairs, self.stages, self.counts, self.wanted = pairs, stages, counts, wanted
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

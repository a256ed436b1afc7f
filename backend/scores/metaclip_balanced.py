"""MetaCLIP's balancing as a flag, at a t that is given or found by the tail share."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..pool import Pool
from ..progress import Progress, silent
from .base import Batch, Each, here, param
from .metaclip import Balance, MetaClip, tail_threshold


@dataclass(frozen=True, kw_only=True)
class MetaClipBalanced(MetaClip):
    """MetaCLIP's balancing as a flag, at a t that is given or found by the tail share: kept = `key < t`.

    t = 0 takes the smallest t whose tail (entries held by fewer than t captions) has `tail_share` of all matches, 6 % in the
    paper. Everything else is as in `metaclip`; for a slider over t make that score. Gives `(n,)` bool.
    """

    id = "metaclip_balanced"
    order = 200
    title = "MetaCLIP balancing by tail share"
    kind = "flag"
    formula = r"\min_{e \in \mathrm{caption}} u_{i,e}\, c_e < t,\quad \sum_{c_e < t} c_e \ge 6\,\% \sum c_e"

    t: float = param(0.0, "matches per entry; 0: found by the tail share", low=0)
    tail_share: float = param(0.06, "share of all matches that rare entries hold", low=0, high=1)

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> Balance:
        state = super().prepare(pool, progress, each)
        return replace(state, t=self.t or tail_threshold(state.counts, self.tail_share))

    def score(self, batch: Batch, state: Any) -> np.ndarray:
        return state.keys(batch, self.seed) < state.t

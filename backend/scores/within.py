"""Within: one score among the best of another, so that a sequence of cuts can be part of a union."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..pool import Pool
from ..progress import Progress, silent
from .base import MAIN, Method, Unit, param


@dataclass(frozen=True, kw_only=True)
class Within(Method):
    """The score `score` for the pairs in the top fraction `top` of the pool by `quality`; NaN, so never kept, for the rest.

    `{score: within, top: 0.1}` is then "top 20 % by CLIPLoss, of these the top 10 % of the pool by NormSim", as one rule
    that can stand inside `any`, where rules all see the same pairs. Exactly `floor(top N)` pairs, ties by uid ascending.
    Reads two score columns, gives `(n,)` float32. One sort.
    """

    id = "within"
    order = 170
    title = "Score within another's top"
    formula = r"s_i \text{ if } q_i \text{ is in the top } f \text{ of the pool, else not scored}"
    paper = "the sequential cuts of Wang et al. 2024, arXiv 2405.19547"
    cost = "0.2 µs per pair"
    published = "CLIPLoss top 20 % then NormSim-inf top 10 %, united with DFN and HYPE: best published average of 38 tasks of that work"
    inputs = ("{score_column}", "{quality}")
    at_once = True

    score_column: str = param("normsim", "score that is taken", of="score")
    quality: str = param("cliploss", "score whose best pairs are let through", of="score")
    top: float = param(0.2, "fraction of the pool that it lets through", low=0, high=1)

    def compute(self, pool: Pool, unit: Unit, state: Any, progress: Progress = silent) -> dict[str, np.ndarray]:
        from ..recipe import load, select

        inside = select(load({"keep": [{"score": self.quality, "top": self.top}]}), pool).mask
        return {MAIN: np.where(inside, pool.array(self.score_column), np.float32(np.nan))}

"""Rank sum: several scores joined by adding their ranks."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from .base import MAIN, Method, Unit, param


def rank_fractions(scores: np.ndarray) -> np.ndarray:
    """The rank of each score divided by how many there are: in (0, 1], 1 is the highest; equal scores share the mean of
    their ranks; NaN stays NaN. (n,) float64.

    >>> rank_fractions(np.array([3.0, 1.0, 1.0, 9.0])).tolist()
    [0.75, 0.375, 0.375, 1.0]
    """
    from scipy.stats import rankdata

    ranks: np.ndarray = rankdata(scores, nan_policy="omit") / max(1, np.count_nonzero(~np.isnan(scores)))
    return ranks


@dataclass(frozen=True, kw_only=True)
class RankSum(Method):
    """Rank sum: `sum of rank_k(i) / N` over several score columns, ascending ranks, so higher is better.

    The scores need no common scale. The released code ranks CLIPLoss and NormSim this way ("norm 101") with ties in arbitrary
    order; here equal scores share a rank. A pair that lacks any of the scores is not scored (NaN).
    Reads score columns, gives `(n,)` float32 in (0, number of scores]. One sort per score.
    """

    id = "rank_sum"
    order = 180
    title = "Rank sum"
    formula = r"\sum_k \mathrm{rank}_k(i) / N"
    paper = "Wang et al. 2024 (negCLIPLoss and NormSim, released code), arXiv 2405.19547"
    cost = "0.2 µs per pair and score"
    published = "no published result; the released code writes it beside the paper's sequential rule"
    at_once = True

    scores: str = param("cliploss,normsim", "score columns, separated by commas", of="scores")

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.needs()) < 2:
            raise InputError(
                f"rank_sum: scores is {self.scores!r}; name at least two score columns, separated by commas."
            )

    def needs(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.scores.split(",") if name.strip())

    def compute(self, pool: Pool, unit: Unit, state: Any, progress: Progress = silent) -> dict[str, np.ndarray]:
        total = sum(rank_fractions(pool.array(name)) for name in self.needs())
        return {MAIN: np.asarray(total, np.float32)}

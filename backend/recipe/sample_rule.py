"""The rule that draws pairs with repetition: Soft Cap Sampling."""

import numpy as np
from pydantic import Field

from ..errors import InputError
from ..pool import Pool
from .columns import PoolColumns
from .kinds import SurvivorRule, Taken, Witness, check_number

MOST_TIMES = 10  # draws for each pair of the pool


class SampleRule(SurvivorRule):
    """Draws `pairs` pairs with repetition (None: as many as the pool has), by softmax(score / temperature), where each
    draw of a pair lowers its score (divided by the temperature) by `penalty`; see `kernels.soft_cap`."""

    KIND = COLUMN = "sample"

    sample: str
    pairs: int | None = Field(default=None, ge=1)
    penalty: float = Field(default=0.0, ge=0, le=1000)
    temperature: float = Field(default=1.0, ge=1e-6, le=1e6)
    seed: int = Field(default=0, ge=0, lt=2**63)

    def words(self) -> str:
        temperature = "" if self.temperature == 1 else f", temperature {self.temperature:g}"
        seed = f", seed {self.seed}" if self.seed else ""
        draws = "as many draws as the pool has pairs" if self.pairs is None else f"{self.pairs:,} draws"
        return f"{draws} by {self.sample}, penalty {self.penalty:g}{temperature}{seed}"

    def draws(self, n: int) -> int:
        """How many pairs it draws of a pool of `n`."""
        return n if self.pairs is None else self.pairs

    def check(self, pool: Pool) -> None:
        check_number(pool, self.sample)
        if (draws := self.draws(len(pool))) > (most := MOST_TIMES * len(pool)):
            raise InputError(
                f"sample asks for {draws:,} pairs; at most {most:,} are drawn, {MOST_TIMES} times the pool."
            )

    def take(self, columns: PoolColumns, alive: np.ndarray) -> Taken:
        from ..kernels.soft_cap import soft_cap  # numba takes a while to load

        scores = columns.array(self.sample)
        possible = alive & np.isfinite(scores)
        rows = np.flatnonzero(possible)
        logits = scores[rows].astype(np.float64) / self.temperature
        copies = np.zeros(columns.n, dtype=np.uint32)
        copies[rows] = soft_cap(columns.states(self.seed)[rows], logits, self.draws(columns.n), self.penalty)
        return Taken(copies > 0, possible, copies)

    def missed(self, pair: Witness) -> str:
        return "it has no score" if pair.unscored(self) else "it was not drawn"

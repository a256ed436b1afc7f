"""VAS-D: variance alignment with the pool's own survivors, trimmed step by step; no external target."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import devices, files
from ..errors import InputError
from ..kernels.matmul import bad_rows
from ..pool import Pool
from ..progress import Progress, silent
from .base import MAIN, Each, Method, Unit, by_unit, here, param
from .kernels.dealing import check_disk, scanned, stored, temporary
from .kernels.laid_out import laid_out
from .kernels.trimming import Held, highest, removal_steps

Moments = tuple[np.ndarray, np.ndarray, int]  # sum f f^T, sum f, number of f


@dataclass(frozen=True, kw_only=True)
class VasD(Method):
    """VAS-D: repeatedly score the survivors by `f^T S_t f`, S_t their own second moment, and drop the lowest.

    Start: the top `quality_top` of the pool by the score `quality` (the whole pool without one). Schedule: survivors
    fall linearly to `final` of the pool in `steps` steps, `n_t = n_0 - round((t+1) D/T)`. The first second moment is
    of the whole pool, before the quality cut, as in the released code; the later ones are exact (the later
    release samples 10 % of the survivors, hangs, and can overshoot its schedule). `steps = 1` is "VAS (train data)".

    The score is the step at which a pair leaves, `steps + 1` for the pairs that stay to the end, 0 for pairs that the
    quality cut dropped, NaN for a zero or non-finite embedding or no quality score; so any fraction between
    `final` and `quality_top` is a slider. It keeps what lies along the dominant directions, hence `center`.
    Reads (n, d) embeddings, gives (n,) float32; 1.25 d^2 FLOP per survivor and step. Above 512 MB of embeddings the
    survivors' are laid out beside the pool, in files of 262,144 pairs, and all workers take part in every step. What is
    interrupted goes on from what it saves every five minutes, and a step from its finished files.
    """

    id = "vas_d"
    order = 80
    title = "VAS-D"
    formula = r"\text{step } t \text{ removes the lowest } f_i^{\top}\Sigma_t f_i,\quad \Sigma_t = \frac{1}{|S_t|}\sum_{j\in S_t} f_j f_j^{\top}"
    paper = "Wang et al. 2024 (Variance Alignment Score), arXiv 2402.02055"
    cost = "0.74 MFLOP per survivor and step at 768 dimensions; 500 steps at the medium scale, 168 at the small one"
    published = "no table of the paper could be checked; its recipe at the medium scale is CLIP score top 30 %, then 20 % in 500 steps"
    inputs = ("{model}_img", "{quality}")

    model: str = param("l14", "model whose image embeddings are used", of="model")
    quality: str = param(
        "clip_l14", "score whose top pairs the trimming starts from; empty: the whole pool", of="score"
    )
    quality_top: float = param(0.3, "fraction of the pool that the quality score keeps", low=0, high=1)
    final: float = param(0.2, "fraction of the pool that is never removed", low=0, high=1)
    steps: int = param(500, "removal steps: 500 at the medium scale, 168 at the small one", low=1, high=100_000)
    center: bool = param(False, "subtract the survivors' mean from the second moment")
    device: str = param("auto", "where the survivors are scored", of="device")

    def check(self, pool: Pool) -> None:
        super().check(pool)
        if self.final > self._start():
            raise InputError(f"final is {self.final} and quality_top {self.quality_top}: final must not be larger.")

    def temporary(self, pool: Pool) -> int:
        return 2 * temporary(pool, self.needs()[:1], self._start())  # dealt, then laid out

    def check_room(self, pool: Pool) -> None:
        names = self.needs()[:1]
        check_disk(pool, names, self._start(), beside=temporary(pool, names, self._start()))

    def _start(self) -> float:
        """The fraction of the pool that the trimming starts from, at most."""
        return self.quality_top if self.quality else 1.0

    def flop(self, pairs: int, dim: int, targets: int = 0) -> float:
        """The survivors, on average half-way between the first and the last, are scored at every step."""
        return 2.0 * dim * dim * self.steps * pairs * (self._start() + self.final) / 2

    def readings(self, pairs: int) -> int:
        """Read, dealt and read again; then the survivors are read at every step."""
        return 3 + round(self.steps * (self._start() + self.final) / 2)

    def arithmetic(self) -> str:
        return "single"

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> tuple[np.ndarray, Moments]:
        """Which pairs have a usable embedding, (n,) bool, and their moments."""
        name = f"{self.model}_img"
        dim = pool.columns[name].dim or 0
        good = np.zeros(len(pool), bool)
        square, total = np.zeros((dim, dim)), np.zeros(dim)
        for unit, (usable, more, sums) in by_unit(pool, partial(moments, name=name), "moments", progress, each):
            good[unit.start : unit.stop] = usable
            square += more
            total += sums
        return good, (square, total, max(1, int(good.sum())))

    def stages(
        self, pool: Pool, units: Sequence[Unit], state: Any, *, folder: Path, progress: Progress, each: Each
    ) -> Generator[tuple[Sequence[Unit], Any], None, None]:
        """Trims, and leaves the steps of all pairs in a file that the units read."""
        kept_steps = folder / "steps.npy"
        if not kept_steps.exists():
            files.write_array(kept_steps, self._steps(pool, state, folder, progress, each))
        yield units, kept_steps

    def compute(self, pool: Pool, unit: Unit, state: Any, progress: Progress = silent) -> dict[str, np.ndarray]:
        return {MAIN: np.load(state, mmap_mode="r")[unit.start : unit.stop]}

    def _steps(
        self, pool: Pool, state: tuple[np.ndarray, Moments], folder: Path, progress: Progress, each: Each
    ) -> np.ndarray:
        """The step at which each pair of the pool leaves, (n,) float32."""
        from ..recipe.grammar import exact_count

        good, first = state
        chosen, scores = self._chosen(pool, good)
        name, device = self.needs()[0], devices.choose(self.device)

        def trimmed(vectors: Any) -> np.ndarray:
            return removal_steps(
                vectors,
                first,
                final=exact_count(self.final, len(pool)),
                steps=self.steps,
                center=self.center,
                saved=folder / "trimming.npz",
                progress=lambda done, total, message="", **_: progress(done * len(pool) // total, len(pool), message),
            )

        if not temporary(pool, (name,)):
            scores[chosen] = trimmed(Held(stored(pool, name, chosen), device))
        else:
            with laid_out(
                pool, name, chosen, rounds=folder / "rounds", device=device, each=each, progress=progress
            ) as vectors:
                scores[chosen] = trimmed(vectors)
        return scores

    def _chosen(self, pool: Pool, good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows that the trimming starts from, in uid order, so that neither row order nor sharding reaches a sum, and
        what the others get, (n,) float32."""
        from ..recipe.grammar import exact_count

        scores = np.where(good, np.float32(0), np.float32(np.nan))
        rows = np.asarray(pool.uid_order())
        rows = rows[good[rows]]
        if self.quality:
            quality = pool.array(self.quality)
            scores[np.isnan(quality)] = np.nan
            rows = rows[~np.isnan(quality[rows])]
            rows = rows[highest(quality[rows], exact_count(self.quality_top, len(pool)))]
        return rows, scores


def moments(pool: Pool, unit: Unit, *, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which rows of the unit have a usable embedding, (n,) bool, and their `sum f f^T` and `sum f`, float64."""
    dim = pool.columns[name].dim or 0
    square, total = np.zeros((dim, dim)), np.zeros(dim)
    good: list[np.ndarray] = []
    for rows in scanned(pool, unit, name, 8192):
        tile = rows.astype(np.float64)
        usable = ~bad_rows(tile)
        tile = tile[usable]
        square += tile.T @ tile
        total += tile.sum(axis=0)
        good.append(usable)
    return np.concatenate(good), square, total

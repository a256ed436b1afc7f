"""VAS-D: variance alignment with the pool's own survivors, trimmed step by step; no external target."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices
from ..errors import InputError
from ..kernels.matmul import bad_rows
from ..pool.work import spool
from ..progress import Progress, silent
from .base import MAIN, Each, Method, Unit, fragments, here, param
from .cliploss import stored
from .kernels.trimming import removal_steps

if TYPE_CHECKING:
    from ..pool import Pool

Moments = tuple[np.ndarray, np.ndarray, int]  # sum f f^T, sum f, number of f
IN_MEMORY = 512 * 2**20  # bytes of embeddings; more are kept in a temporary file beside the pool


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
    Reads (n, d) embeddings, gives (n,) float32. One unit, which goes on from what it saves every five minutes; 1.25 d^2
    FLOP per survivor and step.
    """

    id = "vas_d"
    order = 80
    title = "VAS-D"
    formula = r"\text{step } t \text{ removes the lowest } f_i^{\top}\Sigma_t f_i,\quad \Sigma_t = \frac{1}{|S_t|}\sum_{j\in S_t} f_j f_j^{\top}"
    paper = "Wang et al. 2024 (Variance Alignment Score), arXiv 2402.02055"
    cost = "0.74 MFLOP per survivor and step at 768 dimensions; 500 steps at the medium scale, 168 at the small one"
    published = "no table of the paper could be checked; its recipe at the medium scale is CLIP score top 30 %, then 20 % in 500 steps"

    model: str = param("l14", "model whose image embeddings are used", of="model")
    quality: str = param(
        "clip_l14", "score whose top pairs the trimming starts from; empty: the whole pool", of="score"
    )
    quality_top: float = param(0.3, "fraction of the pool that the quality score keeps", low=0, high=1)
    final: float = param(0.2, "fraction of the pool that is never removed", low=0, high=1)
    steps: int = param(500, "removal steps: 500 at the medium scale, 168 at the small one", low=1, high=100_000)
    center: bool = param(False, "subtract the survivors' mean from the second moment")
    device: str = param("auto", "where the survivors are scored", of="device")

    def needs(self) -> tuple[str, ...]:
        return (f"{self.model}_img", *((self.quality,) if self.quality else ()))

    def check(self, pool: "Pool") -> None:
        super().check(pool)
        devices.choose(self.device)
        pool.require(f"{self.model}_img", "embedding")
        if self.quality:
            pool.require(self.quality, "score")
        if self.final > (self.quality_top if self.quality else 1):
            raise InputError(f"final is {self.final} and quality_top {self.quality_top}: final must not be larger.")

    def units(self, pool: "Pool") -> list[Unit]:
        """One unit, in uid order, so that neither row order nor sharding reaches a sum."""
        return [Unit(f"all-{len(pool)}", rows=np.asarray(pool.uid_order()))] if len(pool) else []

    def flop(self, pairs: int, dim: int, targets: int = 0) -> float:
        """The survivors, on average half-way between the first and the last, are scored and summed at every step."""
        most, least = self.quality_top if self.quality else 1.0, self.final
        return 4.0 * dim * dim * self.steps * pairs * (most + least) / 2

    def arithmetic(self) -> str:
        return "single"

    def prepare(self, pool: "Pool", progress: Progress = silent, each: Each = here) -> tuple[np.ndarray, Moments]:
        """Which pairs have a usable embedding, (n,) bool, and their moments."""
        name = f"{self.model}_img"
        dim = pool.columns[name].dim or 0
        good = np.zeros(len(pool), bool)
        square, total = np.zeros((dim, dim)), np.zeros(dim)
        for unit, (usable, more, sums) in each(pool, fragments(pool), partial(moments, name=name)):
            good[unit.start : unit.stop] = usable
            square += more
            total += sums
            progress(unit.stop, len(pool), "moments")
        return good, (square, total, max(1, int(good.sum())))

    def compute(self, pool: "Pool", unit: Unit, state: Any, progress: Progress = silent) -> dict[str, np.ndarray]:
        from ..recipe.grammar import exact_count

        rows = np.asarray(unit.rows)
        name = f"{self.model}_img"
        good, first = state
        good = good[rows]
        scores = np.where(good, np.float32(0), np.float32(np.nan))
        chosen = np.flatnonzero(good)
        if self.quality:
            quality = pool.array(self.quality)[rows]
            scores[np.isnan(quality)] = np.nan
            chosen = np.flatnonzero(good & ~np.isnan(quality))
            best = np.argsort(-quality[chosen], kind="stable")[: exact_count(self.quality_top, len(rows))]
            chosen = np.sort(chosen[best])
        final = exact_count(self.final, len(rows))
        device = devices.choose(self.device)
        saved = self._saved(pool, rows[chosen], first, final, device)
        with spool(pool.path) as folder:
            vectors = spooled(pool, name, rows[chosen], folder)
            scores[chosen] = removal_steps(
                vectors,
                first,
                final=final,
                steps=self.steps,
                center=self.center,
                device=device,
                saved=saved,
                progress=lambda done, total, message="", **_: progress(done * len(rows) // total, len(rows), message),
            )
            del vectors
        saved.unlink(missing_ok=True)
        return {MAIN: scores}

    def _saved(self, pool: "Pool", rows: np.ndarray, first: Moments, final: int, device: str) -> Path:
        """Where an interrupted trimming is kept: named by its rows, the embeddings' moments, its schedule and device."""
        named = hashlib.sha256(repr((self.steps, self.center, final, first[2], device)).encode())
        for array in (rows, *first[:2]):
            named.update(np.ascontiguousarray(array).tobytes())
        return pool.path / "work" / f"trimming-{named.hexdigest()[:24]}.npz"


def moments(pool: "Pool", unit: Unit, *, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which rows of the unit have a usable embedding, (n,) bool, and their `sum f f^T` and `sum f`, float64."""
    from ..pool.columns import matrix

    dim = pool.columns[name].dim or 0
    square, total = np.zeros((dim, dim)), np.zeros(dim)
    good: list[np.ndarray] = []
    for batch in pool.scan([name], start=unit.start, stop=unit.stop, batch_size=8192):
        tile = matrix(batch.column(0)).astype(np.float64)
        usable = ~bad_rows(tile)
        tile = tile[usable]
        square += tile.T @ tile
        total += tile.sum(axis=0)
        good.append(usable)
    return np.concatenate(good), square, total


def spooled(pool: "Pool", name: str, rows: np.ndarray, folder: Path) -> np.ndarray:
    """The embeddings of `rows`, (n, d) as stored; beyond 512 MB as a memory map of a file in `folder`."""
    dim = pool.columns[name].dim or 0
    if len(rows) * dim * 2 <= IN_MEMORY:
        return stored(pool, name, rows)
    vectors = np.memmap(folder / "vectors", np.float16, "w+", shape=(len(rows), dim))
    for start in range(0, len(rows), _STEP):
        vectors[start : start + _STEP] = stored(pool, name, rows[start : start + _STEP])
    return vectors


_STEP = 65_536

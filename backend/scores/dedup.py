"""Dedup: one pair of every group of near-duplicates, and none that is near an evaluation image."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import files
from ..errors import InputError
from ..kernels.matmul import bad_rows
from ..number_format import percent
from ..pool import Pool
from ..progress import Progress, silent
from ..targets import load_target
from .base import MAIN, Each, Method, Unit, fragments, here, param
from .kernels.dealing import check_disk, scanned, temporary
from .kernels.groups import groups_of
from .kernels.neighbours import PROBES, comparisons
from .normsim import norm_similarity


def best_of_groups(groups: np.ndarray, score: np.ndarray | None) -> np.ndarray:
    """`(n,)` bool: the member of highest `score` in each group, the first of equals; NaN only if there is nothing else.

    groups: (n,) integers below n.
    """
    order = np.arange(len(groups))[::-1]
    if score is not None:
        order = np.argsort(-np.where(np.isnan(score), -np.inf, score), kind="stable")[::-1]
    best = np.full(len(groups), -1, np.int64)
    best[groups[order]] = order  # the last one that is written stays
    kept = np.zeros(len(groups), bool)
    kept[best[best >= 0]] = True
    return kept


def one_of_groups(pool: Pool, groups: np.ndarray, best: str, usable: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of a method that keeps one pair of each group. groups: (n,) uid rank of the first pair of each pair's
    group; best: the score whose highest stays, if any; usable: (n,) bool, the others are not kept."""
    order = np.asarray(pool.uid_order())
    kept = np.zeros(len(groups), bool)
    kept[order] = best_of_groups(groups[order], pool.array(best)[order] if best else None)
    sizes = np.bincount(groups, minlength=len(groups)).astype(np.int32)[groups]
    return {"duplicate_group": groups, "duplicates": sizes, MAIN: kept & usable}


def missed_group(pair: Mapping[str, Any]) -> str:
    """Why a pair that is dropped as a near-duplicate is dropped, from its column `duplicates`."""
    size = pair.get("duplicates") or 1
    return f"one of {size:,} near-duplicates, of which another stays" if size > 1 else ""


def group_findings(tables: Iterable[pa.Table], remedy: str) -> dict[str, Any]:
    """The size of the largest group in the tables' column `duplicates`, with a warning where it is implausible.

    Real near-duplicates come in small groups: more than 1 % of the pool (20 pairs at least), or more than 1,000 pairs,
    rather share what the comparison can't see.
    """
    pairs, largest = 0, 0
    for table in tables:
        pairs += len(table)
        largest = max(largest, int(table["duplicates"].to_numpy().max(initial=0)))
    if largest <= max(20, min(1000, pairs / 100)):
        return {"largest_group": largest}
    share = f"{largest:,} of {pairs:,} pairs ({percent(largest / pairs)}) are one group of near-duplicates"
    return {"largest_group": largest, "warning": f"{share}, which is implausible; look at them, then {remedy}"}


@dataclass(frozen=True, kw_only=True)
class Dedup(Method):
    """Near-duplicates by any embedding: pairs whose cosine reaches `threshold` are linked, linked pairs form a group, and
    of each group the pair with the best score `best` stays (the lowest uid without one, and among equals).

    With `against`, a target set such as the evaluation images, pairs that reach `against_threshold` with any of it go too.
    Up to 60,000 pairs every pair is compared with every other; beyond, faiss cells narrow the comparison.
    DataComp removed evaluation images by ISC descriptors at 0.604; 0.95 suits CLIP's image embeddings.

    Reads (n, d) embeddings, gives `(n,)` bool, False for a zero or non-finite embedding; leaves `duplicate_group` (the uid
    rank of the group's first pair) and `duplicates` (the group's size); 2 d FLOP per comparison. Cells are assigned and
    compared by all workers, and what is interrupted goes on with those that are left. Memory: about 50 bytes a pair where
    groups are joined, and 64 sampled embeddings a cell.
    """

    id = "dedup"
    order = 150
    title = "Near-duplicates"
    kind = "flag"
    formula = r"i = \arg\max_{j \in \mathrm{group}(i)} s_j,\quad \cos(f_i, f_j) \ge \theta \Rightarrow \mathrm{group}(i) = \mathrm{group}(j)"
    paper = "Abbas et al. 2023 (SemDeDup), arXiv 2303.09540; ISC descriptors: Yokoo 2021, arXiv 2104.13961"
    cost = "1.5 kFLOP per comparison at 768 dimensions: all pairs up to 60,000, about 8,000 + 5 √n per pair beyond, 66,000 at 128 million"
    published = (
        "SemDeDup reports that half of LAION-440M can go with little loss; DataComp removed evaluation images this way"
    )
    inputs = ("{embedding}", "{best}")
    extras = {"duplicate_group": pa.int64(), "duplicates": pa.int32()}

    embedding: str = param("l14_img", "embedding column that is compared", of="embedding")
    threshold: float = param(0.95, "cosine from which two pairs are duplicates", low=-1, high=1)
    best: str = param("", "score whose highest stays in a group; empty: the lowest uid", of="score")
    against: str = param("", "target set that no pair may come near, for example evaluation images", of="target")
    against_threshold: float = param(0.95, "cosine from which a pair is too near to the target set", low=-1, high=1)
    cells: int = param(0, "k-means cells that narrow the comparison; 0: none up to 60,000 pairs", low=0)

    def check(self, pool: Pool) -> None:
        super().check(pool)
        if self.against and self._target(pool).shape[1] != pool.columns[self.embedding].dim:
            raise InputError(
                f"target set {self.against!r} and {self.embedding} differ in dimension: use the same model."
            )

    def work(self, pairs: int) -> float:
        return comparisons(pairs, self.cells)

    def temporary(self, pool: Pool) -> int:
        return temporary(pool, (self.embedding,), PROBES)

    def check_room(self, pool: Pool) -> None:
        check_disk(pool, (self.embedding,), PROBES)

    def missed(self, pair: Mapping[str, Any]) -> str:
        return missed_group(pair)

    def findings(self, pool: Pool, tables: Iterable[pa.Table]) -> dict[str, Any]:
        return group_findings(tables, "raise threshold, or use another model's embedding or phash")

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> np.ndarray:
        """Which pairs have a usable embedding, (n,) bool."""
        parts = each(pool, fragments(pool), partial(_usable, name=self.embedding))
        return np.concatenate([np.zeros(0, bool), *(good for _, good in parts)])

    def stages(
        self, pool: Pool, units: Sequence[Unit], state: Any, *, folder: Path, progress: Progress, each: Each
    ) -> Generator[tuple[Sequence[Unit], Any], None, None]:
        """Groups the pool, and leaves groups, sizes and who stays in files that the units read."""
        if not (folder / "kept.npy").exists():
            groups = groups_of(
                pool, self.embedding, state, self.threshold, self.cells, folder=folder, progress=progress, each=each
            )
            for name, values in one_of_groups(pool, groups, self.best, state).items():
                files.write_array(folder / f"{name or 'kept'}.npy", values)
        yield units, folder

    def compute(self, pool: Pool, unit: Unit, state: Any, progress: Progress = silent) -> dict[str, np.ndarray]:
        columns = {
            name: np.array(np.load(state / f"{name or 'kept'}.npy", mmap_mode="r")[unit.start : unit.stop])
            for name in (MAIN, *self.extras)
        }
        if self.against:
            columns[MAIN] &= ~np.concatenate(
                [self._too_near(pool, rows) for rows in scanned(pool, unit, self.embedding)]
            )
        return columns

    def _too_near(self, pool: Pool, rows: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return norm_similarity(rows.astype(np.float32), self._target(pool), "inf") >= self.against_threshold

    def _target(self, pool: Pool) -> np.ndarray:
        return load_target(pool, self.against, self.embedding.removesuffix("_img").removesuffix("_txt"))


def _usable(pool: Pool, unit: Unit, *, name: str) -> np.ndarray:
    return np.concatenate([~bad_rows(rows) for rows in scanned(pool, unit, name)])

"""The sample of a bias report: as many readable images of each set, chosen by a hash of the uid."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import InputError
from ..kernels.hashing import uniform
from ..progress import Progress, silent
from .image import FILE_FACTS, file_facts, square
from .sets import PairSet, common_embeddings

CHUNK = 256
LARGEST_BYTES = 8 * 1024**3
DETECTED = "detected"  # of `Sample.shared`: by place in the sample, the classes that a detector found
SAMPLING, HALVES = 11, 12  # keeps the hashes of different questions apart


@dataclass(frozen=True, eq=False)
class Sample:
    """n pairs of k sets, in the order of (set, uid).

    `labels` `(n,)` int64 the set; `rows` `(n,)` int64 the row in the set's pool or target; `uid_hi`, `uid_lo` `(n,)`
    uint64; `images` `(n, s, s, 3)` uint8 or None; `facts` `(n, f)` float32 of the files; `texts` and `urls` n strings;
    `unreadable` images that were passed over, per set; `shared` what families leave for the rest of the report.
    """

    sets: tuple[PairSet, ...]
    labels: np.ndarray
    rows: np.ndarray
    uid_hi: np.ndarray
    uid_lo: np.ndarray
    seed: int
    size: int
    images: np.ndarray | None = None
    facts: np.ndarray | None = None
    texts: tuple[str, ...] | None = None
    urls: tuple[str, ...] | None = None
    unreadable: tuple[int, ...] = ()
    shared: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def names(self) -> list[str]:
        return [part.name for part in self.sets]

    @cached_property
    def counts(self) -> np.ndarray:
        """`(k,)` pairs per set."""
        return np.bincount(self.labels, minlength=len(self.sets))

    @cached_property
    def embeddings(self) -> list[str]:
        """The embedding columns that every set has, in one dimension."""
        return common_embeddings(self.sets)

    def vectors(self, column: str) -> np.ndarray:
        """`(n, d)` float32 embeddings; a missing one is a row of zeros."""
        parts = []
        for number, part in enumerate(self.sets):
            rows = self.rows[self.labels == number]
            if part.pool is None:
                assert part.vectors is not None
                parts.append(np.asarray(part.vectors[rows], dtype=np.float32))
            else:
                parts.append(part.pool.embeddings(column, rows))
        if len({block.shape[1] for block in parts}) > 1:
            raise InputError(f"the sets have {column!r} of different sizes; embed both with the same model.")
        return np.nan_to_num(np.concatenate(parts))

    def shuffled(self, rows: np.ndarray, *question: int) -> np.ndarray:
        """`rows` in the order of a hash of (seed, uid, question): always the same, another one for each question."""
        luck = uniform(self.seed, self.uid_hi[rows], self.uid_lo[rows], *question)
        return rows[np.argsort(luck, kind="stable")]

    def of_set(self, number: int) -> np.ndarray:
        """The rows of one of the sets."""
        return np.flatnonzero(self.labels == number)

    def halves(self, rows: np.ndarray, parts: int, seed: int) -> np.ndarray:
        """`(k,)` int64 pseudo-sets 0 … parts-1 of `rows` `(k,)`: a hash of (seed, uid)."""
        pseudo = np.empty(len(rows), dtype=np.int64)
        order = np.argsort(uniform(seed, self.uid_hi[rows], self.uid_lo[rows], HALVES), kind="stable")
        pseudo[order] = np.arange(len(rows)) * parts // max(1, len(rows))
        return pseudo


def threads() -> int:
    return max(1, min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


def draw(
    sets: Sequence[PairSet], *, per_set: int = 10_000, size: int = 64, seed: int = 0, progress: Progress = silent
) -> Sample:
    """Reads the sample: the `per_set` pairs of each set with the smallest hash whose image can be read.

    Images are read when every set has some; else the report rests on captions and embeddings.
    Raises InputError when the images would need more than 8 GiB, or a set has too few that can be read.
    """
    pictured = all(part.pool is not None and _has_images(part) for part in sets)
    total = sum(min(per_set, len(part)) for part in sets)
    if pictured and total * size * size * 3 > LARGEST_BYTES:
        raise InputError(
            f"{total:,} images of {size} pixels need more than {LARGEST_BYTES >> 30} GiB; ask for fewer or smaller ones."
        )
    drawn: list[_Drawn] = []
    for number, part in enumerate(sets):
        before = sum(len(one.rows) for one in drawn)

        def tick(done: int, before: int = before, name: str = part.name) -> None:
            progress(before + done, total, f"reading images of {name}")

        drawn.append(_draw(part, number, pictured, per_set, size, seed, tick))
    if pictured and any(len(one.rows) < 20 for one in drawn):
        short = int(np.argmin([len(one.rows) for one in drawn]))
        raise InputError(
            f"only {len(drawn[short].rows)} images of {sets[short].name!r} can be read; a report needs 20: see whether the files are there."
        )
    return Sample(
        sets=tuple(sets),
        labels=np.repeat(np.arange(len(sets)), [len(one.rows) for one in drawn]),
        rows=np.concatenate([one.rows for one in drawn]),
        uid_hi=np.concatenate([one.hi for one in drawn]),
        uid_lo=np.concatenate([one.lo for one in drawn]),
        seed=seed,
        size=size,
        images=np.concatenate([one.images for one in drawn if one.images is not None]) if pictured else None,
        facts=np.concatenate([one.facts for one in drawn if one.facts is not None]) if pictured else None,
        texts=_column(sets, drawn, "text"),
        urls=_column(sets, drawn, "url"),
        unreadable=tuple(one.unreadable for one in drawn),
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    rows: np.ndarray
    hi: np.ndarray
    lo: np.ndarray
    images: np.ndarray | None
    facts: np.ndarray | None
    unreadable: int


def _draw(
    part: PairSet, number: int, pictured: bool, per_set: int, size: int, seed: int, tick: Callable[[int], None]
) -> _Drawn:
    if part.pool is None or part.rows is None:
        rows = np.arange(len(part), dtype=np.int64)
        hi, lo = np.full(len(part), 2**63 + number, dtype=np.uint64), rows.astype(np.uint64)
    else:
        uids = part.pool.uids()
        rows, hi, lo = part.rows, uids["f0"][part.rows], uids["f1"][part.rows]
    order = np.argsort(uniform(seed, hi, lo, SAMPLING, number), kind="stable")
    if not pictured:
        taken = order[:per_set]
        taken = taken[np.lexsort((lo[taken], hi[taken]))]
        return _Drawn(rows[taken], hi[taken], lo[taken], None, None, 0)
    drawn: list[int] = []
    images, facts, unreadable, start = [], [], 0, 0
    with ThreadPoolExecutor(threads()) as pool:
        while len(drawn) < per_set and start < len(order):
            candidates = order[start : start + min(CHUNK, per_set - len(drawn))]
            start += len(candidates)
            for place, read in zip(candidates, pool.map(lambda one: _read(one, size), _files(part, rows[candidates]))):
                if read is None:
                    unreadable += 1
                    continue
                drawn.append(int(place))
                images.append(read[0])
                facts.append(read[1])
            tick(len(drawn))
    chosen = np.asarray(drawn, dtype=np.int64)
    by_uid = np.lexsort((lo[chosen], hi[chosen]))
    chosen = chosen[by_uid]
    stacked = np.stack(images)[by_uid] if images else np.empty((0, size, size, 3), np.uint8)
    table = np.asarray(facts, dtype=np.float32).reshape(-1, len(FILE_FACTS))[by_uid]
    return _Drawn(rows[chosen], hi[chosen], lo[chosen], stacked, table, unreadable)


def _read(file: tuple[bytes | None, tuple[int, int] | None], size: int) -> tuple[np.ndarray, np.ndarray] | None:
    content, stored = file
    if content is None:
        return None
    try:
        return square(content, size), file_facts(content, stored)
    except ValueError:
        return None


def _files(part: PairSet, rows: np.ndarray) -> list[tuple[bytes | None, tuple[int, int] | None]]:
    """The image files of `rows` with the original width and height that the pool knows."""
    assert part.pool is not None
    sizes: list[tuple[int, int] | None] = [None] * len(rows)
    if {"width", "height"} <= part.pool.columns.keys():
        known = part.pool.take(rows, ["width", "height"]).to_pylist()
        sizes = [(one["width"], one["height"]) if one["width"] and one["height"] else None for one in known]
    return list(zip(part.pool.images(rows), sizes))


def _has_images(part: PairSet) -> bool:
    """Whether one of the first few pairs has an image file."""
    assert part.pool is not None
    assert part.rows is not None
    spread = part.rows[np.linspace(0, len(part.rows) - 1, min(64, len(part.rows))).astype(np.int64)]
    return any(content is not None for content in part.pool.images(spread))


def _column(sets: Sequence[PairSet], drawn: list[_Drawn], name: str) -> tuple[str, ...] | None:
    """A text column of all sampled pairs; None unless every set has it."""
    values: list[str] = []
    for part, one in zip(sets, drawn):
        if part.pool is None or name not in part.pool.columns:
            return None
        values.extend(text or "" for text in part.pool.take(one.rows, [name])[name].to_pylist())
    return tuple(values)

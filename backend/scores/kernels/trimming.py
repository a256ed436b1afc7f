"""Dynamic trimming: at every step the pairs least aligned with the survivors' own second moment leave."""

import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ... import files
from ...progress import Progress, silent
from ..vas import quadratic_form

if TYPE_CHECKING:
    from .laid_out import LaidOut

_REBUILD = 50  # steps between two exact recomputations of the running second moment
_CHUNK = 65_536
SAVE_S = 300.0
"""Seconds between two saves of what a trimming that is interrupted goes on from."""


@dataclass(frozen=True)
class Held:
    """Vectors (n, d) that are an array; rows of them are given in ascending order."""

    vectors: np.ndarray
    device: str = "cpu"

    def __len__(self) -> int:
        return len(self.vectors)

    def forms(self, rows: np.ndarray, moment: np.ndarray, step: int = 0) -> np.ndarray:
        """`f^T S f` of the rows (k,) for a moment S (d, d), (k,) float32."""
        parts = [self.vectors[rows[start : start + _CHUNK]] for start in range(0, len(rows), _CHUNK)]
        widened = (np.asarray(part, np.float32) if self.device == "cpu" else part for part in parts)
        return np.concatenate([quadratic_form(part, moment, device=self.device) for part in widened])

    def moments(self, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """`sum f f^T` (d, d) and `sum f` (d,) of the rows, of all by default, float64."""
        dim = self.vectors.shape[1]
        square, mean = np.zeros((dim, dim)), np.zeros(dim)
        for start in range(0, len(self) if rows is None else len(rows), _CHUNK // 8):
            part = slice(start, start + _CHUNK // 8)
            tile = np.asarray(self.vectors[part if rows is None else rows[part]], dtype=np.float64)
            square += tile.T @ tile
            mean += tile.sum(axis=0)
        return square, mean


def kept_after(start: int, final: int, steps: int) -> list[int]:
    """Survivors after each step, `n_0 - round((t+1) D / T)` with D = n_0 - n_T: linear, and the last is n_T always.

    The released code removes `ceil(D/T)` a step, which overshoots and crashes when (T-1) ceil(D/T) > D.

    >>> kept_after(20, 10, 7)
    [19, 17, 16, 14, 13, 11, 10]
    """
    drop = start - final
    return [start - (2 * (t + 1) * drop + steps) // (2 * steps) for t in range(steps)]


def highest(scores: np.ndarray, count: int) -> np.ndarray:
    """(n,) bool: the `count` highest of `scores` (n,); of equal ones the first, NaN last.

    >>> highest(np.array([1.0, 3.0, 1.0, np.nan, 2.0]), 3).tolist()
    [True, True, False, False, True]
    """
    if count >= len(scores):
        return np.ones(len(scores), bool)
    edge = -np.partition(-scores, count)[count]
    stay = scores > edge if edge == edge else ~np.isnan(scores)
    equal = np.flatnonzero(scores == edge if edge == edge else ~stay)
    stay[equal[: count - int(stay.sum())]] = True
    return stay


def removal_steps(
    vectors: "Held | LaidOut",
    first: tuple[np.ndarray, np.ndarray, int],
    *,
    final: int,
    steps: int,
    center: bool = False,
    saved: Path | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """The step, from 1, at which each of the `vectors` (n, d) is removed; `steps + 1` for the `final` that stay.

    first: `(sum f f^T, sum f, count)` of the set whose second moment ranks the first step (the pool before any
    quality cut). Each step scores the survivors by `f^T S f` with S their own second moment (less the mean's, with
    `center`) and removes the lowest; of equal scores the later row leaves first. Returns (n,) float32.
    Cost per step: 1.25 d^2 FLOP per survivor; the moment is updated from the removed rows alone and rebuilt
    every 50 steps. Where it stands is kept in the file `saved` every five minutes, to go on from there to the same
    result, bit for bit; the name must stand for the vectors and everything else that is given.
    """
    n = len(vectors)
    square, mean, count = first
    begun, left, running = _begun(saved, n, steps) or (0, np.full(n, steps + 1, np.float32), vectors.moments())
    alive = np.flatnonzero(left > steps)
    if begun:
        square, mean, count = *running, max(1, len(alive))
    last = time.monotonic()
    for t, size in enumerate(kept_after(n, min(final, n), steps)[begun:], begun):
        if size < len(alive):
            moment = square / count
            if center:
                moment = moment - np.outer(mean / count, mean / count)
            stay = highest(vectors.forms(alive, moment, t), size)
            gone, alive = alive[~stay], alive[stay]
            left[gone] = t + 1
            if (t + 1) % _REBUILD == 0:
                running = vectors.moments(alive)
            else:
                less = vectors.moments(gone)
                running = running[0] - less[0], running[1] - less[1]
        square, mean, count = *running, max(1, len(alive))
        if saved is not None and time.monotonic() - last >= SAVE_S:
            with files.replacing(saved) as part, part.open("wb") as file:
                np.savez(file, done=t + 1, left=left, square=square, mean=mean)
            last = time.monotonic()
        progress(t + 1, steps, f"{len(alive):,} pairs left")
    return left


def _begun(saved: Path | None, n: int, steps: int) -> tuple[int, np.ndarray, tuple[np.ndarray, np.ndarray]] | None:
    """Steps done, the step at which each row left, and the survivors' moments, as saved; None without a whole file."""
    with suppress(OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        if saved is not None and saved.is_file():
            with np.load(saved, allow_pickle=False) as kept:
                done, left = int(kept["done"]), kept["left"]
                if 0 < done <= steps and left.shape == (n,):
                    return done, left, (kept["square"], kept["mean"])
    return None

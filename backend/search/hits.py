"""Hits: what a search found."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Hits:
    """`rows` (k,) int64, best first; `similarity` (k,) float32 cosines, None for a word search; `total` found in all."""

    rows: np.ndarray
    similarity: np.ndarray | None
    total: int

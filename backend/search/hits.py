"""Hits: what a search found."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Hits:
    """`rows` (k,) int64, best first; `similarity` (k,) float32 cosines (fused reciprocal ranks for a search
    by both), None for a word search; `total` found in all.

    `by_index`: found by an index, so nearly all of the nearest, or captions that hold the words as whole words."""

    rows: np.ndarray
    similarity: np.ndarray | None
    total: int
    by_index: bool = False

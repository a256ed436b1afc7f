"""Two groups against each other, also within a third: women against men among the pairs that mention doctors."""

from dataclasses import dataclass

import numpy as np

from ..kernels.intervals import newcombe
from .group import Groups
from .measure import SMALLEST


@dataclass(frozen=True)
class Contrast:
    """Keep rates of two groups without the pairs that are in both, their difference and its 95 % interval (Newcombe)."""

    n_a: int
    n_b: int
    rate_a: float
    rate_b: float
    difference: float
    low: float
    high: float


def contrast(groups: Groups, mask: np.ndarray, a: str, b: str, *, within: str | None = None) -> Contrast | None:
    """Group `a` against group `b`, by id; None if either side has fewer than 10 pairs or keeps 1 to 9 of them."""
    first, second = groups.mask(a), groups.mask(b)
    both = first & second
    first, second = first & ~both, second & ~both
    if within:
        inside = groups.mask(within)
        first, second = first & inside, second & inside
    n_a, n_b = int(first.sum()), int(second.sum())
    k_a, k_b = int((first & mask).sum()), int((second & mask).sum())
    if min(n_a, n_b) < SMALLEST or 0 < k_a < SMALLEST or 0 < k_b < SMALLEST:
        return None
    difference, low, high = newcombe(k_a, n_a, k_b, n_b)
    return Contrast(n_a, n_b, k_a / n_a, k_b / n_b, float(difference), float(low), float(high))

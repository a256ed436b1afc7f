"""Keep-rate curves: the rate of each group at every fraction of the pool that one score could keep."""

from dataclasses import dataclass

import numpy as np

from .group import Groups

BINS = 4096


@dataclass(frozen=True, eq=False)
class Curves:
    """Counts of pairs by score bin, best first. `of_groups` `(G, BINS)` int64, `of_pool` `(BINS,)` int64."""

    of_groups: np.ndarray
    of_pool: np.ndarray
    sizes: np.ndarray
    pairs: int

    def rates(self, steps: int = 100) -> tuple[np.ndarray, np.ndarray]:
        """Fractions of the pool kept `(steps + 1,)` and the rate of each group at them `(G, steps + 1)`."""
        pool = np.concatenate([[0], np.cumsum(self.of_pool)])
        groups = np.concatenate([np.zeros((len(self.of_groups), 1), int), np.cumsum(self.of_groups, axis=1)], axis=1)
        share = pool / max(self.pairs, 1)
        wanted = np.linspace(0, share[-1], steps + 1)
        sizes = np.maximum(self.sizes, 1)
        rates = [np.interp(wanted, share, row / size) for row, size in zip(groups, sizes)]
        return wanted, np.array(rates).reshape(-1, steps + 1)

    def auc(self) -> np.ndarray:
        """`(G,)` chance that a pair of the group scores above one outside it, ties counting half; NaN if a side is empty."""
        inside = self.of_groups.astype(np.float64)
        outside = self.of_pool - inside
        below = outside.sum(axis=1, keepdims=True) - np.cumsum(outside, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (inside * (below + outside / 2)).sum(axis=1) / (inside.sum(axis=1) * outside.sum(axis=1))


def curves(groups: Groups, scores: np.ndarray) -> Curves:
    """Counts each group over 4,096 bins of equal numbers of pairs. `scores` `(pairs,)`; NaN is in no bin."""
    from ..kernels import counts

    scored = ~np.isnan(scores)
    known = scores[scored]
    if not len(known):
        return Curves(np.zeros((len(groups), BINS), int), np.zeros(BINS, int), groups.sizes, groups.pairs)
    sample = known if len(known) <= 1_000_000 else known[:: len(known) // 1_000_000]
    edges = np.unique(np.quantile(sample, np.linspace(0, 1, BINS + 1)[1:-1]).astype(scores.dtype))
    codes = np.full(len(scores), BINS, dtype=np.uint16)
    codes[scored] = BINS - 1 - np.searchsorted(edges, known, side="right")
    counted = counts.coded_counts(groups.bitmaps, codes, BINS + 1)[:, :BINS]
    return Curves(counted, np.bincount(codes, minlength=BINS + 1)[:BINS], groups.sizes, groups.pairs)

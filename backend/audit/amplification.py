"""Exclusion amplification: groups that are rare in the pool and are also kept less, so that their share falls further."""

from dataclasses import asdict, dataclass

import numpy as np

from .figures import keep_rate

SMALLEST_FAMILY = 3


@dataclass(frozen=True)
class Slope:
    """How the keep rate depends on group size over `groups` groups.

    `slope`, `intercept`, `r2`, `p`: the paper's line, ordinary least squares of rate on size; a positive slope means
    amplification. `spearman`, `spearman_p`: rank correlation. `logit_slope`, `logit_p`: rate on the logit scale against
    the logarithm of size, weighted by size, which is not ruled by one huge group.
    """

    groups: int
    slope: float
    intercept: float
    r2: float
    p: float
    spearman: float
    spearman_p: float
    logit_slope: float
    logit_p: float

    def as_json(self) -> dict[str, float | int | None]:
        return {name: None if value != value else value for name, value in asdict(self).items()}


def slope(k: np.ndarray, n: np.ndarray) -> Slope | None:
    """The slope over the groups of one family (`(G,)` kept and all pairs); None below three groups of unlike size."""
    from scipy import stats

    k, n = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    k, n = k[n > 0], n[n > 0]
    if len(n) < SMALLEST_FAMILY or (n == n[0]).all():
        return None
    rate = keep_rate(k, n)
    line = stats.linregress(n, rate)
    constant = bool((rate == rate[0]).all())
    ranks = None if constant else stats.spearmanr(n, rate)
    steep, p = weighted_line(np.log(n), np.log((k + 0.5) / (n - k + 0.5)), n)
    return Slope(
        groups=len(n),
        slope=float(line.slope),
        intercept=float(line.intercept),
        r2=0.0 if constant else float(line.rvalue) ** 2,
        p=1.0 if constant else float(line.pvalue),
        spearman=float("nan") if ranks is None else float(ranks.statistic),
        spearman_p=float("nan") if ranks is None else float(ranks.pvalue),
        logit_slope=steep,
        logit_p=p,
    )


def weighted_line(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Slope of weighted least squares and its two-sided p (Student's t, n-2 degrees of freedom)."""
    from scipy import stats

    w = weights / weights.sum()
    dx, dy = x - w @ x, y - w @ y
    spread = w @ dx**2
    steep = (w @ (dx * dy)) / spread
    residual = w @ (dy - steep * dx) ** 2 / (len(x) - 2)
    if residual <= 0:
        return float(steep), 0.0
    return float(steep), float(2 * stats.t.sf(abs(steep) / np.sqrt(residual / spread), len(x) - 2))


def flagged(n: np.ndarray, pairs: float, lift_high: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """`(G,)` bool: the group's share of the pool is below its `reference` share (NaN: none given) and its lift is
    below 1 with the whole interval."""
    with np.errstate(invalid="ignore"):
        return (np.asarray(n) / max(pairs, 1) < reference) & (lift_high < 1)

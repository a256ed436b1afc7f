"""Verdicts: whether recipes differ by more than their seeds do, and how many seeds would tell.

Runs of a recipe differ by a spread that is taken to be one for all recipes of a scale and pool, unless Bartlett's test
says otherwise; then each side has its own (Welch). Intervals hold for a whole family of gaps at once: Dunnett's for
all recipes against no filter, Tukey's (Games and Howell's where spreads differ) between any two.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

LEVEL, POWER = 0.05, 0.8
UNLIKE = 0.2  # below this p spreads count as different
MOST = 200  # runs a side


@dataclass(frozen=True)
class Error:
    """The standard error `value` of a gap, with `freedom` degrees of freedom; `critical` of them make its interval.

    `variance` is that of the gap of two single runs, `fixed` what further runs don't change.
    """

    freedom: float
    value: float
    variance: float
    fixed: float
    pooled: bool
    critical: float = math.nan

    def seen(self, runs: int, now: tuple[int, int]) -> float:
        """The smallest gap that `runs` a side tell apart in 80 % of cases, where `now` are the runs that there are."""
        freedom = self.freedom + 2 * runs - sum(now) if self.pooled else 2 * runs - 2
        return self._seen(math.sqrt(self.variance / runs + self.fixed), freedom)

    @property
    def detectable(self) -> float:
        """The smallest gap that these runs would have told apart in 80 % of cases."""
        return self._seen(self.value, self.freedom)

    def _seen(self, value: float, freedom: float) -> float:
        from scipy import stats

        level = stats.t.sf(self.critical, self.freedom)  # of one side of one gap, so that a family's correction is kept
        return float(stats.t.isf(level, freedom) + stats.t.ppf(POWER, freedom)) * value


@dataclass(frozen=True)
class Gap:
    """Mean of one side minus that of the other, of so many `runs` each; `error` is None where no spread is known."""

    difference: float
    runs: tuple[int, int]
    error: Error | None = None
    p: float | None = None

    @property
    def reach(self) -> float | None:
        """Half of the 95 % interval: what noise alone does."""
        return self.error.critical * self.error.value if self.error else None

    @property
    def low(self) -> float | None:
        return None if self.reach is None else self.difference - self.reach

    @property
    def high(self) -> float | None:
        return None if self.reach is None else self.difference + self.reach

    @property
    def told(self) -> bool | None:
        """Whether the sides differ by more than noise; None, which is no verdict, where a side has a single run."""
        if min(self.runs) < 2 or self.reach is None:
            return None
        return abs(self.difference) > self.reach

    @property
    def detectable(self) -> float | None:
        """The smallest gap that would have been told apart in 80 % of cases."""
        return self.error.detectable if self.error else None

    @property
    def needed(self) -> int | None:
        """Runs a side that would tell a gap as large as this one in 80 % of cases; None if they are more than 200."""
        if self.error is None or not self.difference:
            return None
        error = self.error
        found = bisect_left(range(2, MOST), -abs(self.difference), key=lambda n: -error.seen(n, self.runs)) + 2
        return found if found < MOST else None


def alike(groups: Sequence[np.ndarray]) -> bool:
    """Whether the spreads of the groups with two runs or more may be one: Bartlett's test at 20 %."""
    from scipy import stats

    several = [group for group in groups if len(group) > 1]
    flat = sum(np.ptp(group) == 0 for group in several)
    if len(several) < 2 or flat == len(several):
        return True
    return not flat and not stats.bartlett(*several).pvalue <= UNLIKE


def between(
    a: np.ndarray, b: np.ndarray, others: Sequence[np.ndarray] = (), *, recipes: int = 2, fixed: float = 0.0
) -> Gap:
    """The gap of two recipes of which `(n,)` and `(m,)` runs are there, chosen among `recipes`.

    `others`: the runs of other recipes of the same scale and pool, which say more of the spread; `fixed`: the variance
    that the test examples add. Never a verdict from one run a side.
    """
    runs, difference = (len(a), len(b)), float(a.mean() - b.mean())
    error = _error(a, b, _pooled([a, b, *others]), fixed)
    if error is None:
        return Gap(difference, runs)
    ratio = abs(difference) / error.value if error.value else math.inf if difference else 0.0
    critical, p = _tukey(max(2, recipes), error.freedom, ratio)
    return Gap(difference, runs, replace(error, critical=critical), p)


def _tukey(recipes: int, freedom: float, ratio: float) -> tuple[float, float]:
    """The 5 % point of the largest of all gaps between `recipes` in standard errors, and the p of `ratio`."""
    from scipy import stats

    if recipes == 2:
        return float(stats.t.isf(LEVEL / 2, freedom)), 2 * float(stats.t.sf(ratio, freedom))
    widest = stats.studentized_range(recipes, freedom)
    p = float(widest.sf(math.sqrt(2) * ratio)) if ratio < 1e3 else 0.0
    return float(widest.ppf(1 - LEVEL)) / math.sqrt(2), min(1.0, p)


def against(control: np.ndarray, groups: Sequence[np.ndarray]) -> list[Gap]:
    """The gap of each recipe to no filter, `control`; the intervals hold for all of them at once.

    Dunnett's for one spread. Where spreads differ, Welch's with Bonferroni's correction.
    """
    from scipy import stats

    every = [control, *groups]
    pooled = _pooled(every)
    judged = max(1, sum(len(group) > 1 for group in groups))
    found = []
    for group in groups:
        error = _error(group, control, pooled)
        if error is not None:
            own = not error.pooled
            critical = (
                stats.t.isf(LEVEL / 2 / judged, error.freedom)
                if own
                else _dunnett(len(control), tuple(map(len, groups)))
            )
            error = replace(error, critical=float(critical))
        found.append(Gap(float(group.mean() - control.mean()), (len(group), len(control)), error))
    return found


def _pooled(groups: Sequence[np.ndarray]) -> tuple[float, int] | None:
    """The variance within the groups and its degrees of freedom; None where it isn't one, or no group has two runs."""
    freedom = sum(len(group) - 1 for group in groups)
    if not freedom or not alike(groups):
        return None
    return sum(float(((group - group.mean()) ** 2).sum()) for group in groups) / freedom, freedom


def _error(a: np.ndarray, b: np.ndarray, pooled: tuple[float, int] | None, fixed: float = 0.0) -> Error | None:
    if pooled is not None:
        variance, freedom = pooled
        seeds = variance * (1 / len(a) + 1 / len(b))
        return Error(_joined(seeds, freedom, fixed), math.sqrt(seeds + fixed), 2 * variance, fixed, True)
    if min(len(a), len(b)) < 2:
        return None
    parts = [float(side.var(ddof=1)) / len(side) for side in (a, b)]
    if sum(parts) == 0:
        return Error(len(a) + len(b) - 2, math.sqrt(fixed), 0.0, fixed, False)
    welch = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (a, b)))
    variance = float(a.var(ddof=1) + b.var(ddof=1))
    return Error(_joined(sum(parts), welch, fixed), math.sqrt(sum(parts) + fixed), variance, fixed, False)


def _joined(seeds: float, freedom: float, fixed: float) -> float:
    """Satterthwaite's degrees of freedom of the sum of a variance with `freedom` and one that is known."""
    return freedom * (1 + fixed / seeds) ** 2 if seeds else max(freedom, 1e6 if fixed else freedom)


@lru_cache(maxsize=256)
def _dunnett(control: int, sizes: tuple[int, ...]) -> float:
    """Dunnett's two-sided 5 % point for groups of these sizes; it depends on nothing else."""
    from scipy import stats

    every = [np.linspace(-1, 1, size) if size > 1 else np.zeros(1) for size in (control, *sizes)]
    freedom = sum(len(group) - 1 for group in every)
    variance = sum(float((group**2).sum()) for group in every) / freedom
    found = stats.dunnett(*every[1:], control=every[0], rng=np.random.default_rng(0))
    interval = found.confidence_interval(1 - LEVEL)
    return float(interval.high[0] - interval.low[0]) / 2 / math.sqrt(variance * (1 / control + 1 / sizes[0]))


def discovered(p: Sequence[float | None]) -> list[bool | None]:
    """Which of several results are told apart with at most 5 % false ones among them (Benjamini and Hochberg 1995)."""
    from statsmodels.stats.multitest import multipletests

    known = [value for value in p if value is not None]
    kept = iter(multipletests(known, LEVEL, method="fdr_bh")[0].tolist() if known else [])
    return [None if value is None else bool(next(kept)) for value in p]

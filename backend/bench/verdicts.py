"""Verdicts: whether recipes differ by more than their seeds do, and how many seeds would decide it.

Runs of a recipe scatter with the seed. Where enough recipes of a scale and pool were run often enough, and no test
objects, their spread counts as one and is pooled; otherwise a gap is judged by the spread of its own two sides
(Welch). Intervals hold for a whole family of gaps at once: Dunnett's for all recipes against no filter, Tukey's (Games
and Howell's where spreads differ) between any two.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

LEVEL, POWER = 0.05, 0.8
RECIPES, RUNS = 4, 3  # so many recipes with so many runs each say what the spread of a scale and pool is
UNLIKE = 0.1  # below this p of Bartlett's test the recipes' spreads differ
WIDER = 0.1  # below this p of an F test a side scatters more than the other recipes do
TWO_UNLIKE = 0.25  # below this p of an F test two sides alone have spreads of their own
MOST = 200  # runs a side


@dataclass(frozen=True)
class Spread:
    """The variance of single runs over the seeds, pooled from recipes with `freedom` degrees of freedom in all.

    `shared` is True where that may be taken as the variance of each of them.
    """

    variance: float
    freedom: int
    shared: bool
    wider: float = WIDER

    @classmethod
    def of(cls, groups: Sequence[np.ndarray], runs: int = RUNS, wider: float = WIDER) -> "Spread | None":
        """From the averages of the runs of each recipe, `(n,)` each; None if no recipe has two. It may be shared once
        four recipes have so many `runs`; a side is judged by its own if the p of its F test is below `wider`."""
        several = [group for group in groups if len(group) > 1]
        freedom = sum(len(group) - 1 for group in several)
        if not freedom:
            return None
        variance = sum(float(((group - group.mean()) ** 2).sum()) for group in several) / freedom
        return cls(variance, freedom, _one_spread(several, runs), wider)

    def without(self, sides: Sequence[np.ndarray]) -> tuple[float, int]:
        """The variance of the other recipes and its degrees of freedom."""
        freedom = self.freedom - sum(len(side) - 1 for side in sides)
        rest = self.variance * self.freedom - sum(float(((side - side.mean()) ** 2).sum()) for side in sides)
        return (rest / freedom if freedom > 0 else math.nan), freedom


def _one_spread(groups: Sequence[np.ndarray], runs: int) -> bool:
    from scipy import stats

    enough = sum(len(group) >= runs for group in groups) >= RECIPES
    if not enough or any(np.ptp(group) == 0 for group in groups):
        return False
    return not stats.bartlett(*groups).pvalue <= UNLIKE  # equal spreads may give nan


@dataclass(frozen=True)
class Error:
    """The standard error `value` of a gap with `freedom` degrees of freedom; `critical` of them make its interval.

    `variance` is that of the gap of two single runs, `fixed` the part that further runs don't change.
    """

    value: float
    freedom: float
    variance: float
    fixed: float
    pooled: bool
    critical: float

    def detectable(self, runs: int, now: tuple[int, int]) -> float:
        """The smallest gap that `runs` a side tell apart in 80 % of cases, where `now` are the runs that there are."""
        added = 2 * runs - sum(now)
        freedom = self.freedom + added if self.pooled else 2 * runs - 2
        return self._seen(math.sqrt(self.variance / runs + self.fixed), max(1.0, freedom))

    @property
    def seen(self) -> float:
        """The smallest gap that the runs that there are tell apart in 80 % of cases."""
        return self._seen(self.value, self.freedom)

    def _seen(self, value: float, freedom: float) -> float:
        from scipy.special import stdtr, stdtrit

        level = stdtr(self.freedom, -self.critical)  # one side of one gap, so that a family's correction is kept
        return float(-stdtrit(freedom, level) + stdtrit(freedom, POWER)) * value


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
        return self.difference - self.reach if self.reach is not None and min(self.runs) > 1 else None

    @property
    def high(self) -> float | None:
        return self.difference + self.reach if self.reach is not None and min(self.runs) > 1 else None

    @property
    def decided(self) -> bool | None:
        """Whether the sides differ by more than noise; None, which is no verdict, where a side has a single run."""
        if min(self.runs) < 2 or self.reach is None:
            return None
        return abs(self.difference) > self.reach

    @property
    def verdict(self) -> str | None:
        """`better`, `worse` or `not told apart`; None where a side has a single run."""
        return None if self.decided is None else self.named(self.decided)

    def named(self, decided: bool) -> str:
        return ("better" if self.difference > 0 else "worse") if decided else "not told apart"

    @property
    def detectable(self) -> float | None:
        """The smallest gap that these runs would have told apart in 80 % of cases; None where a side has one run."""
        return self.error.seen if self.error and min(self.runs) > 1 else None

    @property
    def needed(self) -> int | None:
        """Runs a side that tell a gap as large as this one apart in 80 % of cases; None if they are more than 200."""
        error = self.error
        if error is None or not self.difference:
            return None
        number = 2 + bisect_left(
            range(2, MOST + 1), -abs(self.difference), key=lambda runs: -error.detectable(runs, self.runs)
        )
        return number if number <= MOST else None

    @property
    def missing(self) -> int | None:
        """How many runs of the two sides together are still to be made for `needed`; 0 if the gap is decided."""
        if self.decided:
            return 0
        needed = self.needed
        return None if needed is None else sum(max(0, needed - runs) for runs in self.runs)

    def as_json(self) -> dict[str, Any]:
        return {
            "difference": self.difference, "low": self.low, "high": self.high, "reach": self.reach, "p": self.p,
            "verdict": self.verdict, "detectable": self.detectable, "needed": self.needed, "missing": self.missing,
        }  # fmt: skip

    def sentence(self, decided: bool | None = None) -> str:
        """The verdict in words, in points (hundredths); `decided` is that of a correction for several gaps."""
        decided = bool(self.decided) if decided is None else decided
        gap, most = f"{100 * self.difference:+.1f} points", max(self.runs)
        if self.decided is None:
            seeds = "one seed each" if most == 1 else "one seed on a side"
            if self.reach is None:
                return f"no verdict, {seeds}: {gap}; with a second seed of both there can be one"
            inside = "within" if abs(self.difference) <= self.reach else "beyond"
            return f"no verdict, {seeds}: {gap} is {inside} what seeds do (±{100 * self.reach:.1f})"
        interval = f"95 % interval {100 * (self.low or 0):+.1f} to {100 * (self.high or 0):+.1f}"
        return f"{self.named(decided)}: {gap}, {interval}; {self._power(decided)}"

    def _power(self, decided: bool) -> str:
        power = f"these runs could see {100 * (self.detectable or 0):.1f} points (80 % power)"
        if decided:
            return power
        if self.needed is None:
            return f"{power}, and more than {MOST} seeds of each would be needed to decide it"
        return f"{power}, and {self.needed} seeds of each ({self.missing} more runs) would decide it"


def between(
    a: np.ndarray, b: np.ndarray, others: Sequence[np.ndarray] = (), *, recipes: int = 2,
    control: np.ndarray | None = None, fixed: float = 0.0, spread: Spread | None = None,
) -> Gap:  # fmt: skip
    """The gap of two recipes of which `(n,)` and `(m,)` runs are there.

    `others` are the runs of other recipes of the same scale and pool, which say more of the spread. The interval holds
    for all gaps between `recipes` at once, from which this one may have been picked; with `control`, that of the two
    sides which are the unfiltered runs, for all gaps to them. `fixed` is the variance that the test examples add. Never a verdict from one run a side.
    """
    runs, difference = (len(a), len(b)), float(a.mean() - b.mean())
    parts = _parts(a, b, spread or Spread.of([a, b, *others]))
    if parts is None:
        return Gap(difference, runs)
    seeds, freedom, variance, pooled = parts
    value = math.sqrt(seeds + fixed)
    if fixed:  # Satterthwaite, the examples' variance counting as known
        freedom = freedom * ((seeds + fixed) / seeds) ** 2 if seeds else 1e6
    ratio = abs(difference) / value if value else (math.inf if difference else 0.0)
    if control is not None:
        sizes = tuple(sorted(len(group) for group in (a, b, *others) if group is not control))
        critical, p = _against_control(ratio, freedom, pooled, len(control), sizes)
    else:
        critical, p = _among(max(2, recipes), freedom, ratio)
    return Gap(difference, runs, Error(value, freedom, variance, fixed, pooled, critical), p)


def against(control: np.ndarray, groups: Sequence[np.ndarray]) -> list[Gap]:
    """The gap of each recipe to no filter, `control`; the intervals hold for all of them at once (see `between`)."""
    spread = Spread.of([control, *groups])
    return [
        between(group, control, [*groups[:place], *groups[place + 1 :]], control=control, spread=spread)
        for place, group in enumerate(groups)
    ]


def _parts(a: np.ndarray, b: np.ndarray, spread: Spread | None) -> tuple[float, float, float, bool] | None:
    """(variance of the gap, degrees of freedom, variance of the gap of single runs, whether the spread is pooled)."""
    if spread is None:
        return None
    sizes = 1 / len(a) + 1 / len(b)
    if min(len(a), len(b)) < 2 or (spread.shared and not _wider((a, b), spread)):
        return spread.variance * sizes, spread.freedom, 2 * spread.variance, True
    variances = [float(side.var(ddof=1)) for side in (a, b)]
    seeds = [variance / len(side) for variance, side in zip(variances, (a, b))]
    both = len(a) + len(b) - 2
    if sum(seeds) == 0 or _two_alike(a, b):
        variance = sum(variance * (len(side) - 1) for variance, side in zip(variances, (a, b))) / both
        return variance * sizes, both, 2 * variance, False
    welch = sum(seeds) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(seeds, (a, b)))
    return sum(seeds), welch, sum(variances), False


def _wider(sides: Sequence[np.ndarray], spread: Spread) -> bool:
    """Whether one of the two sides scatters more than the other recipes of the board do."""
    from scipy.special import fdtrc

    rest, freedom = spread.without(sides)
    return not freedom > 0 or any(
        fdtrc(len(side) - 1, freedom, side.var(ddof=1) / rest) < spread.wider for side in sides if rest > 0
    )


def _two_alike(a: np.ndarray, b: np.ndarray) -> bool:
    from scipy.special import fdtr

    if not (np.ptp(a) and np.ptp(b)):
        return False
    below = fdtr(len(a) - 1, len(b) - 1, a.var(ddof=1) / b.var(ddof=1))
    return bool(2 * min(below, 1 - below) > TWO_UNLIKE)


def _two_sided(ratio: float, freedom: float, gaps: int = 1) -> tuple[float, float]:
    """Student's 5 % point and the p of `ratio`, corrected for `gaps` of them by Bonferroni."""
    from scipy.special import stdtr, stdtrit

    return -float(stdtrit(freedom, LEVEL / 2 / gaps)), min(1.0, 2 * gaps * float(stdtr(freedom, -ratio)))


def _among(recipes: int, freedom: float, ratio: float) -> tuple[float, float]:
    """The 5 % point of the largest of all gaps between `recipes` in standard errors, and the p of `ratio`."""
    from scipy import stats

    if recipes == 2:
        return _two_sided(ratio, freedom)
    p = float(stats.studentized_range.sf(math.sqrt(2) * ratio, recipes, freedom)) if ratio < 1e3 else 0.0
    return _widest(recipes, round(freedom, 1)), min(1.0, p)


@lru_cache(maxsize=256)
def _widest(recipes: int, freedom: float) -> float:
    from scipy import stats

    return float(stats.studentized_range.ppf(1 - LEVEL, recipes, freedom)) / math.sqrt(2)


def _against_control(
    ratio: float, freedom: float, pooled: bool, control: int, sizes: tuple[int, ...]
) -> tuple[float, float]:
    judged = max(1, sum(size > 1 for size in sizes))
    if not pooled or judged == 1:
        return _two_sided(ratio, freedom, judged)
    critical = _dunnett(control, sizes)
    # Dunnett's p needs an integral a gap: that of Student's t at the same place of its own 5 % point is near enough
    # to order tasks and gaps by, and is on the same side of 5 % as the verdict.
    own, _ = _two_sided(ratio, freedom)
    return critical, _two_sided(ratio * own / critical, freedom)[1]


@lru_cache(maxsize=256)
def _dunnett(control: int, sizes: tuple[int, ...]) -> float:
    """Dunnett's two-sided 5 % point for groups of these sizes; it depends on nothing else."""
    from scipy import stats

    every = [np.linspace(-1, 1, size) if size > 1 else np.zeros(1) for size in (control, *sizes)]
    freedom = sum(len(group) - 1 for group in every)
    variance = sum(float((group**2).sum()) for group in every) / freedom
    test = stats.dunnett(*every[1:], control=every[0], rng=np.random.default_rng(0))
    interval = test.confidence_interval(1 - LEVEL)
    return float(interval.high[0] - interval.low[0]) / 2 / math.sqrt(variance * (1 / control + 1 / sizes[0]))


def discovered(p: Sequence[float | None]) -> list[bool | None]:
    """Which of several results are decided with at most 5 % false ones among them (Benjamini and Hochberg 1995)."""
    from statsmodels.stats.multitest import multipletests

    known = [value for value in p if value is not None]
    kept = iter(multipletests(known, LEVEL, method="fdr_bh")[0].tolist() if known else [])
    return [None if value is None else bool(next(kept)) for value in p]

"""Which recipes a full grid would find behind the best, foreseen after every round of a race."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

ROUNDS = 2  # one run shows no spread
POOLED = 4  # so many degrees of freedom the pooled variance adds to a recipe's own
DOUBT = 0.01  # at every look, that the full grid says something else of a recipe
DRAWS = 4000


@dataclass(frozen=True)
class Side:
    """A recipe's mean over so many `runs`, and the variance of a single run with its degrees of freedom."""

    mean: float
    runs: int
    variance: float
    freedom: float


def sides(groups: Mapping[str, np.ndarray]) -> dict[str, Side]:
    """From the results `(n,)` of each recipe, one or more of each, and two or more of some.

    A recipe's variance is its own, with that of all recipes counting as four further degrees of freedom (Smyth 2004,
    section 4): neither do few runs stand alone, nor does a recipe that scatters more borrow others' calm.
    """
    runs = {name: values.tolist() for name, values in groups.items()}  # so few that numpy only costs
    means = {name: sum(values) / len(values) for name, values in runs.items()}
    squares = {name: sum((value - means[name]) ** 2 for value in values) for name, values in runs.items()}
    every = sum(len(values) - 1 for values in runs.values())
    shared = sum(squares.values()) / every
    sizes = {name: POOLED + len(values) - 1 for name, values in runs.items()}
    return {
        name: Side(means[name], len(runs[name]), (POOLED * shared + squares[name]) / size, min(size, every))
        for name, size in sizes.items()
    }


def limit(best: Side, other: Side, bound: float, runs: int) -> float:
    """The gap of two means over `runs` each above which `other` is behind: `bound` standard normal deviates (Welch)."""
    from scipy.special import ndtr, stdtrit

    parts = best.variance / runs, other.variance / runs
    if not sum(parts):
        return 0.0
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / best.freedom + parts[1] ** 2 / other.freedom)
    return -float(stdtrit(freedom, ndtr(-bound))) * math.sqrt(sum(parts))


def margin(other: Side, most: int, doubt: float) -> float:
    """How far the gap over all `most` runs is yet to fall (or rise) from what it is now, save with a chance of `doubt`.

    The mean of all runs, given that of the first n, has the variance s² (1/n - 1/most) (stochastic curtailment: Lan,
    Simon & Halperin 1982).
    """
    from scipy.special import stdtrit

    return -float(stdtrit(other.freedom, doubt)) * math.sqrt(other.variance * (1 / other.runs - 1 / most))


@lru_cache(maxsize=64)
def one_look(recipes: int, runs: int, confidence: float) -> float:
    """The bound with which the truly best of `recipes`, with `runs` seeds of each, is found behind with a chance of
    1 - `confidence`. The hardest case is that all are equally good; it is simulated (seeded)."""
    from scipy.special import ndtri, stdtr

    if recipes < 2 or runs < ROUNDS:
        return math.inf
    drawn = np.random.default_rng(0).standard_normal((max(400, DRAWS * 20 // recipes), recipes, runs))
    means, own = drawn.mean(axis=2), drawn.var(axis=2, ddof=1)
    variance = (POOLED * own.mean(axis=1, keepdims=True) + (runs - 1) * own) / (POOLED + runs - 1)
    best = means.argmax(axis=1)[:, None]
    theirs = np.take_along_axis(variance, best, axis=1)
    freedom = min(POOLED + runs - 1, recipes * (runs - 1)) * (theirs + variance) ** 2 / (theirs**2 + variance**2)
    gaps = (np.take_along_axis(means, best, axis=1) - means) / np.sqrt((theirs + variance) / runs)
    return float(np.quantile(-ndtri(stdtr(freedom, -gaps)), confidence))


def behind(groups: Mapping[str, np.ndarray], *, bound: float) -> set[str]:
    """The recipes of a full grid, as many runs `(n,)` of each, that are surely behind the best."""
    if len(groups) < 2 or any(len(runs) < ROUNDS for runs in groups.values()):
        return set()
    every = sides(groups)
    best = max(every.values(), key=lambda side: side.mean)
    return {name for name, side in every.items() if best.mean - side.mean > limit(best, side, bound, side.runs)}


def deal(
    runs: Mapping[str, np.ndarray], out: Collection[str], most: int, bound: float, doubt: float = DOUBT
) -> tuple[set[str], list[str]]:
    """Who is surely behind now, and who gets the next seed (nobody: the race is over).

    `runs` are the results so far, `(n,)` of each recipe, and `out` those that were behind before; `bound` is that of
    one look at the full grid of `most` seeds. Every recipe gets one seed and the better half a second, which shows the
    spread: who lies far behind needs no more than its first. Then the best so far gets all of its seeds at once, for
    every gap is measured against it. A recipe is out as soon as the full grid would find it behind, save with a chance
    of `doubt`, and gets no more seeds while the full grid would as surely keep it; the others go on, those with fewest
    first.
    """
    left = {name: values for name, values in runs.items() if name not in out}
    if len(left) < 2:
        return set(), []
    first = [name for name, values in left.items() if not len(values)]
    if first:
        return set(), first
    better = sorted(runs, key=lambda name: -runs[name].mean())[: max(2, math.ceil(len(runs) / 2))]
    second = [name for name in better if name in left and len(runs[name]) < ROUNDS]
    if second:
        return set(), second
    now = sides(runs)
    best = max(left, key=lambda name: now[name].mean)
    if len(left[best]) < most:
        return set(), [best]
    gone, open_ = _foreseen({name: now[name] for name in left}, now[best], most, bound, doubt)
    fewest = min((len(left[name]) for name in open_), default=most)
    return gone, [name for name in open_ if len(left[name]) == fewest]


def _foreseen(
    left: Mapping[str, Side], best: Side, most: int, bound: float, doubt: float
) -> tuple[set[str], list[str]]:
    """Those that the full grid would find behind `best`, and those of which that can't be said yet."""
    gone, open_ = set(), []
    for name, side in left.items():
        whole = side.runs >= most
        full = side if whole else Side(side.mean, most, side.variance, POOLED + most - 1)
        beyond = best.mean - side.mean - limit(best, full, bound, most)
        unsure = 0.0 if whole else margin(side, most, doubt)
        if side is not best and beyond > unsure:
            gone.add(name)
        elif not whole and -beyond < unsure:
            open_.append(name)
    return gone, open_

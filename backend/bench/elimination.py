"""Who is surely behind the best, judged after every round of a race."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .verdicts import WIDER, Spread, between

ROUNDS = 2  # before a second run of each nothing is known of the spread
SHARE = 0.2  # of the allowed error, for the rounds before the last
DRAWS = 4000
EARLY_WIDER = 0.05  # two or three runs of a side often scatter widely by chance


@dataclass(frozen=True)
class Bounds:
    """How many standard deviates behind the best a recipe must be to be out: `early` in a round before the last one,
    `last` once all that are left have all their seeds."""

    early: float
    last: float


@lru_cache(maxsize=64)
def bounds(recipes: int, most: int, confidence: float) -> Bounds:
    """The bounds with which the truly best of `recipes` stays in through rounds of 2 to `most` seeds with `confidence`.

    The hardest case is that all are equally good. It is simulated (seeded): for each recipe the largest gap to the
    best that a round ever shows, so the bounds hold for repeated looks and for the best being picked by its result.
    A fifth of the allowed error is spent before the last round (after Haybittle 1971 and Peto et al. 1976), so that a
    race judges those that are left nearly as if nobody had looked before.
    """
    if recipes < 2 or most < ROUNDS:
        return Bounds(np.inf, np.inf)
    before, at_last = _largest_gaps(recipes, most)
    early = float(np.quantile(before, 1 - (1 - confidence) * SHARE)) if most > ROUNDS else np.inf
    out = (before > early).mean()
    last = float(np.quantile(at_last[before <= early], 1 - (1 - confidence - out) / (1 - out)))
    return Bounds(early, last)


def one_look(recipes: int, runs: int, confidence: float) -> float:
    """The bound for a single look at `runs` seeds of each of the `recipes`."""
    return float(np.quantile(_largest_gaps(recipes, runs)[1], confidence)) if recipes > 1 and runs >= ROUNDS else np.inf


@lru_cache(maxsize=8)
def _largest_gaps(recipes: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Of recipes that are all equal, how far each is behind the best at most before the last round, and in it."""
    from scipy.special import ndtri, stdtr

    rng = np.random.default_rng(0)
    runs = rng.standard_normal((max(400, DRAWS * 20 // recipes), recipes, most))
    before, at_last = np.zeros(runs.shape[:2]), np.zeros(runs.shape[:2])
    for count in range(ROUNDS, most + 1):
        seen = runs[:, :, :count]
        means, variance = seen.mean(axis=2), seen.var(axis=2, ddof=1).mean(axis=1)
        gaps = (means.max(axis=1, keepdims=True) - means) / np.sqrt(2 * variance / count)[:, None]
        before, at_last = np.maximum(before, at_last), -ndtri(stdtr(recipes * (count - 1), -gaps))
    return before.ravel(), at_last.ravel()


def behind(
    groups: Mapping[str, np.ndarray], others: Sequence[np.ndarray] = (), *, bound: float, wider: float = WIDER
) -> set[str]:  # fmt: skip
    """Those of `groups` (the runs `(n,)` of each recipe that is still in the race) that are surely behind the best.

    `others` are recipes that are out: they still tell the spread. Needs two runs of each.
    """
    judged = {name: runs for name, runs in groups.items() if len(runs) >= ROUNDS}
    if len(judged) < 2:
        return set()
    spread = Spread.of([*groups.values(), *others], ROUNDS, wider)
    best = max(judged, key=lambda name: float(judged[name].mean()))
    return {
        name for name, runs in judged.items()
        if name != best and between(judged[best], runs, spread=spread).deviate > bound
    }  # fmt: skip


def deal(runs: Mapping[str, np.ndarray], out: Collection[str], most: int, bound: Bounds) -> tuple[set[str], list[str]]:
    """Who is surely behind now, and who gets the next seed (nobody: the race is over).

    `runs` are the results so far, `(n,)` of each recipe, and `out` those that were behind before. In a round everybody
    left gets a seed. From the second on the best so far gets all of its `most` seeds at once, for every gap is measured
    against it.
    """
    left = {name: values for name, values in runs.items() if name not in out}
    fewest = min(len(values) for values in left.values())
    dealt = [name for name, values in left.items() if len(values) == fewest]
    if len(left) < 2 or fewest < ROUNDS:
        return set(), dealt if len(left) > 1 else []
    best = max(left, key=lambda name: float(left[name].mean()))
    if len(left[best]) < most:
        return set(), [best]
    if any(fewest < len(values) < most for values in left.values()):
        return set(), dealt
    last = fewest >= most
    others = [runs[name] for name in out]
    gone = (
        behind(left, others, bound=bound.last) if last else behind(left, others, bound=bound.early, wider=EARLY_WIDER)
    )
    over = last or len(left) - len(gone) == 1
    return gone, [] if over else [name for name in dealt if name not in gone]

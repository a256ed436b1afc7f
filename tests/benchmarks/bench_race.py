"""How often a race ends with the winners of the full grid, and with how many of its runs.

    python tests/benchmarks/bench_race.py [--rounds 200]

Runs are simulated: twenty recipes with the averages that assets/results.md lists for the demo, ten seeds each, with the
seeds' pooled standard deviation (1.72 points), with half of it, and with spreads that differ. A full grid trains all
200 and names the best and those that can't be told from it by one look; the race is `poolscope.bench.elimination.deal`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poolscope.bench.elimination import behind, bounds, deal, one_look

DEMO = np.array([25.3, 23.1, 21.3, 21.3, 21.3, 20.2, 19.7, 19.7, 19.5, 19.4, 19.2, 18.3, 17.6, 17.6, 16.9, 15.4, 15.3,
                 14.6, 13.2, 10.9])  # fmt: skip
SPREAD, SEEDS, CONFIDENCE = 1.72, 10, 0.95


@dataclass(frozen=True)
class Replayed:
    """Shares of the replays: with the `same` winners as the full grid, with the truly best one among them; and the mean
    `share` of the full grid's runs."""

    same: float
    best_stays: float
    share: float


def race(runs: np.ndarray) -> tuple[set[str], int]:
    """The winners of a race over `(recipes, seeds)`, and the runs that it took."""
    recipes, most = runs.shape
    dealt, out, limits = dict.fromkeys(map(str, range(recipes)), 0), set[str](), bounds(recipes, most, CONFIDENCE)
    while True:
        gone, following = deal({k: runs[int(k), :n] for k, n in dealt.items()}, out, most, limits)
        out |= gone
        if not following:
            return set(dealt) - out, sum(dealt.values())
        for name in following:
            dealt[name] += 1


def replay(means: np.ndarray, spread: float | Sequence[float], *, rounds: int, seed: int = 0) -> Replayed:
    rng, figures = np.random.default_rng(seed), []
    best = str(int(np.argmax(means)))
    for _ in range(rounds):
        runs = means[:, None] + np.reshape(spread, (-1, 1)) * rng.standard_normal((len(means), SEEDS))
        winners, used = race(runs)
        grid = {str(place): row for place, row in enumerate(runs)}
        same = winners == set(grid) - behind(grid, bound=one_look(len(means), SEEDS, CONFIDENCE))
        figures.append((same, best in winners, used / runs.size))
    return Replayed(*np.mean(figures, axis=0).tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    print("| runs | same winners as the full grid | best one among them | share of its runs |\n|---|---|---|---|")
    for name, means, spread in (
        ("demo, seeds ± 1.72", DEMO, SPREAD), ("demo, seeds ± 0.86", DEMO, SPREAD / 2),
        ("demo, seeds ± 1.2 and 2.4", DEMO, [1.2, 2.4] * 10), ("all equal", np.zeros(20), SPREAD),
    ):  # fmt: skip
        found = replay(means, spread, rounds=rounds)
        print(f"| {name} | {found.same:.1%} | {found.best_stays:.1%} | {found.share:.1%} |", flush=True)


if __name__ == "__main__":
    main()

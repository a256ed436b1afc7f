"""How often a race ends with the winners of the full grid, and with how many of its runs.

    python tests/benchmarks/bench_race.py [--rounds 200] [--stored] [--write]

A full grid trains ten seeds of every recipe and names the best and those that can't be told from it by one look; the
race is `poolscope.bench.elimination.deal`. Without `--stored`, runs are simulated: twenty recipes with the averages that
the demo's had when the race's settings were chosen, with the seeds' pooled standard deviation (1.72 points), with half
of it, and with spreads that differ. With `--stored`, they are replayed from the runs that demo_methods.py trained. Three
seeds of each are too few to draw from, so the replay is parametric: normal around each recipe's own mean, with the
spread pooled over all of them, or with each recipe's own. `--write` puts that table into assets/results.md.
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


Case = tuple[str, np.ndarray, float | Sequence[float]]


def simulated() -> list[Case]:
    return [
        ("demo, seeds ± 1.72", DEMO, SPREAD), ("demo, seeds ± 0.86", DEMO, SPREAD / 2),
        ("demo, seeds ± 1.2 and 2.4", DEMO, [1.2, 2.4] * 10), ("all equal", np.zeros(20), SPREAD),
    ]  # fmt: skip


def stored() -> list[Case]:
    """Means and spreads, in points, of the demo's recipes with two runs or more."""
    from poolscope.bench.board import leaderboard, summaries
    from poolscope.paths import default_pool

    rows = leaderboard("demo", pool=str(default_pool().resolve()), published=False, unfinished=False)
    board = [one for one in summaries(rows) if one.sd is not None]
    means, own = np.array([100 * one.mean for one in board]), [100 * (one.sd or 0.0) for one in board]
    freedom = [len(one.runs) - 1 for one in board]
    pooled = float(np.sqrt(np.average(np.square(own), weights=freedom)))
    return [
        (f"{len(board)} recipes, their pooled spread (± {pooled:.2f} points)", means, pooled),
        ("each recipe's own spread", means, own), ("all equal", np.zeros(len(board)), pooled),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--stored", action="store_true", help="replay the demo's trained runs")
    parser.add_argument("--write", action="store_true", help="put the table of --stored into assets/results.md")
    chosen = parser.parse_args()
    cases = stored() if chosen.stored else simulated()
    lines = ["| runs | same winners as the full grid | best one among them | share of its runs |", "|---|---|---|---|"]
    for name, means, spread in cases:
        found = replay(means, spread, rounds=chosen.rounds)
        lines.append(
            f"| {name} | {100 * found.same:.1f} % | {100 * found.best_stays:.1f} % | {100 * found.share:.1f} % |"
        )
    print("\n".join(lines))
    if chosen.stored and chosen.write:
        from page import put

        put("bench_race.py", "\n".join(lines))


if __name__ == "__main__":
    main()

"""How often a race ends with the winners of the full grid, and with how many of its runs.

    python tests/benchmarks/bench_race.py [--rounds 400] [--stored] [--write]

The rule: a full grid trains ten seeds of every recipe; its winners are the best and those that one look at the 95 % bound
does not find behind it, each with its own variance and the pooled one as four further degrees of freedom
(`poolscope.bench.elimination.behind`). The race (`deal`) draws the same runs one after the other and foresees that look.

Without `--stored`, runs are simulated: twenty recipes with the averages that the demo's had in an earlier version, with
the seeds' pooled standard deviation (1.72 points), with half of it, and with spreads that differ. With `--stored`, they
are replayed from the runs that demo_methods.py trained. Five seeds of each are too few to draw from, so the replay is
parametric: normal around each recipe's own mean, or around a mean that is itself drawn as the five runs leave it open;
with the spread pooled over all of them, or with each recipe's own. `--write` puts these tables into assets/results.md.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poolscope.bench.elimination import DOUBT, behind, deal, one_look

DEMO = np.array([25.3, 23.1, 21.3, 21.3, 21.3, 20.2, 19.7, 19.7, 19.5, 19.4, 19.2, 18.3, 17.6, 17.6, 16.9, 15.4, 15.3,
                 14.6, 13.2, 10.9])  # fmt: skip
SPREAD, SEEDS, CONFIDENCE = 1.72, 10, 0.95


@dataclass(frozen=True)
class Replayed:
    """Shares of the replays: with the `same` winners as the full grid, with the truly best one among them; the mean
    `share` of the full grid's runs; and how often `another` full grid has the winners of the first."""

    same: float
    best_stays: float
    share: float
    another: float


DOUBTS = (0.05, 0.02, DOUBT, 0.005, 0.002)


def race(runs: np.ndarray, doubt: float = DOUBT) -> tuple[set[str], int]:
    """The winners of a race over `(recipes, seeds)`, and the runs that it took."""
    recipes, most = runs.shape
    dealt, out, bound = dict.fromkeys(map(str, range(recipes)), 0), set[str](), one_look(recipes, most, CONFIDENCE)
    while True:
        gone, following = deal({k: runs[int(k), :n] for k, n in dealt.items()}, out, most, bound, doubt)
        out |= gone
        if not following:
            return set(dealt) - out, sum(dealt.values())
        for name in following:
            dealt[name] += 1


def grid(runs: np.ndarray) -> set[str]:
    """The winners of the full grid."""
    every = {str(place): row for place, row in enumerate(runs)}
    return set(every) - behind(every, bound=one_look(*runs.shape, CONFIDENCE))


def replay(
    means: np.ndarray, spread: float | Sequence[float], *, rounds: int, unsure: float = 0.0, doubt: float = DOUBT,
    seed: int = 0,
) -> Replayed:  # fmt: skip
    """`unsure` is the standard error of the recipes' means, which are drawn anew for each replay."""
    rng, figures = np.random.default_rng(seed), []
    for _ in range(rounds):
        true = means + unsure * rng.standard_normal(len(means))
        noise = np.reshape(spread, (-1, 1)) * rng.standard_normal((2, len(means), SEEDS))
        runs, others = true[:, None] + noise
        winners, used = race(runs, doubt)
        named = grid(runs)
        figures.append(
            (winners == named, str(int(np.argmax(true))) in winners, used / runs.size, grid(others) == named)
        )
    return Replayed(*np.mean(figures, axis=0).tolist())


Case = tuple[str, np.ndarray, float | Sequence[float], float]


def simulated() -> list[Case]:
    return [
        ("seeds ± 1.72 points, as measured", DEMO, SPREAD, 0), ("seeds ± 0.86", DEMO, SPREAD / 2, 0),
        ("seeds ± 1.2 and 2.4 in turn", DEMO, [1.2, 2.4] * 10, 0), ("all twenty equal", np.zeros(20), SPREAD, 0),
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
    open_ = pooled / np.sqrt(np.mean([len(one.runs) for one in board]))
    return [
        (f"{len(board)} recipes, their pooled spread (± {pooled:.2f} points)", means, pooled, 0),
        (f"the same, their means drawn anew (± {open_:.2f})", means, pooled, open_),
        ("each recipe's own spread", means, own, 0), ("all equal", np.zeros(len(board)), pooled, 0),
    ]  # fmt: skip


def table(cases: Sequence[Case], rounds: int) -> str:
    lines = [
        "| runs | same winners as the full grid | best one among them | share of its runs | another full grid has its winners |",
        "|---|---|---|---|---|",
    ]
    for name, means, spread, unsure in cases:
        replayed = replay(means, spread, rounds=rounds, unsure=unsure)
        shares = (replayed.same, replayed.best_stays, replayed.share, replayed.another)
        lines.append(f"| {name} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |")
    return "\n".join(lines)


def trade_off(case: Case, rounds: int) -> str:
    """Agreement against runs, by the chance that a recipe is let go or kept wrongly."""
    lines = ["| doubt left at each look | same winners as the full grid | share of its runs |", "|---|---|---|"]
    for doubt in DOUBTS:
        replayed = replay(case[1], case[2], rounds=rounds, unsure=case[3], doubt=doubt)
        chosen = " (the race's)" if doubt == DOUBT else ""
        lines.append(f"| {100 * doubt:g} %{chosen} | {100 * replayed.same:.1f} % | {100 * replayed.share:.1f} % |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--stored", action="store_true", help="replay the demo's trained runs")
    parser.add_argument("--write", action="store_true", help="put the tables of --stored into assets/results.md")
    chosen = parser.parse_args()
    cases = stored() if chosen.stored else simulated()
    text = f"{table(cases, chosen.rounds)}\n\n{trade_off(cases[0], chosen.rounds)}"
    print(text)
    if chosen.stored and chosen.write:
        from page import put

        put("bench_race.py", text)


if __name__ == "__main__":
    main()

"""Does the demo tell the truth? Its ranks of methods beside DataComp's published ones at medium and small.

    python tests/benchmarks/demo_ranks.py [--write]

Reads the runs that demo_methods.py trained; `--write` puts the table into assets/results.md.

The rule, stated before those runs were finished, and measured once:
- The demo's average is the mean of two families of tasks, each the plain mean of its own: what the emoji font shows
  (groups, people, skin tone, gender, flags, retrieval) and what clip art shows (categories, objects, retrieval). Handwritten
  digits are reported and not averaged: nothing handwritten is in the pool, so they stay at chance for every recipe.
- A method counts if the demo has a recipe of it and a paper prints its average of DataComp's 38 tasks at that scale, in
  the filtering track. Its published row is the one named in `PUBLISHED`: the same rule, with the nearest share kept where
  the papers print several (`Random 25 %` for a random 30 %, `DFN 15 %` for DFN 30 %), scored with L/14 where two models are.
- The figure is Spearman's rank correlation over these methods, ties at their mean rank. Its 95 % interval is Bonett and
  Wright's (2000): z = atanh(r), standard error sqrt((1 + r²/2) / (n - 3)). How much of it is the demo's seeds is drawn from
  the runs' means and pooled spread: the middle 95 % of 2,000 draws.
- The aim is 0.8 or more at medium. Nothing is changed after the measurement to reach it.

The second rule, stated before the runs of Basic and image size, which are all that it changes, were made anew, and measured
once: a rule of form must not decide what the tasks ask. The emoji font draws at 136 x 128 pixels, so that every rule of size
dropped every emoji, by an accident of the font's format. An emoji now has the size of a clip art image that a hash picks
(`poolscope.demo.emoji_font.sized`): the rule keeps of both sources alike. That misplaced Basic, and was to be mended, was
known; nothing else is mended for the ranks' sake, and the ranks that come of it stand.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from page import put
from scipy import stats

from poolscope.bench.board import Summary, leaderboard, summaries
from poolscope.bench.published import rows as published
from poolscope.paths import default_pool

SCALES, AIM, DRAWS = ("medium", "small"), 0.8, 2000
PUBLISHED = {
    "No filter": "No filtering", "Random 30 %": "Random 25 %", "Basic": "Basic", "English": "English (fastText)",
    "Caption length": "Caption length", "Image size": "Image size", "LAION-2B rule": "LAION-2B filter",
    "Text-based": "Text-based", "Image-based": "Image-based", "CLIP score 30 %": "CLIP L/14 30 %",
    "CLIPLoss 30 %": "negCLIPLoss 30 %", "CLIPLoss 30 %, then NormSim 20 %": "negCLIPLoss ∩ NormSim (target)",
    "DFN 30 %": "DFN 15 %",
}  # fmt: skip


@dataclass(frozen=True)
class Agreement:
    """Spearman's `rho` over `methods`, its 95 % interval, and the middle 95 % of what the demo's seeds do to it."""

    methods: int
    rho: float
    interval: tuple[float, float]
    seeds: tuple[float, float]


def spearman_interval(rho: float, n: int) -> tuple[float, float]:
    """Bonett and Wright (2000), Psychometrika 65: 95 %."""
    error = 1.96 * np.sqrt((1 + rho**2 / 2) / (n - 3))
    z = np.arctanh(min(rho, 1 - 1e-9))
    return float(np.tanh(z - error)), float(np.tanh(z + error))


def agreement(mine: Sequence[Summary], theirs: Sequence[float], *, seed: int = 0) -> Agreement:
    """The demo's `mine` against the published averages `theirs` of the same methods."""
    means, runs = np.array([one.mean for one in mine]), np.array([len(one.runs) for one in mine])
    rho = float(stats.spearmanr(means, theirs).statistic)
    rng, error = np.random.default_rng(seed), spread(mine) / np.sqrt(runs)
    drawn = [stats.spearmanr(means + error * rng.standard_normal(len(means)), theirs).statistic for _ in range(DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Agreement(len(mine), rho, spearman_interval(rho, len(mine)), (float(low), float(high)))


def spread(mine: Sequence[Summary]) -> float:
    """The seeds' standard deviation, pooled over the recipes with two runs or more; 0 without any."""
    several = [(one.sd or 0.0, len(one.runs) - 1) for one in mine if len(one.runs) > 1]
    return float(np.sqrt(np.average([sd**2 for sd, _ in several], weights=[n for _, n in several]))) if several else 0.0


def references(scale: str) -> dict[str, float]:
    """The published average at `scale` of each method of the demo that has one."""
    printed: dict[str, float] = {}
    for row in published():
        if row.scale == scale and row.track == "filtering" and row.average is not None:
            printed.setdefault(row.recipe, row.average)
    if scale == "medium" and (lost := set(PUBLISHED.values()) - set(printed)):
        raise ValueError(f"no published row is called {', '.join(sorted(lost))}")
    return {name: printed[theirs] for name, theirs in PUBLISHED.items() if theirs in printed}


def table(board: Sequence[Summary]) -> str:
    """Ranks at each scale over the methods that have a published figure there, the demo's best first."""
    found = {one.recipe: one for one in board if one.recipe in PUBLISHED}
    ranks = {scale: _ranks(found, references(scale)) for scale in SCALES}
    lines = ["| method | demo, % | " + " | ".join(f"{scale}, % | rank: demo, {scale}" for scale in SCALES) + " |",
             "|---|---|" + "---|---|" * len(SCALES)]  # fmt: skip
    for name, one in sorted(found.items(), key=lambda item: -item[1].mean):
        cells = [cell for scale in SCALES for cell in _cells(name, references(scale), ranks[scale])]
        lines.append(f"| {name} | {100 * one.mean:.1f} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(sentence(scale, found) for scale in SCALES)])


def _ranks(found: dict[str, Summary], theirs: dict[str, float]) -> dict[str, tuple[float, float]]:
    names = [name for name in theirs if name in found]
    pairs = (stats.rankdata([-found[name].mean for name in names]), stats.rankdata([-theirs[name] for name in names]))
    return dict(zip(names, zip(*pairs)))


def _cells(name: str, theirs: dict[str, float], ranks: dict[str, tuple[float, float]]) -> list[str]:
    if name not in ranks:
        return ["", ""]
    demo, there = ranks[name]
    return [f"{100 * theirs[name]:.1f}", f"{demo:g}, {there:g}" + (" ▲" if demo < there - 2 else " ▼" if demo > there + 2 else "")]  # fmt: skip


def sentence(scale: str, found: dict[str, Summary]) -> str:
    theirs = {name: value for name, value in references(scale).items() if name in found}
    one = agreement([found[name] for name in theirs], list(theirs.values()))
    low, high, least, most = *one.interval, *one.seeds
    lows = [f"{value:.2f}".replace("-", "−") for value in (low, least)]
    aim = f", {'at or above' if one.rho >= AIM else 'below'} the aim of {AIM}" if scale == "medium" else ""
    return (
        f"- Against {scale}: Spearman **{one.rho:.2f}** over {one.methods} methods (95 % {lows[0]} to {high:.2f}; "
        f"the demo's seeds alone {lows[1]} to {most:.2f}){aim}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into assets/results.md")
    write = parser.parse_args().write
    pool = str(default_pool().resolve())
    made = table(summaries(leaderboard("demo", pool=pool, published=False, unfinished=False)))
    print(made)
    if write:
        put("demo_ranks.py", made)


if __name__ == "__main__":
    main()

"""What makes runs of one recipe differ on the demo scale, and what would make them differ less.

    python tests/benchmarks/bench_noise.py stored [--write]
    python tests/benchmarks/bench_noise.py batched
    python tests/benchmarks/bench_noise.py averaged [--seeds 5] [--lanes 2] [--table] [--write]

`stored` takes the runs of demo_methods.py (three seeds of 21 recipes) apart, without training anything: runs of one seed
start from the same weights whatever the recipe, so what they share is the initialisation's; and the bootstrap of stored
predictions says how much of the spread is that of the test examples. `batched` times the training steps of three seeds as
one model (torch.func.vmap) against three models in turn, in seconds of the processor. `averaged` trains `--seeds` runs
each of three recipes in a common order of the pairs and with averages of the weights beside (noise_runs.py), or goes on
where it stopped, and compares both from the same runs; `--table` only prints what is recorded. `--write` puts the table of
`stored` or `averaged` into assets/results.md.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 40


@dataclass(frozen=True)
class Parts:
    """Variances of a run's average, in squared points: over `seeds` within a recipe, of which `examples` are what test
    examples do to one run alone; and the correlation of two recipes' runs of one seed with its 95 % interval."""

    seeds: float
    examples: float
    freedom: int
    correlation: float
    low: float
    high: float
    p: float


def correlation_by_seed(values: np.ndarray) -> tuple[float, float, float, float]:
    """From averages `(recipes, seeds)`: the correlation of two recipes' runs of one seed, its 95 % interval and the p
    that it is none (two-way analysis of variance; Shrout & Fleiss 1979, ICC(3,1) of seeds judged by recipes)."""
    from scipy import stats

    recipes, seeds = values.shape
    centred = values - values.mean(axis=1, keepdims=True)
    of_seeds = recipes * (centred.mean(axis=0) ** 2).sum() / (seeds - 1)
    rest_freedom = (recipes - 1) * (seeds - 1)
    ratio = of_seeds / (((centred - centred.mean(axis=0)) ** 2).sum() / rest_freedom)

    def share(value: float) -> float:
        return (value - 1) / (value + recipes - 1)

    low = share(ratio / stats.f.ppf(0.975, seeds - 1, rest_freedom))
    high = share(ratio * stats.f.ppf(0.975, rest_freedom, seeds - 1))
    return share(ratio), low, high, float(stats.f.sf(ratio, seeds - 1, rest_freedom))


def own_example_variance(draws: np.ndarray) -> float:
    """From averages on draws of the test examples `(runs, draws)` of one recipe's seeds: the variance that the examples
    give one run, less what they give all of them alike."""
    covariance = np.cov(draws)
    runs = len(covariance)
    return float(np.trace(covariance) / runs - (covariance.sum() - np.trace(covariance)) / (runs * (runs - 1)))


def parts() -> Parts:
    from poolscope.bench.board import by_recipe, leaderboard
    from poolscope.bench.evaluation import predictions_of
    from poolscope.bench.significance import resample
    from poolscope.bench.tasks import choose, weights
    from poolscope.paths import default_pool

    rows = leaderboard("demo", pool=str(default_pool().resolve()), published=False, unfinished=False)
    done = [row for row in rows if row.average is not None]
    recipes = [sorted(runs, key=lambda row: row.seed or 0) for runs in by_recipe(done).values()]
    fewest = min(len(runs) for runs in recipes)
    values = np.array([[100 * (row.average or math.nan) for row in runs[:fewest]] for runs in recipes])
    tasks = [task for task in choose(None, suite="demo") if task.averaged]
    alone = []
    for runs in recipes:
        by_task = []
        for task in tasks:
            stored = [kept for row in runs if (kept := predictions_of(row.run, task.key)) is not None]
            by_task.append(100 * resample(stored, task, draws=DRAWS)[:, 1:])
        alone.append(own_example_variance(np.average(by_task, axis=0, weights=weights(tasks))))
    freedom = len(recipes) * (fewest - 1)
    seeds = float(((values - values.mean(axis=1, keepdims=True)) ** 2).sum() / freedom)
    return Parts(seeds, float(np.mean(alone)), freedom, *correlation_by_seed(values))


def spread(variance: float, freedom: int) -> str:
    """A standard deviation with its 95 % interval."""
    from scipy.stats import chi2

    low, high = (math.sqrt(variance * freedom / chi2.ppf(q, freedom)) for q in (0.975, 0.025))
    return f"{math.sqrt(variance):.2f} ({low:.2f} to {high:.2f})"


def table(known: Parts) -> str:
    rest = max(0.0, known.seeds - known.examples)
    twice = rest + known.examples / 2
    paired = known.seeds * (1 - known.correlation)
    lines = [
        "| what | a run's spread over seeds, points (95 %) | time |",
        "|---|---|---|",
        f"| as it is | {spread(known.seeds, known.freedom)} | 1 |",
        f"| twice the test examples | {math.sqrt(twice):.2f} | training 1, evaluation 2 |",
        f"| endlessly many test examples | {math.sqrt(rest):.2f} | |",
        f"| runs compared seed by seed, which shares the initialisation | {math.sqrt(paired):.2f} | 1 |",
    ]
    shared = f"{known.correlation:.2f} ({known.low:.2f} to {known.high:.2f}, p = {known.p:.3f})"
    return "\n".join(lines) + f"\n\nCorrelation of two recipes' runs of one seed: {shared}."


def ratio_of_spreads(values: np.ndarray, others: np.ndarray) -> tuple[float, float, float]:
    """The spread over seeds of averages `(recipes, seeds)` as a share of that of `others` from the same runs, with its 95 %
    interval (Pitman 1939, Morgan 1939: variances of paired values)."""
    from scipy.stats import t

    one, other = ((each - each.mean(axis=1, keepdims=True)).ravel() for each in (values, others))
    freedom = values.size - len(values) - 1
    ratio, alike = (one @ one) / (other @ other), (one @ other) ** 2 / ((one @ one) * (other @ other))
    middle = 1 + 2 * (1 - alike) * t.ppf(0.975, freedom) ** 2 / freedom
    width = math.sqrt(middle**2 - 1)
    return math.sqrt(ratio), math.sqrt(ratio * (middle - width)), math.sqrt(ratio * (middle + width))


def mean_gap(values: np.ndarray, others: np.ndarray, *, paired: bool) -> tuple[float, float]:
    """How far the mean of averages `(recipes, seeds)` is above that of `others` of the same recipes, and the half-width of
    its 95 % interval; `paired` if they come from the same runs."""
    from scipy.stats import t

    gap = float(values.mean() - others.mean())
    parts = [values - others] if paired else [values, others]
    freedoms = [part.size - len(part) for part in parts]
    squares = sum(float(((part - part.mean(axis=1, keepdims=True)) ** 2).sum()) for part in parts)
    error = math.sqrt(squares / sum(freedoms) * sum(1 / part.size for part in parts))
    return gap, float(t.ppf(0.975, sum(freedoms))) * error


def usual_runs(recipes: Sequence[str]) -> np.ndarray | None:
    """Averages `(recipes, seeds)` in points of this home's runs in the usual order; None where a recipe has fewer than two."""
    from poolscope.bench.board import by_recipe, leaderboard
    from poolscope.paths import default_pool

    rows = leaderboard("demo", pool=str(default_pool().resolve()), published=False, unfinished=False)
    runs = {place[0]: mine for place, mine in by_recipe([row for row in rows if row.average is not None]).items()}
    known = [[100 * (row.average or math.nan) for row in runs.get(name, [])] for name in recipes]
    fewest = min(len(values) for values in known)
    return np.array([values[:fewest] for values in known]) if fewest > 1 else None


def averaged_table(known: Mapping[str, np.ndarray], share: float) -> str:
    """From averages `(recipes, seeds)` of each kind of weights, the last ones first, and an average's share of the time."""
    last = next(iter(known.values()))
    freedom = last.size - len(last)
    lines = [
        "| weights, pairs in a common order | spread over seeds, points (95 %) | of the last weights' | mean moved "
        "| correlation by seed | left of the spread, compared by seed | time |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, values in known.items():
        variance = float(((values - values.mean(axis=1, keepdims=True)) ** 2).sum() / freedom)
        correlation = correlation_by_seed(values)
        name, beside = "the last ones", "1 | |"
        if values is not last:
            ratio, least, most = ratio_of_spreads(values, last)
            name = f"average, decay {kind}"
            beside = f"{ratio:.2f} ({least:.2f} to {most:.2f}) | {gap_text(*mean_gap(values, last, paired=True))} |"
        left, cost = math.sqrt(variance * (1 - correlation[0])), f"{1 + (values is not last) * share:.3f}"
        lines.append(
            f"| {name} | {spread(variance, freedom)} | {beside} {shared_text(*correlation)} | {left:.2f} | {cost} |"
        )
    return "\n".join(lines)


def averaged_notes(known: Mapping[str, np.ndarray], recipes: Sequence[str], usual: np.ndarray | None) -> str:
    """What the table leaves out: recipe by recipe, and against runs in the usual order."""
    from scipy.stats import t

    last, *averages = known.values()
    freedom = last.size - len(last)
    variance = ((last - last.mean(axis=1, keepdims=True)) ** 2).sum() / freedom
    own = float(t.ppf(0.975, freedom)) * math.sqrt(variance / last.shape[1])
    moved = max(float(np.abs((values - last).mean(axis=1)).max()) for values in averages)
    pair = shared_text(*correlation_by_seed(last[-2:]))
    text = (
        f"{', '.join(recipes)}: {last.shape[1]} seeds each, {freedom} degrees of freedom. Averaging moves no recipe's mean by more "
        f"than {moved:.2f}; that mean's own 95 % interval is ±{own:.2f}. Correlation by seed of the last two recipes alone: {pair}."
    )
    if usual is None:
        return text
    gap, half = mean_gap(last, usual, paired=False)
    each = [
        f"{name} {gap_text(one, half * math.sqrt(len(recipes)))}"
        for name, one in zip(recipes, last.mean(axis=1) - usual.mean(axis=1))
    ]
    return (
        f"{text} Against the usual order ({usual.shape[1]} seeds each) the common one moves the mean by {gap_text(gap, half)}: "
        f"{', '.join(each)}."
    )


def gap_text(gap: float, half: float) -> str:
    return f"{gap:+.2f} ({gap - half:+.2f} to {gap + half:+.2f})".replace("-", "−")


def shared_text(correlation: float, low: float, high: float, p: float) -> str:
    return f"{correlation:.2f} ({low:.2f} to {high:.2f}, p = {p:.2f})".replace("-", "−")


def averaged(seeds: int, lanes: int, *, train: bool) -> str:
    from noise_runs import RECIPES, records, train_all

    if train:
        train_all(seeds, lanes)
    known, share = records(seeds)
    return f"{averaged_table(known, share)}\n\n{averaged_notes(known, RECIPES, usual_runs(RECIPES))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("stored", "batched", "averaged"))
    parser.add_argument("--seeds", type=int, default=5, help="runs of each recipe of `averaged`")
    parser.add_argument("--lanes", type=int, default=2, help="runs of `averaged` at a time")
    parser.add_argument("--table", action="store_true", help="only print what `averaged` has recorded")
    parser.add_argument("--write", action="store_true", help="put the table into assets/results.md")
    chosen = parser.parse_args()
    if chosen.what == "batched":
        from noise_batched import batched

        one, other = batched()
        print(f"three models in turn {one:.2f} s a step, as one {other:.2f} s: {other / one:.2f} of the time")
        return
    if chosen.what == "averaged":
        name, text = "bench_noise.py averaged", averaged(chosen.seeds, chosen.lanes, train=not chosen.table)
    else:
        name, text = "bench_noise.py", table(parts())
    print(text)
    if chosen.write:
        from page import put

        put(name, text)


if __name__ == "__main__":
    main()

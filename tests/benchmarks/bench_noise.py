"""What makes runs of one recipe differ on the demo scale, and what would make them differ less.

    python tests/benchmarks/bench_noise.py stored [--write]
    python tests/benchmarks/bench_noise.py batched
    python tests/benchmarks/bench_noise.py averaged [--seeds 4] [--lanes 2] [--table] [--write]

`stored` takes the runs of demo_methods.py (five seeds of 21 recipes) apart, without training anything: runs of one seed
start from the same weights whatever the recipe, so what they share is the initialisation's; and the bootstrap of stored
predictions says how much of the spread is that of the test examples. `batched` times the training steps of three seeds as
one model (torch.func.vmap) against three models in turn, in seconds of the processor. `averaged` trains `--seeds` runs
each of three recipes, in a common order of the pairs and in shards drawn with replacement, with averages of the weights beside
(noise_runs.py), or goes on where it stopped, and compares them; `--table` only prints what is recorded. `--write` puts the
table of `stored` or `averaged` into assets/results.md.
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
    return Parts(within(values), float(np.mean(alone)), freedom, *correlation_by_seed(values))


def spread(variance: float, freedom: float) -> str:
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
    freedom = min(freedom_of(values), freedom_of(others)) - 1
    ratio, alike = (one @ one) / (other @ other), (one @ other) ** 2 / ((one @ one) * (other @ other))
    middle = 1 + 2 * (1 - alike) * t.ppf(0.975, freedom) ** 2 / freedom
    width = math.sqrt(middle**2 - 1)
    return math.sqrt(ratio), math.sqrt(ratio * (middle - width)), math.sqrt(ratio * (middle + width))


def mean_gap(values: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """How far the mean of averages `(recipes, seeds)` is above that of `others`, seed by seed, and the half-width of its
    95 % interval."""
    from scipy.stats import t

    gaps = (values - others).mean(axis=0)
    half = float(t.ppf(0.975, len(gaps) - 1)) * float(gaps.std(ddof=1)) / math.sqrt(len(gaps))
    return float(gaps.mean()), half


def within(values: np.ndarray) -> float:
    """The variance over seeds of averages `(recipes, seeds)`, pooled over the recipes."""
    return float(((values - values.mean(axis=1, keepdims=True)) ** 2).sum() / (values.size - len(values)))


def freedom_of(values: np.ndarray) -> float:
    """The degrees of freedom of `within`: those of independent runs, less where runs of one seed are alike, so that as many
    independent ones would leave the variance as unsure (Satterthwaite 1946)."""
    recipes, seeds = values.shape
    alike = max(0.0, correlation_by_seed(values)[0])
    return recipes * (seeds - 1) / (1 + (recipes - 1) * alike**2)


def averaged_table(runs: Mapping[str, Mapping[str, np.ndarray]], share: float) -> str:
    """From averages `(recipes, seeds)` of each order and kind of weights, the last ones first, and the share of the training's
    time that an average adds."""
    lines = [
        "| order of the pairs | weights | spread over seeds, points (95 %) | of the last weights' | mean moved "
        "| correlation by seed | spread, compared by seed | time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for order, known in runs.items():
        last = next(iter(known.values()))
        for kind, values in known.items():
            correlation, variance = correlation_by_seed(values), within(values)
            name, beside, time = "last", "1 | ", "1"
            if values is not last:
                ratio, name, time = ratio_of_spreads(values, last), f"average, decay {kind}", f"{1 + share:.3f}"
                beside = f"{interval_text(*ratio)} | {gap_text(*mean_gap(values, last))}"
            cells = [order, name, spread(variance, freedom_of(values)), beside, shared_text(*correlation)]
            lines.append(f"| {' | '.join(cells)} | {math.sqrt(variance * (1 - correlation[0])):.2f} | {time} |")
    return "\n".join(lines)


def averaged_notes(runs: Mapping[str, Mapping[str, np.ndarray]], recipes: Sequence[str]) -> str:
    """What the table leaves out: recipe by recipe, and one order beside the other."""
    from scipy.stats import t

    last = {order: next(iter(known.values())) for order, known in runs.items()}
    seeds = ", ".join(f"{values.shape[1]} in the {order} order" for order, values in last.items())
    own = ", ".join(
        f"±{float(t.ppf(0.975, freedom_of(one))) * math.sqrt(within(one) / one.shape[1]):.2f} in the {order} order"
        for order, one in last.items()
    )
    moves = [values - last[order] for order, known in runs.items() for values in known.values()]
    moved = max(float(np.abs(each.mean(axis=1)).max()) for each in moves)
    alone = ", ".join(
        f"{shared_text(*correlation_by_seed(one[-2:]))} in the {order} order" for order, one in last.items()
    )
    common, resampled = (values[:, : min(one.shape[1] for one in last.values())] for values in last.values())
    ends = [
        f"{name} from {before:.1f} to {after:.1f}"
        for name, before, after in zip(recipes, resampled.mean(axis=1), common.mean(axis=1))
    ]
    gaps = [
        f"{name} {gap_text(*mean_gap(common[[n]] - common[[0]], resampled[[n]] - resampled[[0]]))}"
        for n, name in enumerate(recipes)
        if n
    ]
    return "\n".join(
        [
            f"- Seeds of each recipe: {seeds}.",
            f"- From the resampled to the common order the spread goes to {interval_text(*ratio_of_spreads(common, resampled))} of what "
            f"it was, and the mean moves by {gap_text(*mean_gap(common, resampled))}: {', '.join(ends)}. The differences to "
            f"{recipes[0]} move by: {', '.join(gaps)}.",
            f"- Averaging moves a recipe's mean by up to {moved:.2f}; its own 95 % interval is {own}.",
            f"- Correlation by seed of {recipes[-2]} and {recipes[-1]} alone: {alone}.",
        ]
    )


def interval_text(value: float, low: float, high: float) -> str:
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def gap_text(gap: float, half: float) -> str:
    return f"{gap:+.2f} ({gap - half:+.2f} to {gap + half:+.2f})".replace("-", "−")


def shared_text(correlation: float, low: float, high: float, p: float) -> str:
    return f"{correlation:.2f} ({low:.2f} to {high:.2f}, p = {p:.2f})".replace("-", "−")


def averaged(seeds: int, lanes: int, *, train: bool) -> str:
    from noise_runs import ORDERS, RECIPES, complete, records, train_all

    if train:
        train_all(seeds, lanes)
    if min(complete(order, seeds) for order in ORDERS) < 2:
        raise SystemExit("fewer than two seeds are recorded in both orders: leave out --table, or raise --seeds")
    read = {order: records(order, seeds) for order in ORDERS}
    runs = {order: known for order, (known, _) in read.items()}
    seconds = {order: each for order, (_, each) in read.items()}
    cost = ", ".join(f"{each['training']:.1f} s in the {order} order" for order, each in seconds.items())
    share = max(each["averaging"] / each["training"] for each in seconds.values())
    notes = f"{averaged_notes(runs, RECIPES)}\n- Processor time of a training, without its loader: {cost}."
    return f"{averaged_table(runs, share)}\n\n{notes}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("stored", "batched", "averaged"))
    parser.add_argument("--seeds", type=int, default=4, help="runs of each recipe and order of `averaged`")
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

"""What makes runs of one recipe differ on the demo scale, and what would make them differ less.

    python tests/benchmarks/bench_noise.py stored [--write]
    python tests/benchmarks/bench_noise.py batched

`stored` takes the runs of demo_methods.py (three seeds of 21 recipes) apart, without training anything: runs of one seed
start from the same weights whatever the recipe, so what they share is the initialisation's; and the bootstrap of stored
predictions says how much of the spread is that of the test examples. `batched` times the training steps of three seeds as
one model (torch.func.vmap) against three models in turn, in seconds of the processor. `--write` puts the table of
`stored` into assets/results.md.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

DRAWS = 40
STEPS = 3


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


def contrastive_loss(model: Callable[..., Any], image: Any, text: Any) -> Any:
    import torch

    one, other, logit_scale = model(image, text)[:3]
    logits, labels = logit_scale * one @ other.T, torch.arange(len(image))
    both = torch.nn.functional.cross_entropy(logits, labels), torch.nn.functional.cross_entropy(logits.T, labels)
    return (both[0] + both[1]) / 2


def batched(copies: int = 3) -> tuple[float, float]:
    """Seconds of the processor for a training step of `copies` models: in turn, and as one batched model."""
    import open_clip
    import torch

    from poolscope.bench.scales import SCALES
    from poolscope.bench.worker import skip_slow_attention
    from poolscope.models import register_configs

    register_configs()
    skip_slow_attention()
    torch.set_num_threads(1)
    scale = SCALES["demo"]
    models = [open_clip.create_model(scale.model, output_dict=False) for _ in range(copies)]
    images = torch.rand(copies, scale.batch, 3, 48, 48)
    texts = torch.randint(1, 40_000, (copies, scale.batch, 16))
    in_turn = [torch.optim.AdamW(model.parameters(), lr=1e-4) for model in models]
    weights, buffers = torch.func.stack_module_state(models)
    together = torch.optim.AdamW(list(weights.values()), lr=1e-4)

    def of_one(
        weights: dict[str, torch.Tensor], buffers: dict[str, torch.Tensor], *pairs: torch.Tensor
    ) -> torch.Tensor:
        def model(*given: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return torch.func.functional_call(models[0], (weights, buffers), given)

        return contrastive_loss(model, *pairs)

    def one_after_the_other() -> None:
        for model, optimizer, image, text in zip(models, in_turn, images, texts):
            with torch.autocast("cpu", torch.bfloat16):
                value = contrastive_loss(model, image, text)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()

    def at_once() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            value = torch.func.vmap(of_one)(weights, buffers, images, texts).sum()
        together.zero_grad()
        value.backward()
        together.step()

    best = [math.inf, math.inf]
    for _ in range(STEPS):
        for place, work in enumerate((one_after_the_other, at_once)):
            begun = time.process_time()
            work()
            best[place] = min(best[place], time.process_time() - begun)
    return best[0], best[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("stored", "batched"))
    parser.add_argument("--write", action="store_true", help="put the table of `stored` into assets/results.md")
    chosen = parser.parse_args()
    if chosen.what == "batched":
        one, other = batched()
        print(f"three models in turn {one:.2f} s a step, as one {other:.2f} s: {other / one:.2f} of the time")
        return
    text = table(parts())
    print(text)
    if chosen.write:
        from page import put

        put("bench_noise.py", text)


if __name__ == "__main__":
    main()

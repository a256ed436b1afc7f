"""What runs of one seed share, what test examples add, what averages of weights and a common order change: known answers."""

import io
import itertools
import math
import tarfile

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch.optim.swa_utils import AveragedModel

from poolscope.files import write_json
from tests.benchmarks.bench_noise import (
    correlation_by_seed,
    freedom_of,
    mean_gap,
    own_example_variance,
    ratio_of_spreads,
    within,
)
from tests.benchmarks.noise_runs import DECAYS, RECIPES, bias_corrected, in_order, record_path, records


def test_the_correlation_of_runs_of_one_seed_is_found():
    rng = np.random.default_rng(0)
    shared, own = rng.normal(0, 1, 200), rng.normal(0, 1, (20, 200))
    recipes = rng.normal(0, 5, (20, 1))
    correlation, low, high, p = correlation_by_seed(recipes + shared + own)
    assert correlation == pytest.approx(0.5, abs=0.06)
    assert low < correlation < high
    assert p < 1e-6
    nothing = correlation_by_seed(recipes + own)
    assert nothing[1] < 0 < nothing[2]


def test_what_examples_do_to_all_seeds_alike_is_no_spread_over_seeds():
    rng = np.random.default_rng(1)
    alike, alone = rng.normal(0, 3, 20_000), rng.normal(0, 2, (3, 20_000))
    assert own_example_variance(alike + alone) == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_spreads_their_ratio_and_the_gap_hold_what_their_intervals_say(alike):
    """Three recipes, eight seeds, runs of one seed independent or alike."""
    rng = np.random.default_rng(2)
    inside = np.zeros(3)
    for _ in range(300):
        both, one, other = (
            math.sqrt(alike) * rng.normal(0, 1, 8) + math.sqrt(1 - alike) * rng.normal(0, 1, (3, 8)) for _ in range(3)
        )
        others = rng.normal(0, 9, (3, 1)) + both + other / 2
        values = rng.normal(0, 9, (3, 1)) + (both + one / 2) / 2
        low, high = (chi2.ppf(q, freedom_of(others)) / freedom_of(others) for q in (0.025, 0.975))
        _, least, most = ratio_of_spreads(values, others)
        gap, half = mean_gap(others + 0.3 + one, others)
        inside += low < within(others) / 1.25 < high, least < 0.5 < most, abs(gap - 0.3) < half
    assert inside / 300 == pytest.approx(np.full(3, 0.95), abs=0.04)


def shard(path, keys):
    with tarfile.open(path, "w") as tar:
        for key in keys:
            member = tarfile.TarInfo(f"{key}.txt")
            member.size = len(key)
            tar.addfile(member, io.BytesIO(key.encode()))
    return str(path)


def test_pairs_that_two_recipes_keep_come_in_the_same_order_with_the_same_random_numbers(tmp_path):
    few = [shard(tmp_path / "few.tar", [f"{n:032x}-0" for n in range(0, 60, 3)])]
    many = [shard(tmp_path / f"{part}.tar", [f"{n:032x}-0" for n in range(part, 60, 2)]) for part in (0, 1)]

    def passes(shards, seed, pairs):
        read = [
            (sample["__key__"], torch.rand(1).item()) for sample in itertools.islice(in_order(shards, seed), 2 * pairs)
        ]
        return read[:pairs], read[pairs:]

    first, second = passes(many, 0, 60)
    kept = {key for key, _ in passes(few, 0, 20)[0]}
    assert passes(few, 0, 20) == ([one for one in first if one[0] in kept], [one for one in second if one[0] in kept])
    orders = [[key for key, _ in each] for each in (first, second, passes(many, 1, 60)[0])]
    assert all(sorted(order) == sorted(orders[0]) and len(set(order)) == 60 for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_an_average_of_weights_is_the_weighted_mean_of_all_steps():
    model = torch.nn.Linear(1, 1, bias=False)
    average = AveragedModel(model, multi_avg_fn=bias_corrected(0.9))
    steps = [3.0, -1.0, 4.0, 1.0, -5.0]
    for value in steps:
        torch.nn.init.constant_(model.weight, value)
        average.update_parameters(model)
    shares = 0.9 ** np.arange(len(steps))[::-1]
    assert average.module.weight.item() == pytest.approx(np.average(steps, weights=shares), abs=1e-6)
    assert model.weight.item() == steps[-1]


def test_records_count_up_to_the_first_seed_that_lacks_a_recipe(monkeypatch, tmp_path):
    monkeypatch.setenv("POOLSCOPE_HOME", str(tmp_path))
    for (number, name), seed in itertools.product(enumerate(RECIPES), (0, 1, 2, 3)):
        if (number, seed) != (1, 2):
            averages = dict.fromkeys(("last", *map(str, DECAYS)), 10.0 * number + seed)
            seconds = {"training": 50.0 + seed, "averaging": 0.5}
            write_json(record_path(name, "common", seed), {"averages": averages, "seconds": seconds})
    values, seconds = records("common", 4)
    assert values["last"].tolist() == [[0, 1], [10, 11], [20, 21]]
    assert seconds == {"training": 50.5, "averaging": 0.5}

"""What a method would cost: measured on a sample, extrapolated by its own work, and no column made."""

from dataclasses import dataclass

import pytest

from poolscope import devices
from poolscope.engine import cost as module
from poolscope.engine.cost import Estimate, duration, estimate, known, on_cards
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import METHODS, build
from poolscope.scores.base import Method, param


@dataclass(frozen=True, kw_only=True)
class Squares(Method):
    """Its work grows with the square of the pool, or with the pool."""

    id = "squares"
    title = "Squares"
    squared: bool = param(False, "grows with the square")

    def work(self, pairs):
        return float(pairs * pairs if self.squared else pairs)


@pytest.fixture(autouse=True)
def small_samples(monkeypatch):
    monkeypatch.setattr(module, "FIRST", 5)
    monkeypatch.setattr(module, "SIZES", (20, 60))


@pytest.mark.parametrize("squared", [False, True])
def test_a_sample_is_extrapolated_by_the_work(tiny_pool: Pool, monkeypatch, squared: bool) -> None:
    def clock(pool, method):
        return (2.0 if len(pool) == 5 else 0.25) + 1e-3 * method.work(len(pool))

    monkeypatch.setattr(module, "_timed", clock)
    monkeypatch.setattr(module, "ENOUGH", 10.0)
    made = estimate(tiny_pool, Squares(squared=squared))
    work = 200**2 if squared else 200
    warm = clock(range(5), Squares(squared=squared)) - clock(range(20), Squares(squared=squared))
    assert (made.sample, made.pairs, made.disk, made.temporary) == (60, 200, 4 * 200, 0)
    assert made.start == pytest.approx(max(0, warm) + 0.25)
    assert made.seconds == pytest.approx(made.start + 1e-3 * work)
    assert made.per_pair == pytest.approx(1e-3 * work / 200)


def test_nothing_is_added_to_the_pool_and_the_result_is_kept(tiny_pool: Pool) -> None:
    method = build("clip_score", model="l14")
    assert known(tiny_pool, method) is None
    made = estimate(tiny_pool, method)
    pool = tiny_pool.reload()
    assert (pool.version, pool.columns.keys()) == (tiny_pool.version, tiny_pool.columns.keys())
    assert known(pool, method) == made
    assert known(pool, build("clip_score", model="b32")) is None
    assert isinstance(made, Estimate)


def test_what_the_pool_lacks_is_said_at_once(tiny_pool: Pool) -> None:
    with pytest.raises(InputError, match="no column 'b32_img'"):
        estimate(tiny_pool, build("clip_score", model="b32"))


def test_work_of_methods_that_grow_faster_than_the_pool() -> None:
    loss = build("cliploss", batch_size=1000, partitions=10)
    assert loss.work(500) == 500**2  # one batch: every partition is the same
    assert loss.work(20_000) == 20_000 * 1000 * 10
    assert build("dedup").work(40_000) == 4 * build("dedup").work(20_000)
    assert build("dedup").work(4 * 10**9) == pytest.approx(8 * build("dedup").work(10**9), rel=0.05)  # n root n
    clusters = build("image_based", clusters=1000, iterations=10)
    assert clusters.trial(1600, 10_000).clusters == 100
    assert clusters.work(10) == 1000 * 10 * 11
    assert build("dfn", clean="x.yaml").trial(1, 2).network == "poolscope-mini"
    assert build("dfn", network="demo").training(None) == 0
    for id in METHODS:
        assert METHODS[id]().work(10) > 0


def test_durations() -> None:
    assert [duration(s) for s in (0.42, 75, 8000, 200_000)] == ["0.4 s", "1.2 min", "2.2 h", "2.3 days"]


def test_k_means_is_counted_and_does_not_spread() -> None:
    method = build("image_based")
    trained = 20 * 10_000_000
    assert method.work(128_000_000) == 100_000 * (128e6 + trained)
    assert method.once(128_000_000) == pytest.approx(trained / (trained + 128e6))
    one, eight = (on_cards(method, 128_000_000, 768, counts=[count]) for count in (1, 8))
    assert one["A100"] == pytest.approx(2 * 768 * 1e5 * (128e6 + trained) / (0.6 * 19.5e12))
    assert 1 < one["A100"] / eight["8 x A100"] < 2
    assert method.trial(4096, 128_000_000).clusters == 256, "enough that products are what is measured"
    given = build("image_based", centroids="c.npy")
    assert given.once(128_000_000) == 0


def test_operations_are_those_of_the_equations() -> None:
    assert build("cliploss").flop(32768, 768) == pytest.approx(2 * 768 * 32768**2)
    assert build("cliploss").flop(128_000_000, 768) == pytest.approx(503e6 * 128e6, rel=0.01)
    assert build("normsim").flop(1000, 768, 1_281_167) == 2 * 768 * 1000 * 1_281_167
    assert build("normsim", p="2").flop(1000, 768) == 2 * 768 * 768 * 1000
    assert build("vas").flop(1000, 768) == 2 * 768 * 768 * 1000
    assert build("dfn", network="ViT-B-32/openai").flop(1000, 0) == pytest.approx(14.8e12, rel=0.02)
    assert build("basic").flop(1000, 768) == 0


def test_units_are_shared_by_the_devices_and_the_estimate_says_so(tiny_pool: Pool, monkeypatch) -> None:
    """Four fake GPUs: only one runs the sample, and cliploss spreads its superblocks over all."""
    monkeypatch.setattr(devices, "choose", lambda device="auto": "cpu" if device == "cpu" else "cuda")
    monkeypatch.setattr(devices, "cuda_devices", lambda: 4)
    monkeypatch.setattr(module, "card", lambda: "H100")
    monkeypatch.setattr(module, "_timed", lambda pool, method: 1e-3 * len(pool))
    monkeypatch.setattr(module, "ENOUGH", 10.0)
    one, four = (estimate(tiny_pool, build("cliploss", device="cuda"), gpus=gpus) for gpus in (1, 4))
    assert (one.devices, four.devices) == (1, 4)
    assert four.seconds - four.start == pytest.approx((one.seconds - one.start) / 4)
    assert "(H100, units spread over 4 of them)" in four.basis
    assert {"A100", "8 x H100"} <= set(four.elsewhere)
    assert "40 % of the data sheets' half precision" in four.elsewhere_basis

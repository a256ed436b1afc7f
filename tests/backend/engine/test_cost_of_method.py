"""What a method would cost: measured on a sample, extrapolated by its own work, and no column made."""

from dataclasses import dataclass

import pytest

from poolscope.engine import cost as module
from poolscope.engine.cost import Estimate, duration, estimate, known
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
    assert build("dedup").work(2_000_000) == 2 * build("dedup").work(1_000_000)
    clusters = build("image_based", clusters=1000, iterations=10)
    assert clusters.trial(100, 10_000).clusters == 10
    assert clusters.work(10) == 1000 * 10 * 11
    assert build("dfn", clean="x.yaml").trial(1, 2).network == "poolscope-mini"
    assert build("dfn", network="demo").training(None) == 0
    for id in METHODS:
        assert METHODS[id]().work(10) > 0


def test_durations() -> None:
    assert [duration(s) for s in (0.42, 75, 8000, 200_000)] == ["0.4 s", "1.2 min", "2.2 h", "2.3 days"]

"""Provenance is content: a pool that grew, a file or a column that was replaced is noticed; a move is not a change."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from poolscope.engine import embed, ensure, run
from poolscope.engine import run as run_method
from poolscope.engine.made_by import stale
from poolscope.engine.run import Task
from poolscope.errors import InputError
from poolscope.models import Model, save_weights
from poolscope.pool import Pool
from poolscope.recipe import load
from poolscope.scores import METHODS, build
from poolscope.targets import add_target

SMALL = {
    "cliploss": {"batch_size": 20, "partitions": 2},
    "normsim": {"target": "near"},
    "vas": {"target": "near"},
    "vas_d": {"steps": 7},
    "normsim_d": {"steps": 7, "quality": "clip_b32"},
    "image_based": {"target": "near", "clusters": 6, "captions": False},
    "laion2b": {"detector": "fasttext"},
    "rank_sum": {"scores": "clip_l14,clip_b32"},
    "within": {"score_column": "clip_b32", "quality": "clip_l14", "top": 0.3},
    "dedup": {"embedding": "l14_img", "threshold": 0.4},
    "hype": {"samples": 64, "batch": 32, "references": 40, "cosine": "clip_b32"},
}


@dataclass
class Said:
    """Progress that remembers its messages."""

    messages: list[str] = field(default_factory=list)

    def __call__(self, done: int, total: int, message: str = "", **figures: float) -> None:
        self.messages.append(message)

    @property
    def up_to_date(self) -> bool:
        return any("is up to date" in message for message in self.messages)


def pool_of(source: Pool, path: Path, pieces: list[range]) -> Pool:
    """The pairs of `source` in fragments of their own, with a target set."""
    table = source.take(range(len(source)), ["uid_hi", "uid_lo", *other_columns(source)])
    made = Pool.create(path, table.schema, {"source": "pieces", "root": str(source.root)})
    for piece in pieces:
        made.append(table.take(pa.array(piece)).to_batches())
    vectors = np.random.default_rng(5).normal(size=(30, 16)).astype(np.float32)
    np.save(path.parent / f"{path.name}-near.npy", vectors)
    add_target(made, "near", path.parent / f"{path.name}-near.npy", model="l14")
    return made.reload()


def other_columns(source: Pool) -> list[str]:
    return [name for name in source.schema.names if name not in ("uid_hi", "uid_lo")]


def more(pool: Pool, source: Pool, rows: range) -> Pool:
    pool.append(source.take(rows, ["uid_hi", "uid_lo", *other_columns(source)]).to_batches())
    return pool.reload()


@pytest.fixture
def network(tmp_path: Path) -> str:
    import torch

    torch.manual_seed(0)
    save_weights(
        Model("poolscope-demo").load("cpu").network, tmp_path / "n.safetensors", model="poolscope-demo", about={}
    )
    return str(tmp_path / "n.safetensors")


def same(made: Pool, fresh: Pool, columns: list[str]) -> None:
    for name in columns:
        here, there = made.take(range(len(made)), [name])[name], fresh.take(range(len(fresh)), [name])[name]
        if pa.types.is_floating(here.type):
            np.testing.assert_allclose(here.to_numpy(), there.to_numpy(), atol=2e-6, err_msg=name)
        else:
            assert here.to_pylist() == there.to_pylist(), name


@pytest.mark.parametrize("id", METHODS.shipped)
def test_a_pool_that_grew_is_scored_as_if_it_had_been_whole(
    id: str, tiny_pool: Pool, tmp_path: Path, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every method: pairs added after the score, and between two units of a score that was interrupted."""
    method = build(id, **(SMALL.get(id, {}) | ({"network": network} if id == "dfn" else {})))
    fresh = pool_of(tiny_pool, tmp_path / "fresh", [range(200)])
    before = set(fresh.columns)
    fresh = run(fresh, method)
    made = sorted(set(fresh.columns) - before)

    after = run(pool_of(tiny_pool, tmp_path / "after", [range(90), range(90, 150)]), method)
    after = more(after, tiny_pool, range(150, 200))
    assert "150 of 200 pairs" in stale(after, id)
    same(run(after, method), fresh, made)

    between = pool_of(tiny_pool, tmp_path / "between", [range(90), range(90, 150)])
    compute, done = Task.compute, []

    def once(self: Task, unit: Any, *rest: Any) -> None:
        if done:
            raise KeyboardInterrupt
        compute(self, unit, *rest)
        done.append(unit)

    with monkeypatch.context() as patched:
        patched.setattr(Task, "compute", once)
        try:
            run(between, method)
        except KeyboardInterrupt:
            assert id not in between.reload().columns
    said = Said()
    between = run(more(between, tiny_pool, range(150, 200)), method, progress=said)
    assert not said.up_to_date
    same(between, fresh, made)
    assert between.columns[id].made_by["rows"] == 200
    assert stale(between, id) == ""
    work = between.path / "work"
    assert not [path for path in work.glob("*") if path.name not in ("phash",)], "no records of the smaller pool stay"


def test_pairs_added_while_units_are_computed_are_scored_too(
    tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id in ("rank_sum", "metaclip", "within", "vas_d", "random"):
        fresh = run(pool_of(tiny_pool, tmp_path / f"{id}-whole", [range(200)]), build(id, **SMALL.get(id, {})))
        pool = pool_of(tiny_pool, tmp_path / id, [range(90), range(90, 150)])
        compute, grown = Task.compute, []

        def growing(
            self: Task, unit: Any, *rest: Any, pool: Pool = pool, compute: Any = compute, grown: list[bool] = grown
        ) -> None:
            if not grown:
                grown.append(True)
                more(pool, tiny_pool, range(150, 200))
            compute(self, unit, *rest)

        with monkeypatch.context() as patched:
            patched.setattr(Task, "compute", growing)
            same(run(pool, build(id, **SMALL.get(id, {}))), fresh, [id])


def test_a_statistic_of_another_pool_is_computed_anew_and_other_units_are_kept(
    tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    compute = Task.compute

    def counted(self: Task, unit: Any, *rest: Any) -> None:
        compute(self, unit, *rest)
        computed.append(f"{unit.start}")
        if len(computed) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Task, "compute", counted)
    for id, expected in (("clip_score", ["0", "90", "150"]), ("metaclip", ["0", "0", "90", "150"])):
        computed.clear()
        pool = pool_of(tiny_pool, tmp_path / id, [range(90), range(90, 150)])
        with pytest.raises(KeyboardInterrupt):
            run(pool, build(id))
        run(more(pool, tiny_pool, range(150, 200)), build(id))
        assert computed == expected, id

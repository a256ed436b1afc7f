"""Ray gives the same bytes as local workers, and a worker that is killed costs one unit."""

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from poolscope import models
from poolscope.engine import embed, run
from poolscope.engine.run import _Everywhere
from poolscope.errors import InputError
from poolscope.export import export_shards
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.scores import build
from poolscope.scores.base import fragments
from poolscope.scores.kernels import dealing, groups, laid_out
from poolscope.sources import import_datacomp, index_shards
from poolscope.workers.dispatch import finished
from tests.backend.bench.conftest import TINY
from tests.backend.sources.test_datacomp import write_pair
from tests.backend.sources.test_tars import shard_of

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory):
    """One local cluster for all tests here: starting it takes seconds. Its workers know a tiny model."""
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    (home / "models" / "tiny.json").write_text(json.dumps(TINY))
    ray.init(
        "local", num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False,
        runtime_env={"env_vars": {"POOLSCOPE_HOME": str(home)}},
    )  # fmt: skip
    yield home
    ray.shutdown()


def rows(pool: Pool) -> dict:
    names = [name for name in pool.columns if name not in ("uid_hi", "uid_lo")]
    return pool.take(range(len(pool)), ["uid", *names]).to_pydict()


def test_every_step_gives_the_same_bytes(tmp_path):
    for number in range(3):
        write_pair(tmp_path / "m", number)
    outcomes = []
    for engine in ("local", "ray"):
        path = tmp_path / engine / "pool"
        report = import_datacomp(tmp_path / "m", path, engine=engine, workers=2)
        assert report.added == 180
        pool = Pool.open(path)
        if not (tmp_path / "shards").exists():
            shard_of(pool, range(90), tmp_path / "shards" / "0.tar")
            shard_of(pool, range(90, 150), tmp_path / "shards" / "1.tar")
        index_shards(pool, tmp_path / "shards", engine=engine, workers=2)
        pool = run(pool.reload(), build("clip_score", model="l14"), column="mine", engine=engine, workers=2)
        recipe = load({"name": "x", "keep": [{"score": "mine", "top": 0.5}]})
        export_shards(pool, select(recipe, pool), path.parent / "out", shard_size=20, engine=engine, workers=2)
        tars = {tar.name: tar.read_bytes() for tar in (path.parent / "out").glob("*.tar")}
        outcomes.append((rows(pool), tars, (pool.path / "order.npy").read_bytes()))
    (local_rows, local_tars, local_order), (ray_rows, ray_tars, ray_order) = outcomes
    assert local_rows.keys() == ray_rows.keys()
    for name, values in local_rows.items():
        assert repr(values) == repr(ray_rows[name]), name
    assert (local_tars, local_order) == (ray_tars, ray_order)
    assert len(local_tars) > 2


WHOLE = {
    "metaclip": {},
    "metaclip of the pool's words": {"metadata": "corpus", "min_count": 2, "min_pmi": 0.0},
    "cliploss dealt on disk": {"batch_size": 10, "partitions": 2},
    "dedup dealt on disk": {"threshold": 0.5, "cells": 3},
    "vas_d laid out on disk": {"quality": "", "final": 0.3, "steps": 3},
}


@pytest.mark.parametrize("case", WHOLE)
def test_methods_that_look_at_the_whole_pool_give_the_same_column(case, tiny_pool, monkeypatch):
    columns = []
    for engine in ("local", "ray"):
        if engine == "ray" and "on disk" in case:
            monkeypatch.setattr(dealing, "IN_MEMORY", 0)
            monkeypatch.setattr(groups, "BLOCK", 100)
            monkeypatch.setattr(laid_out, "BLOCK", 60)
        made = build(case.split()[0], **WHOLE[case])
        tiny_pool = run(tiny_pool, made, column=f"by_{engine}", engine=engine, workers=2)
        columns.append(tiny_pool.array(f"by_{engine}"))
    assert columns[0].tobytes() == columns[1].tobytes()
    assert len(set(columns[0].tolist())) > 1


def _where(pool, unit):
    return len(unit), os.getpid()


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_statistics_of_the_pool_are_computed_by_the_workers(engine, tiny_pool):
    seen = []
    everywhere = _Everywhere(engine, 2, None, ())
    for unit, (count, process) in everywhere(tiny_pool, fragments(tiny_pool), _where):
        assert count == len(unit)
        seen.append(process)
    assert len(seen) == len(tiny_pool.fragments)
    assert (os.getpid() in seen) == (engine == "local" and len(seen) == 1)


def test_embedding_gives_the_same_vectors(tiny_pool, cluster, monkeypatch):
    import open_clip
    import torch

    monkeypatch.setenv("POOLSCOPE_HOME", str(cluster))
    models.register_configs()
    torch.manual_seed(0)
    models.save_weights(open_clip.create_model("tiny"), cluster / "tiny.safetensors", model="tiny", about={})
    monkeypatch.setattr("poolscope.engine.embedding.UNIT_ROWS", 64)
    for engine in ("local", "ray"):
        tiny_pool = embed(
            tiny_pool, f"tiny/{cluster}/tiny.safetensors", name=engine, device="cpu", engine=engine, workers=2
        )
    rows = np.arange(200)
    for side in ("img", "txt"):
        local, remote = (tiny_pool.embeddings(f"{engine}_{side}", rows) for engine in ("local", "ray"))
        assert np.array_equal(local, remote)


@dataclass(frozen=True)
class Fragile:
    """A task whose worker is killed the first time that it computes unit 3."""

    directory: Path

    def compute(self, unit: int) -> None:
        attempts = self.directory / f"{unit}.attempts"
        attempts.write_bytes((attempts.read_bytes() if attempts.exists() else b"") + b"x")
        if unit == 3 and attempts.stat().st_size == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        np.save(self.directory / f"{unit}.npy", np.full(3, unit))


def test_a_killed_worker_costs_one_unit(tmp_path):
    assert sorted(finished(Fragile(tmp_path), range(8), engine="ray", workers=2)) == list(range(8))
    assert [np.load(tmp_path / f"{unit}.npy")[0] for unit in range(8)] == list(range(8))
    assert (tmp_path / "3.attempts").stat().st_size == 2
    assert sum((tmp_path / f"{unit}.attempts").stat().st_size for unit in range(8)) <= 10


@dataclass(frozen=True)
class Wrong:
    def compute(self, unit: int) -> None:
        raise InputError("unit 1: the value, what is allowed, the next step")


def test_an_error_arrives_as_itself():
    with pytest.raises(InputError, match="the value, what is allowed"):
        list(finished(Wrong(), [1], engine="ray"))

"""Ray gives the same bytes as local workers."""

import json
import os

import numpy as np
import pytest

from poolscope import models
from poolscope.engine import embed, run
from poolscope.engine.run import Everywhere
from poolscope.export import export_shards
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.scores import build
from poolscope.scores.base import fragments
from poolscope.scores.kernels import dealing, groups, laid_out
from poolscope.sources import import_datacomp, index_shards
from tests.backend.sources.test_datacomp import write_pair
from tests.backend.sources.test_tars import shard_of
from tests.conftest import TINY

pytest.importorskip("ray")


pytestmark = pytest.mark.usefixtures("cluster")


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
    everywhere = Everywhere(engine, 2, None, ())
    for unit, (count, process) in everywhere(tiny_pool, fragments(tiny_pool), _where):
        assert count == len(unit)
        seen.append(process)
    assert len(seen) == len(tiny_pool.fragments)
    assert (os.getpid() in seen) == (engine == "local" and len(seen) == 1)


def test_embedding_gives_the_same_vectors(tiny_pool, home, monkeypatch):
    """In one unit, for each worker that embeds loads torch."""
    import open_clip
    import torch

    (home / "models").mkdir()
    (home / "models" / "tiny.json").write_text(json.dumps(TINY))
    models.register_configs()
    torch.manual_seed(0)
    models.save_weights(open_clip.create_model("tiny"), home / "tiny.safetensors", model="tiny", about={})
    for engine in ("local", "ray"):
        tiny_pool = embed(tiny_pool, f"tiny/{home}/tiny.safetensors", name=engine, device="cpu", engine=engine)
    rows = np.arange(200)
    for side in ("img", "txt"):
        local, remote = (tiny_pool.embeddings(f"{engine}_{side}", rows) for engine in ("local", "ray"))
        assert np.array_equal(local, remote)

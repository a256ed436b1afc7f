"""What is drawn several times leaves the pool several times, in every form of export."""

import json
import tarfile
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

import poolscope as ps
from poolscope.export import export_dataset, export_shards, export_subset, export_table, plan_in_place
from poolscope.export.in_place import read_shard
from poolscope.recipe import load, select

RULES = [{"sample": "clip_l14", "pairs": 90, "penalty": 0.3, "temperature": 0.05}, {"where": "width >= 100"}]
RECIPE = load({"name": "drawn", "keep": RULES})


@pytest.fixture
def drawn(tiny_pool):
    """A selection of which some pairs are drawn several times, and how often each, by uid."""
    selection = select(RECIPE, tiny_pool)
    uids = tiny_pool.take(np.arange(200), ["uid"])["uid"].to_pylist()
    often = {uid: count for uid, count in zip(uids, selection.copies.tolist()) if count}
    assert max(often.values()) > 1
    assert sum(often.values()) == selection.drawn
    return selection, often


def test_lists_and_shards_repeat_the_pair(tiny_pool, drawn, tmp_path):
    selection, often = drawn
    export_subset(tiny_pool, selection, tmp_path / "kept.npy", recipe=RECIPE)
    uids = np.load(tmp_path / "kept.npy")
    assert (uids == np.sort(uids)).all()
    hexed = [f"{int(one['f0']):016x}{int(one['f1']):016x}" for one in uids]
    assert Counter(hexed) == often
    again = select(load({"keep": [{"subset": str(tmp_path / "kept.npy")}]}), tiny_pool)
    assert (again.copies == selection.copies).all(), "the file says the same as the rule"
    export_subset(tiny_pool, selection, tmp_path / "kept.txt", recipe=RECIPE)
    assert len((tmp_path / "kept.txt").read_text().split()) == selection.drawn
    made = export_shards(tiny_pool, selection, tmp_path / "shards", recipe=RECIPE, shard_size=25)
    assert plan_in_place(tiny_pool, selection, tmp_path / "plan", shard_size=25) == made.shards
    written, read = Counter(), Counter()
    for number in range(made.shards):
        with tarfile.open(tmp_path / "shards" / f"{number:08d}.tar") as tar:
            written.update(name.split("-")[0] for name in tar.getnames() if name.endswith(".txt"))
        read.update(uid for uid, _, _ in read_shard(tmp_path / "plan", number))
    assert written == read == often
    assert json.loads((tmp_path / "shards" / "meta.json").read_text())["counts"]["drawn"] == selection.drawn


def test_tables_and_datasets_say_how_often(tiny_pool, drawn, tmp_path):
    selection, often = drawn
    export_table(tiny_pool, selection, tmp_path / "kept.parquet", columns=["uid", "text"], recipe=RECIPE)
    table = pq.read_table(tmp_path / "kept.parquet")
    assert table.column_names == ["uid", "text", "copies"]
    assert dict(zip(table["uid"].to_pylist(), table["copies"].to_pylist())) == often
    export_dataset(tiny_pool, selection, tmp_path / "set", columns=["uid"], recipe=RECIPE)
    lines = [json.loads(line) for line in (tmp_path / "set" / "metadata.jsonl").read_text().splitlines()]
    assert {line["uid"]: line["copies"] for line in lines} == often
    plain = select(load({"keep": [{"flag": "sharp"}]}), tiny_pool)
    export_table(tiny_pool, plain, tmp_path / "plain.jsonl", columns=["uid"])
    assert json.loads((tmp_path / "plain.jsonl").read_text().splitlines()[0]).keys() == {"uid"}


def test_a_notebook_sees_the_draws(tiny_pool, drawn):
    selection, often = drawn
    found = ps.open(str(tiny_pool.path)).select(RULES)
    assert (len(found), found.drawn) == (selection.kept, selection.drawn)
    assert len(found.to_torch()) == selection.drawn
    kept, _ = found.histogram("clip_l14").data
    scored = np.isfinite(tiny_pool.array("clip_l14"))
    assert sum(kept.y) == selection.copies[scored].sum()

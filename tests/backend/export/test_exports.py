"""Exports: DataComp's bytes, the chosen columns, shards that hold what was kept."""

import io
import json
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest

from poolscope.errors import InputError
from poolscope.export import export_shards, export_subset, export_table
from poolscope.recipe import load, select


@pytest.fixture
def recipe():
    return load({"name": "half", "keep": [{"score": "clip_b32", "top": 0.5}]})


def test_subset_is_what_numpy_writes_for_sorted_uids(tiny_pool, recipe, tmp_path):
    selection = select(recipe, tiny_pool)
    out = export_subset(tiny_pool, selection, tmp_path / "kept.npy", recipe=recipe)
    expected = io.BytesIO()
    uids = tiny_pool.uids()[selection.mask]
    uids.sort()
    np.save(expected, uids)
    assert out.read_bytes() == expected.getvalue()
    beside = json.loads((tmp_path / "kept.npy.recipe.json").read_text())
    assert beside["recipe"] == recipe.as_dict()
    assert beside["counts"]["kept"] == 100
    assert beside["pool_version"] == tiny_pool.version
    assert "lancedb" in beside["versions"]


def test_table_holds_the_kept_pairs_in_row_order(tiny_pool, recipe, tmp_path):
    selection = select(recipe, tiny_pool)
    out = export_table(
        tiny_pool, selection, tmp_path / "kept.parquet", columns=["clip_b32", "uid", "text", "l14_img"], recipe=recipe
    )
    table = pq.read_table(out)
    assert table.column_names == ["clip_b32", "uid", "text", "l14_img"]
    assert table["uid"].to_pylist() == tiny_pool.take(np.flatnonzero(selection.mask), ["uid"])["uid"].to_pylist()
    with pytest.raises(InputError, match="no column 'nope'"):
        export_table(tiny_pool, selection, tmp_path / "x.parquet", columns=["nope"])
    assert not (tmp_path / "x.parquet").exists()


def test_shards_are_even_complete_and_resumed(tiny_pool, recipe, tmp_path):
    selection = select(recipe, tiny_pool)
    shards = export_shards(tiny_pool, selection, tmp_path / "out", recipe=recipe, shard_size=30)
    assert (shards.shards, shards.written, shards.missing) == (4, 100, 0)
    keys, sizes = [], []
    for path in sorted((tmp_path / "out").glob("*.tar")):
        with tarfile.open(path) as tar:
            names = tar.getnames()
            about = json.load(tar.extractfile(next(name for name in names if name.endswith(".json"))))
            assert names[0].startswith(about["uid"])
        keys += [name.split(".")[0] for name in names[::3]]
        sizes.append(len(names) // 3)
    assert sizes == [25, 25, 25, 25]
    assert keys == [f"{uid}-0" for uid in tiny_pool.take(np.flatnonzero(selection.mask), ["uid"])["uid"].to_pylist()]
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.tar")}
    for gone in ("00000002.tar", "00000002_stats.json", "meta.json"):
        (tmp_path / "out" / gone).unlink()
    export_shards(tiny_pool, selection, tmp_path / "out", recipe=recipe, shard_size=30)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.tar")} == before


def test_wrong_places_and_empty_selections_are_refused(tiny_pool, recipe, tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="not empty"):
        export_shards(tiny_pool, select(recipe, tiny_pool), tmp_path)
    nothing = select(load({"keep": [{"score": "clip_b32", "min": 9}]}), tiny_pool)
    with pytest.raises(InputError, match="keeps 0 pairs"):
        export_shards(tiny_pool, nothing, tmp_path / "out")
    assert len(np.load(export_subset(tiny_pool, nothing, tmp_path / "none.npy"))) == 0

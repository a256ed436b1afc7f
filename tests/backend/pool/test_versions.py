"""Versions: an outcome is repeated on the version it was made on; cleaning frees what it says and moves no row."""

import json
import multiprocessing

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from poolscope.errors import InputError
from poolscope.pool import Pool, commit
from poolscope.recipe import load, select
from tests.backend.pool.test_store import some


@pytest.fixture
def pool(tmp_path) -> Pool:
    made = Pool.create(tmp_path / "pool", pa.schema([("text", pa.utf8())]), {"kind": "test"})
    made.append([some(300)])
    return made


def test_three_lines_of_plain_lancedb_give_the_same_rows(pool):
    pool.add_columns({"width": np.arange(300, dtype=np.float32)}, kind="score", made_by={})
    pairs = lancedb.connect(pool.uri).open_table("pairs")
    rows = pairs.search().where("width >= 200 AND text LIKE '%7'").limit(1000).to_pandas()
    expected = np.flatnonzero(pool.where("width >= 200 AND text LIKE '%7'"))
    assert rows["text"].tolist() == pool.take(expected, ["text"])["text"].to_pylist()
    assert len(rows) == 10


def test_a_selection_is_repeated_on_its_version(pool):
    recipe = load({"name": "x", "keep": [{"score": "s", "top": 0.25}]})
    pool.add_columns({"s": np.arange(300, dtype=np.float32)}, kind="score", made_by={})
    first, version = select(recipe, pool).mask, pool.version
    pool.append([some(100, 300)])
    pool.add_columns({"s": -np.arange(400, dtype=np.float32)}, kind="score", made_by={}, replace=True)
    newest = Pool.open(pool.path)
    assert select(recipe, newest).kept == 100
    order = np.array(newest.uid_order())
    then = Pool.open(pool.path, version=version)
    assert (len(then), then.version) == (300, version)
    assert (select(recipe, then).mask == first).all()
    uids = then.uids()
    assert (then.rows_of(uids) == np.arange(300)).all()
    assert (uids[then.uid_order()] == np.sort(uids)).all()
    assert (Pool.open(pool.path).uid_order() == order).all(), "an older version leaves the order files alone"
    assert [one.pairs for one in newest.versions()][-1] == 400


def test_an_older_version_only_reads(pool):
    pool.append([some(1, 300)])
    then = Pool.open(pool.path, version=pool.version - 1)
    for change in (
        lambda: then.append([some(1, 301)]),
        lambda: then.add_columns({"s": np.zeros(300, np.float32)}, kind="score", made_by={}),
        lambda: then.drop_column("text"),
        lambda: then.index("text"),
        then.clean,
    ):
        with pytest.raises(InputError, match="may only be read; open the newest"):
            change()
    with pytest.raises(InputError, match=r"has no version 99; it has 1 to \d+"):
        Pool.open(pool.path, version=99)


def test_cleaning_frees_what_it_says_and_keeps_all_rows(pool):
    pool.add_columns({"s": np.arange(300, dtype=np.float32)}, kind="score", made_by={"m": 1})
    for start in range(300, 340, 10):
        pool.append([some(10, start)])
    pool.add_columns({"s": np.arange(340, dtype=np.float32)}, kind="score", made_by={"m": 2}, replace=True)
    before, uids, told = pool.version, pool.uids(), pool.prunable()
    assert told.versions == before - 1
    freed = pool.clean()
    assert freed == told
    again = Pool.open(pool.path)
    assert (again.uids() == uids).all()
    assert again.array("s").tolist() == list(range(340))
    assert again.columns["s"].made_by == {"m": 2}
    assert again.strings("text").to_pylist() == [f"caption {number}" for number in range(340)]
    assert [(part.start, part.stop) for part in again.fragments] == [(0, 340)]
    assert len(again.versions()) == 1
    assert again.origin == {"kind": "test"}
    with pytest.raises(InputError, match="has no version"):
        Pool.open(pool.path, version=before)
    again.append([some(5, 340)])
    assert len(Pool.open(pool.path)) == 345


def test_compaction_that_would_move_rows_is_left_out(pool, monkeypatch):
    """Lance puts merged fragments last: 300 full rows after 30 small ones must not come before them."""
    for count, start in ((10, 300), (10, 310), (300, 320)):
        pool.append([some(count, start)])
    uids = pool.uids()
    monkeypatch.setattr(commit, "FULL", 250)
    version = pool.version
    assert not commit.compact(pool.path)
    assert Pool.open(pool.path).version == version
    monkeypatch.setattr(commit, "FULL", 1_048_576)
    monkeypatch.setattr(commit, "_same_order", lambda url, before, after: False)  # as if it had moved some
    assert commit.compact(pool.path)
    again = Pool.open(pool.path)
    assert (again.uids() == uids).all()
    assert len(again.fragments) == 4, "the fragments of before are restored"


def _read(path, version, done):
    pool = Pool.open(path, version=version)
    done.put(pool.array("s").sum())


def test_a_worker_reads_the_version_it_is_given(pool):
    pool.add_columns({"s": np.ones(300, np.float32)}, kind="score", made_by={})
    version = pool.version
    pool.add_columns({"s": np.zeros(300, np.float32)}, kind="score", made_by={}, replace=True)
    context = multiprocessing.get_context("spawn")
    done = context.Queue()
    worker = context.Process(target=_read, args=(pool.path, version, done))
    worker.start()
    assert done.get(timeout=60) == 300
    worker.join()


def test_embeddings_with_nan_are_taken_and_read_as_nan(tmp_path):
    schema = pa.schema([("m_img", pa.list_(pa.float16(), 4))])
    pool = Pool.create(tmp_path / "pool", schema, {})
    rows = np.arange(40, dtype=np.float16).reshape(10, 4)
    rows[3, 1] = np.nan
    batch = some(10).remove_column(2).append_column(
        "m_img", pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), 4)
    )  # fmt: skip
    pool.append([batch])
    got = pool.embeddings("m_img", range(10))
    assert np.isnan(got[3]).all()
    assert (np.delete(got, 3, 0) == np.delete(rows, 3, 0)).all()


def test_the_table_says_whose_it_is(pool):
    about = json.loads(pool.table.schema.metadata[b"poolscope"])
    assert about["origin"] == {"kind": "test"}
    assert len(about["id"]) == 32
    pool.add_columns({"s": np.ones(300, np.float32)}, kind="score", made_by={})
    pool.append([some(1, 300)])
    assert json.loads(Pool.open(pool.path).table.schema.metadata[b"poolscope"]) == about

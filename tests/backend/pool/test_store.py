"""The pool: what goes in comes out, in row order, whatever fails in between."""

import multiprocessing

import numpy as np
import pyarrow as pa
import pytest

from poolscope.errors import InputError
from poolscope.pool import Pool, PoolGrew, uid_pairs


def some(count: int, start: int = 0) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "uid_hi": pa.array(np.arange(start, start + count)[::-1].astype(np.uint64) * 7919 % 1000),
            "uid_lo": pa.array(np.arange(start, start + count).astype(np.uint64)),
            "text": pa.array([f"caption {number}" for number in range(start, start + count)]),
        }
    )


@pytest.fixture
def pool(tmp_path):
    made = Pool.create(tmp_path / "pool", pa.schema([("text", pa.utf8())]), {"kind": "test"})
    made.append([some(300)])
    return made


def test_row_order_is_import_order(pool):
    pool.append([some(50, 300)])
    again = Pool.open(pool.path)
    assert len(again) == 350
    assert again.strings("text").to_pylist() == [f"caption {number}" for number in range(350)]
    assert [(part.start, part.stop) for part in again.fragments] == [(0, 300), (300, 350)]


def test_scan_slices_cross_fragments(pool):
    pool.append([some(50, 300)])
    got = [
        text for batch in pool.scan(["text"], start=290, stop=310, batch_size=7) for text in batch["text"].to_pylist()
    ]
    assert got == [f"caption {number}" for number in range(290, 310)]


def test_take_keeps_order_and_repeats(pool):
    assert pool.take([5, 0, 5], ["text"])["text"].to_pylist() == ["caption 5", "caption 0", "caption 5"]
    assert pool.take([], ["uid"]).num_rows == 0
    with pytest.raises(InputError, match="rows are 0 to 299"):
        pool.take([300], ["text"])


def test_uid_order_and_rows_of(pool):
    uids = pool.uids()
    order = pool.uid_order()
    numbers = [(int(uid["f0"]) << 64) | int(uid["f1"]) for uid in uids[order]]
    assert numbers == sorted(numbers)
    assert pool.rows_of(uids[[3, 299]]).tolist() == [3, 299]
    assert pool.rows_of(uid_pairs(["f" * 32])).tolist() == [-1]
    pool.append([some(10, 300)])
    assert len(pool.uid_order()) == 310


def test_columns_and_nulls_after_append(pool):
    pool.add_columns({"s": np.arange(300, dtype=np.float32)}, kind="score", made_by={"method": "x"})
    pool.add_columns({"f": np.ones(300, dtype=bool)}, kind="flag", made_by={"method": "y"})
    pool.add_columns({"m_img": np.eye(300, 4, dtype=np.float16)}, kind="embedding", made_by={})
    pool.append([some(2, 300)])
    again = Pool.open(pool.path)
    assert np.isnan(again.array("s")[-2:]).all()
    assert again.array("f").tolist() == [True] * 300 + [False] * 2
    assert np.isnan(again.embeddings("m_img", [301])).all()
    assert again.embeddings("m_img", [1]).tolist() == [[0, 1, 0, 0]]
    assert (again.columns["s"].kind, again.columns["s"].made_by) == ("score", {"method": "x"})
    with pytest.raises(ValueError, match="read-only"):
        again.array("s")[0] = 1


def test_replace_and_drop(pool):
    pool.add_columns({"s": np.zeros(300, dtype=np.float32)}, kind="score", made_by={})
    with pytest.raises(InputError, match="exists already"):
        pool.add_columns({"s": np.ones(300, dtype=np.float32)}, kind="score", made_by={})
    pool.add_columns({"s": np.ones(300, dtype=np.float32)}, kind="score", made_by={}, replace=True)
    assert pool.array("s").sum() == 300
    pool.drop_column("s")
    assert "s" not in Pool.open(pool.path).columns
    with pytest.raises(InputError, match="part of the uid"):
        pool.drop_column("uid_hi")


def test_a_failing_append_leaves_the_pool_as_it_was(pool):
    def broken():
        yield some(100, 300)
        raise RuntimeError("the source died")

    with pytest.raises(Exception, match="the source died"):
        pool.append(broken())
    assert len(Pool.open(pool.path)) == 300
    pool.append([some(5, 300)])
    assert len(Pool.open(pool.path)) == 305


def test_column_for_an_older_pool_is_refused(pool):
    other = Pool.open(pool.path)
    other.append([some(1, 300)])
    with pytest.raises(PoolGrew):
        pool.add_columns({"s": np.zeros(300, dtype=np.float32)}, kind="score", made_by={})


def _add(path, name):
    pool = Pool.open(path)
    pool.add_columns({name: np.full(len(pool), 1, dtype=np.float32)}, kind="score", made_by={})


def test_concurrent_writers_lose_no_column(pool):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add, args=(pool.path, f"s{number}")) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {"s0", "s1", "s2"} <= Pool.open(pool.path).columns.keys()


def test_where(pool):
    assert np.flatnonzero(pool.where("text = 'caption 7' OR text = 'caption 12'")).tolist() == [7, 12]
    with pytest.raises(InputError, match="nope"):
        pool.where("nope > 3")


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")])
def test_what_is_no_pool_is_named(tmp_path, make):
    make(tmp_path / "x")
    with pytest.raises(InputError, match=r"poolscope import"):
        Pool.open(tmp_path / "x")


def test_create_spares_foreign_directories(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="choose an empty"):
        Pool.create(tmp_path, pa.schema([]), {})
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("pool.json", b"{", "is damaged; restore it"),
        ("pool.json", b"[]", "is damaged; restore it"),
        ("pool.json", b'{"format": 7}', "has format 7"),
        ("table.url", b"\n", "names no table"),
        ("table.url", b"\xff\xfe", "names no table"),
        ("table.url", b"/nowhere/pairs.lance", "can't be read"),
        ("versions", b"xx", "Restore it from a copy"),
        ("data", None, "Its files are damaged or gone"),
    ],
)
def test_damaged_pools_are_one_line(pool, file, content, said):
    if file in ("versions", "data"):
        folder = pool.path / "pairs.lance" / {"versions": "_versions", "data": "data"}[file]
        for path in folder.iterdir():
            path.unlink() if content is None else path.write_bytes(content)
    else:
        (pool.path / file).write_bytes(content)
    with pytest.raises(InputError, match=said) as raised:
        Pool.open(pool.path).uids()
    assert "\n" not in str(raised.value)


def test_damaged_orders_are_made_again(pool):
    expected = np.array(pool.uid_order())
    for name in ("order.npy", "rank.npy", "uids.npy"):
        (pool.path / name).write_text("x")
    assert (Pool.open(pool.path).uid_order() == expected).all()

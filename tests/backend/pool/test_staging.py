"""Columns as large as the pool: written fragment by fragment, each given up where it came from, named by one commit."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from poolscope.pool import Pool, Staging, commit, fragments

SCHEMA = pa.schema([("big_img", pa.list_(pa.float16(), 4)), ("big_txt", pa.list_(pa.float16(), 4))])


@pytest.fixture
def pool(tiny_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """450 pairs in fragments of 200, 100, 100 and 50."""
    monkeypatch.setattr(fragments, "FRAGMENT_ROWS", 100)
    names = tiny_pool.schema.names
    rows = tiny_pool.take(range(200), names).combine_chunks()
    for count in (100, 100, 50):
        tiny_pool.append(rows.slice(0, count).to_batches())
    return tiny_pool.reload()


class Values:
    """Row numbers as vectors, from a source that forgets what is released; dies when asked for row `end`."""

    def __init__(self, end: int = 10_000) -> None:
        self.end, self.kept, self.most = end, 0, 0

    def read(self, start: int, stop: int):
        assert start >= self.kept, "rows were released before"
        for row in range(start, stop, 50):
            if row >= self.end:
                raise OSError("the machine is gone")
            self.most = max(self.most, row - self.kept)
            last = min(row + 50, stop)
            flat = pa.array(np.repeat(np.arange(row, last), 4).astype(np.float16))
            missing = pa.array(np.arange(row, last) % 7 == 3)
            column = pa.FixedSizeListArray.from_arrays(flat, 4, mask=missing)
            yield pa.record_batch([column, column], schema=SCHEMA)

    def release(self, stop: int) -> None:
        self.kept = stop

    def into(self, pool: Pool, notes: Path) -> Staging:
        return Staging(pool.path, notes, self.read, self.release)


def check(pool: Pool) -> None:
    for side in ("img", "txt"):
        vectors = pool.embeddings(f"big_{side}", np.arange(len(pool)))
        missing = np.arange(len(pool)) % 7 == 3
        assert np.isnan(vectors[missing]).all()
        assert (vectors[~missing] == np.arange(len(pool))[~missing, None]).all()


def add(pool: Pool, values: Values, notes: Path) -> Pool:
    notes.mkdir(parents=True, exist_ok=True)
    pool.add_column_stream(SCHEMA, values.into(pool, notes), kind="embedding", made_by={"test": True}, replace=True)
    return pool.reload()


def test_no_more_than_a_fragment_waits_where_it_came_from(pool: Pool, tmp_path: Path) -> None:
    values, before = Values(), pool.version
    made = add(pool, values, tmp_path / "notes")
    check(made)
    assert (values.kept, made.version) == (450, before + 1)
    assert values.most < 200, "the largest fragment"
    assert made.columns["big_img"].kind == "embedding"


def test_after_a_crash_the_files_that_are_there_are_used(pool: Pool, tmp_path: Path) -> None:
    notes = pool.path / "work" / "x"
    first = Values(end=310)
    with pytest.raises(RuntimeError, match="the machine is gone"):
        add(pool, first, notes)
    assert first.kept == 300
    assert "big_img" not in pool.reload().columns
    commit.sweep(pool.path)  # what an import does when it ends: it must not take the files away
    second = Values()
    second.kept = 300
    assert second.into(pool, notes).until() == 300
    check(add(pool, second, notes))


def test_another_version_of_the_pool_takes_the_values_from_the_files(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the machine is gone"):
        add(pool, Values(end=310), tmp_path / "notes")
    pool.add_columns({"other": np.ones(450, np.float32)}, kind="score", made_by={})
    pool.append(pool.take(range(30), pool.schema.names).to_batches())
    grown = pool.reload()
    values = Values()
    values.kept = 300
    grown = add(grown, values, tmp_path / "notes")
    check(grown)
    assert np.nansum(grown.array("other")) == 450 + 30


def test_a_crash_before_the_commit_and_after_the_last_file(pool: Pool, tmp_path: Path, monkeypatch) -> None:
    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fragments, "commit_staged", die)
        with pytest.raises(KeyboardInterrupt):
            add(pool, Values(), tmp_path / "notes")
    nothing = Values(end=0)
    nothing.kept = 450
    check(add(pool, nothing, tmp_path / "notes"))


def test_files_that_are_gone_are_not_counted(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the machine is gone"):
        add(pool, Values(end=310), tmp_path / "notes")
    data = pool.path / "pairs.lance" / "data"
    newest = max(data.iterdir(), key=lambda path: path.stat().st_mtime)
    newest.unlink()
    values = Values()
    assert values.into(pool, tmp_path / "notes").until() == 200
    values.kept = 200
    check(add(pool, values, tmp_path / "notes"))


def test_a_column_that_is_there_is_replaced(pool: Pool, tmp_path: Path) -> None:
    pool.add_columns({"big_img": np.ones((450, 4), np.float16)}, kind="embedding", made_by={})
    check(add(pool.reload(), Values(), tmp_path / "notes"))


def test_cleaning_spares_what_waits_for_its_commit(pool: Pool) -> None:
    notes = pool.path / "work" / "x"
    with pytest.raises(RuntimeError, match="the machine is gone"):
        add(pool, Values(end=310), notes)
    assert pool.clean().versions == 0
    second = Values()
    second.kept = 300  # its source has forgotten the rows before
    check(add(pool.reload(), second, notes))
    shutil.rmtree(notes)  # as whoever staged does once the columns are there
    assert pool.reload().clean().versions > 0

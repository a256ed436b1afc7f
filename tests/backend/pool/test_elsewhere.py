"""A pool whose table is in an S3 bucket: the same rows, scores and files as on the disk."""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.scores import build
from poolscope.sources import import_datacomp
from tests.backend.sources.test_datacomp import write_pair

pytest.importorskip("moto")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """An S3 server on this machine, with one bucket; the address of the bucket."""
    log = tmp_path_factory.mktemp("s3") / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-c", "from moto.server import main; main(['-p', '0'])"], stdout=out, stderr=out
        )
    for _ in range(300):
        address = [word for word in log.read_text().split() if word.startswith("http://127")]
        if address:
            break
        time.sleep(0.1)
    url = address[0].rstrip("/")
    urllib.request.urlopen(urllib.request.Request(f"{url}/pools", method="PUT"), timeout=10)
    values = {
        "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    yield "s3://pools"
    for name, value in before.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value
    server.terminate()
    server.wait(timeout=20)


def outcome(path: Path) -> tuple[dict, list, np.ndarray]:
    pool = Pool.open(path)
    pool = run(pool, build("clip_score", model="l14"), column="mine", workers=2)
    recipe = load({"name": "x", "keep": [{"score": "mine", "top": 0.4}]})
    names = [name for name in pool.columns if not name.startswith("uid_")]
    rows = pool.take(range(len(pool)), ["uid", *names]).to_pydict()
    return rows, [str(column) for column in pool.schema], select(recipe, pool).mask


def test_the_table_may_be_in_a_bucket(bucket, tmp_path):
    for number in range(2):
        write_pair(tmp_path / "m", number)
    import_datacomp(tmp_path / "m", tmp_path / "here")
    import_datacomp(tmp_path / "m", tmp_path / "there", table=f"{bucket}/a.lance")
    assert not (tmp_path / "there" / "pairs.lance").exists()
    (rows, schema, mask), (other_rows, other_schema, other_mask) = (
        outcome(tmp_path / "here"),
        outcome(tmp_path / "there"),
    )
    assert repr(rows) == repr(other_rows)
    assert schema == other_schema
    assert (mask == other_mask).all()
    write_pair(tmp_path / "m", 2)
    marked = (tmp_path / "there" / "table.url").stat().st_mtime_ns
    assert import_datacomp(tmp_path / "m", tmp_path / "there").added == 60
    assert len(Pool.open(tmp_path / "there")) == 180
    assert (tmp_path / "there" / "table.url").stat().st_mtime_ns > marked  # by which the app sees a change


def test_a_table_that_is_there_is_not_written_over(bucket, tmp_path):
    schema = pa.schema([("text", pa.utf8())])
    Pool.create(tmp_path / "first", schema, {}, table=f"{bucket}/b.lance")
    with pytest.raises(InputError, match=r"there is a table at s3://pools/b\.lance already"):
        Pool.create(tmp_path / "second", schema, {}, table=f"{bucket}/b.lance")
    write_pair(tmp_path / "m", 0)
    with pytest.raises(InputError, match=r"is at s3://pools/b\.lance already; leave --table"):
        import_datacomp(tmp_path / "m", tmp_path / "first", table=f"{bucket}/c.lance")


def test_only_an_empty_table_of_its_own_is_taken_over(bucket, tmp_path):
    schema, url = pa.schema([("text", pa.utf8())]), f"{bucket}/e.lance"
    Pool.create(tmp_path / "killed", schema, {}, table=url)
    (tmp_path / "killed" / "pool.json").unlink()  # as if it had been killed before the last step
    assert len(Pool.create(tmp_path / "killed", schema, {})) == 0
    pool = Pool.create(tmp_path / "full", schema, {}, table=f"{bucket}/f.lance")
    columns = [pa.array([1, 2], pa.uint64()), pa.array([3, 4], pa.uint64()), pa.array(["a", "b"])]
    pool.append([pa.RecordBatch.from_arrays(columns, names=["uid_hi", "uid_lo", "text"])])
    (tmp_path / "full" / "pool.json").unlink()
    with pytest.raises(InputError, match="there is a table at"):
        Pool.create(tmp_path / "full", schema, {}, table=f"{bucket}/f.lance")
    with pytest.raises(InputError, match="is no URL; write where the table goes"):
        Pool.create(tmp_path / "other", schema, {}, table="relative.lance")


def test_a_bucket_that_does_not_answer_is_one_line(bucket, tmp_path, monkeypatch):
    Pool.create(tmp_path / "pool", pa.schema([("text", pa.utf8())]), {}, table=f"{bucket}/d.lance")
    with pytest.raises(InputError, match=r"no table can be made at s3://missing/x\.lance"):
        Pool.create(tmp_path / "other", pa.schema([("text", pa.utf8())]), {}, table="s3://missing/x.lance")
    (tmp_path / "pool" / "table.url").write_text("s3://missing/x.lance\n")
    with pytest.raises(InputError, match=r"the table of pool 'pool' is at s3://missing/x\.lance, which can't be read"):
        Pool.open(tmp_path / "pool")

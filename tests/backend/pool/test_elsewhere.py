"""A pool at the URI of an S3 bucket: the same rows, scores and files as on the disk."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import lance
import lancedb
import numpy as np
import pyarrow as pa
import pytest

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.scores import build
from poolscope.sources import import_datacomp
from poolscope.targets import add_target, load_target, targets
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


def test_a_pool_may_be_at_a_uri(bucket, tmp_path, home):
    for number in range(2):
        write_pair(tmp_path / "m", number)
    import_datacomp(tmp_path / "m", tmp_path / "here")
    import_datacomp(tmp_path / "m", f"{bucket}/first")
    there = Pool.open(f"{bucket}/first")
    assert (there.name, there.uri) == ("first", f"{bucket}/first")
    assert home in there.path.parents, "what is kept beside the table is under the home"
    assert not (there.path / "pairs.lance").exists()
    (rows, schema, mask), (other_rows, other_schema, other_mask) = (
        outcome(tmp_path / "here"),
        outcome(Path(f"{bucket}/first")),  # a Path folds the two slashes of a URI
    )
    assert repr(rows) == repr(other_rows)
    assert schema == other_schema
    assert (mask == other_mask).all()
    write_pair(tmp_path / "m", 2)
    marked = (there.path / "table.url").stat().st_mtime_ns
    assert import_datacomp(tmp_path / "m", f"{bucket}/first").added == 60
    assert len(Pool.open(there.path)) == 180, "its directory opens it too"
    assert (there.path / "table.url").stat().st_mtime_ns > marked  # by which the app sees a change


def test_plain_lancedb_opens_it_and_another_machine_makes_its_directory_anew(bucket, tmp_path, monkeypatch):
    write_pair(tmp_path / "m", 0)
    import_datacomp(tmp_path / "m", f"{bucket}/shared")
    pool = Pool.open(f"{bucket}/shared")
    assert lancedb.connect(f"{bucket}/shared").open_table("pairs").count_rows() == len(pool) == 60
    np.save(tmp_path / "t.npy", np.eye(5, pool.columns["l14_img"].dim, dtype=np.float32))
    add_target(pool, "mine", tmp_path / "t.npy", model="l14")
    monkeypatch.setenv("POOLSCOPE_HOME", str(tmp_path / "another"))
    again = Pool.open(f"{bucket}/shared")
    assert again.path != pool.path
    assert again.origin == pool.origin
    assert (again.uid_order() == pool.uid_order()).all()
    assert targets(again) == ["mine/l14"]
    assert (load_target(again, "mine", "l14") == load_target(pool, "mine", "l14")).all()


def test_a_pool_that_is_there_is_not_written_over(bucket, tmp_path):
    schema = pa.schema([("text", pa.utf8())])
    first = Pool.create(f"{bucket}/b", schema, {"n": 1})
    with pytest.raises(InputError, match=r"there is a table at s3://pools/b/pairs\.lance already"):
        Pool.create(f"{bucket}/b", schema, {})
    lancedb.connect(f"{bucket}/b").drop_table("pairs")
    second = Pool.create(f"{bucket}/b", schema, {"n": 2})
    assert second.path != first.path, "orders and maps of the pool that was there are not taken for its own"
    assert second.origin == {"n": 2}


def test_pools_made_with_a_table_elsewhere_open(bucket, tmp_path):
    """Pools of earlier versions: a directory here, its table at any URL of a store."""
    write_pair(tmp_path / "m", 0)
    import_datacomp(tmp_path / "m", tmp_path / "pool")
    for number, url in enumerate((f"{bucket}/old.lance", f"{bucket}/without-suffix")):
        old = tmp_path / f"old{number}"
        shutil.copytree(tmp_path / "pool", old)
        lance.write_dataset(lance.dataset(str(old / "pairs.lance")).to_table(), url)
        shutil.rmtree(old / "pairs.lance")
        (old / "table.url").write_text(url + "\n")
        pool = Pool.open(old)
        assert len(pool) == 60
        pool.add_columns({"mine": np.arange(60, dtype=np.float32)}, kind="score", made_by={})
        assert Pool.open(old).array("mine").tolist() == list(range(60))
        np.save(tmp_path / "t.npy", np.eye(2, pool.columns["l14_img"].dim, dtype=np.float32))
        add_target(pool, f"t{number}", tmp_path / "t.npy", model="l14")
        assert targets(pool) == [f"t{number}/l14"], "two pools of one bucket have target sets of their own"


def test_what_is_no_pool_at_a_uri_is_one_line(bucket, tmp_path):
    with pytest.raises(InputError, match=r"no table can be made at s3://missing/x/pairs\.lance"):
        Pool.create("s3://missing/x", pa.schema([("text", pa.utf8())]), {})
    with pytest.raises(InputError, match=r"no pool at 's3://pools/nowhere': it has no table 'pairs'"):
        Pool.open(f"{bucket}/nowhere")
    lancedb.connect(f"{bucket}/foreign").create_table("pairs", pa.table({"a": [1]}))
    with pytest.raises(InputError, match="has no uid_hi and uid_lo"):
        Pool.open(f"{bucket}/foreign")
    Pool.create(f"{bucket}/d", pa.schema([("text", pa.utf8())]), {})
    place = Pool.open(f"{bucket}/d").path
    (place / "table.url").write_text("s3://missing/x/pairs.lance\n")
    with pytest.raises(
        InputError, match=r"the table of pool 'd' is at s3://missing/x/pairs\.lance, which can't be read"
    ):
        Pool.open(place)
    with pytest.raises(InputError, match="Check the address"):
        Pool.open("s3://missing/x")
    with pytest.raises(InputError, match="can't be read"):
        Pool.open("gopher://missing/x")


def test_from_the_import_to_the_app(bucket, tmp_path, monkeypatch, capsys):
    """Import, scores, index, search, selection, map, app and deletion of a pool in a bucket, by its URI alone.

    LanceDB by itself reads the same bucket after each step.
    """
    from streamlit.testing.v1 import AppTest

    from poolscope import paths
    from poolscope.cli import main
    from poolscope.projection import build as layout
    from poolscope.search import index

    def poolscope(*argv: object) -> dict:
        capsys.readouterr()
        assert main([*map(str, argv), "--json"]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    def plain() -> pa.Table:
        return lancedb.connect(uri).open_table("pairs").to_arrow()

    uri = f"{bucket}/whole"
    monkeypatch.setenv("POOLSCOPE_POOL", uri)
    for number in range(5):
        write_pair(tmp_path / "m", number)
    assert poolscope("import", "datacomp", tmp_path / "m", "--pool", uri)["added"] == 300
    texts = plain()["text"].to_pylist()
    poolscope("score", "cliploss", "--set", "batch_size=64")
    poolscope("score", "caption_length")
    np.save(tmp_path / "t.npy", np.eye(5, 48, dtype=np.float32))
    poolscope("target", "imagenet1k", tmp_path / "t.npy", "--model", "l14")
    poolscope("score", "normsim")
    monkeypatch.setattr(sys.modules[index.__module__], "SMALLEST", 100)
    assert "text" in poolscope("search-index")["indexed"]
    word = texts[7].split()[0]
    assert poolscope("search", word)["by_index"]
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: x\nkeep:\n- {score: cliploss, top: 0.5}\n- {score: normsim, top: 0.2}\n")
    assert poolscope("select", recipe, "--out", tmp_path / "kept.npy")["kept"] == 60
    made = plain()
    assert made["text"].to_pylist() == texts, "row order is import order for every reader"
    loss, near = (made[name].to_numpy() for name in ("cliploss", "normsim"))
    best = np.argsort(-loss, kind="stable")[:150]
    best = best[np.argsort(-near[best], kind="stable")[:60]]
    uids = np.array(list(zip(made["uid_hi"].to_numpy()[best], made["uid_lo"].to_numpy()[best])), "u8,u8")
    assert np.array_equal(np.sort(uids), np.load(tmp_path / "kept.npy"))
    monkeypatch.setattr(sys.modules[layout.__module__], "umap_of", lambda reduced, seed: reduced[:, :2])
    assert poolscope("map", "--pool", uri)["points"] == 300
    app = AppTest.from_file(str(paths.EXPLORER / "shell.py"), default_timeout=300).run()
    assert not app.exception
    assert not app.error
    app.switch_page("app_pages/pool.py").run()
    assert {metric.label: metric.value for metric in app.metric}["Pairs"] == "300"
    poolscope("delete", "column", "normsim", "--yes")
    assert "normsim" not in Pool.open(uri).columns
    poolscope("delete", "--undo", "--yes")
    assert np.array_equal(Pool.open(uri).array("normsim"), near)
    assert poolscope("versions", "--clean", "--yes")["cleaned"]
    assert plain().num_rows == 300

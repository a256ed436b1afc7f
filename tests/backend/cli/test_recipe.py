"""`poolscope select` and `export`."""

import json
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest

from poolscope.pool import Pool
from poolscope.recipe import load, select

HALF = "name: half\nkeep:\n  - {score: clip_b32, top: 0.5}\n  - {flag: sharp}\n"


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "half.yaml"
    path.write_text(HALF)
    return path


def test_select_counts_per_rule(poolscope, tiny_pool, recipe):
    content = poolscope("select", recipe, "--pool", tiny_pool.path, "--json").json
    assert content["pairs"] == 200
    first, second = content["rules"]
    assert (first["kept"], first["dropped"]) == (100, 100)
    assert content["kept"] == second["kept"] == 100 - second["dropped"]
    shown = poolscope("select", recipe, "--pool", tiny_pool.path).out
    assert f"kept {content['kept']} of 200 pairs" in shown


def test_select_shows_the_pairs_next_to_each_threshold(poolscope, tiny_pool, recipe):
    content = poolscope("select", recipe, "--pool", tiny_pool.path, "--near", 3, "--json").json
    threshold = content["rules"][0]["threshold"]
    kept = [n["score"] for n in content["near"] if n["side"] == "kept"]
    dropped = [n["score"] for n in content["near"] if n["side"] == "dropped"]
    scores, mask = tiny_pool.array("clip_b32"), select(load(recipe), tiny_pool).mask
    assert kept == np.sort(scores[mask])[:3].tolist()
    assert dropped == np.sort(scores[scores < threshold])[:-4:-1].tolist()
    assert {n["rule"] for n in content["near"]} == {1}
    assert "dropped" in poolscope("select", recipe, "--pool", tiny_pool.path, "--near", 3).out


def test_select_writes_a_subset_file_with_its_recipe(poolscope, tiny_pool, recipe, tmp_path):
    out = tmp_path / "kept.npy"
    content = poolscope("select", recipe, "--pool", tiny_pool.path, "--out", out, "--json").json
    uids = np.load(out)
    assert uids.dtype == np.dtype("u8,u8")
    assert len(uids) == content["kept"]
    mask = select(load(recipe), tiny_pool).mask
    assert set(map(tuple, uids)) == set(map(tuple, tiny_pool.uids()[mask]))
    beside = json.loads((tmp_path / "kept.npy.recipe.json").read_text())
    assert beside["recipe"]["name"] == "half"


def test_select_ends_its_process_at_once_with_all_said_and_written(process, tiny_pool, recipe, tmp_path):
    kept = process("select", recipe, "--pool", tiny_pool.path, "--out", tmp_path / "kept.npy", "--json").json["kept"]
    assert len(np.load(tmp_path / "kept.npy")) == kept
    (tmp_path / "wrong.yaml").write_text("name: wrong\nkeep:\n  - {score: nothing, top: 0.5}\n")
    assert "'nothing'" in process("select", tmp_path / "wrong.yaml", "--pool", tiny_pool.path).refused()


def test_select_makes_the_scores_that_a_recipe_explains(poolscope, tiny_pool, tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("name: r\nscores:\n  luck: {method: random, seed: 3}\nkeep:\n  - {score: luck, top: 0.1}\n")
    assert poolscope("select", path, "-p", tiny_pool.path, "--json").json["kept"] == 20
    assert "luck" in Pool.open(tiny_pool.path).columns


def test_a_recipe_that_keeps_nothing_is_no_error(poolscope, tiny_pool, tmp_path):
    path = tmp_path / "none.yaml"
    path.write_text("name: none\nkeep:\n  - {score: clip_b32, min: 1000}\n")
    out = tmp_path / "none.npy"
    assert poolscope("select", path, "-p", tiny_pool.path, "--out", out, "--json").json["kept"] == 0
    assert len(np.load(out)) == 0
    table = tmp_path / "none.parquet"
    assert poolscope("export", "table", "--recipe", path, "-p", tiny_pool.path, "--out", table).code == 0
    assert pq.read_table(table).num_rows == 0
    line = poolscope("export", "shards", "--recipe", path, "-p", tiny_pool.path, "--out", tmp_path / "s").refused()
    assert "0 pairs" in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keep:\n  - {score: nonsense, top: 0.5}", "'nonsense'"),
        ("keep:\n  - {flag: clip_b32}", "clip_b32"),
        ("keep:\n  - {score: clip_b32, top: 30}", "30"),
        ("keep:\n  - {score: clip_b32, tip: 0.3}", "tip"),
        ("keep:\n  - {where: 'width >>> 3'}", "width >>> 3"),
        ("keep:\n  - {subset: nowhere.npy}", "nowhere.npy"),
        ("keep: [", "YAML"),
        ("- a\n- b", "recipe"),
        ("", "recipe"),
        ("scores:\n  x: {method: nonsense}\nkeep:\n  - {score: x, top: 0.1}", "'nonsense'"),
    ],
)
def test_a_wrong_recipe(text, said, poolscope, tiny_pool, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    out = tmp_path / "kept.npy"
    assert said in poolscope("select", path, "--pool", tiny_pool.path, "--out", out).refused()
    assert not out.exists()


def test_an_unknown_recipe_names_the_known_ones(poolscope, tiny_pool, tmp_path):
    from poolscope.engine.ready import ready

    line = poolscope("select", tmp_path / "none.yaml", "--pool", tiny_pool.path).refused()
    assert "none.yaml" in line
    assert next(iter(ready())) in line


def test_export_table(poolscope, tiny_pool, recipe, tmp_path):
    out = tmp_path / "kept.parquet"
    argv = ("--pool", tiny_pool.path, "--recipe", recipe, "--columns", "uid,text,clip_b32", "--out", out)
    content = poolscope("export", "table", *argv, "--json").json
    made = pq.read_table(out)
    assert made.column_names == ["uid", "text", "clip_b32"]
    assert made.num_rows == content["kept"]
    mask = select(load(recipe), tiny_pool).mask
    assert made["uid"].to_pylist() == tiny_pool.take(np.flatnonzero(mask), ["uid"])["uid"].to_pylist()


def test_export_without_a_recipe_is_everything(poolscope, tiny_pool, tmp_path):
    out = tmp_path / "all.npy"
    assert poolscope("export", "subset", "--pool", tiny_pool.path, "--out", out, "--json").json["kept"] == 200
    assert len(np.load(out)) == 200


def test_export_shards(poolscope, tiny_pool, recipe, tmp_path):
    out = tmp_path / "shards"
    argv = ("--pool", tiny_pool.path, "--recipe", recipe, "--shard-size", 20, "--out", out)
    content = poolscope("export", "shards", *argv, "--json").json
    assert content["written"] == content["kept"]
    captions = 0
    for path in out.glob("*.tar"):
        with tarfile.open(path) as tar:
            captions += sum(name.endswith(".txt") for name in tar.getnames())
    assert captions == content["kept"]
    assert content["shards"] == len(list(out.glob("*.tar"))) > 1


@pytest.mark.parametrize(
    "argv",
    [
        ("subset", "--out", "kept.csv"),
        ("table", "--out", "kept.xlsx"),
        ("table", "--out", "kept.jsonl", "--safe-cells"),
        ("dataset", "--out", "d", "--format", "tfds"),
        ("dataset", "--out", "d", "--columns", "nonsense"),
        ("table", "--out", "kept.parquet", "--columns", "uid,nonsense"),
        ("table", "--out", "kept.parquet", "--columns", ","),
        ("shards", "--out", "s", "--shard-size", "0"),
    ],
)
def test_wrong_export(argv, poolscope, tiny_pool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    poolscope("export", *argv, "--pool", tiny_pool.path).refused()
    assert not list(tmp_path.glob("kept*"))
    assert not (tmp_path / "s").exists()


def test_a_pair_is_told_why_it_was_dropped(poolscope, tiny_pool, tmp_path):
    (tmp_path / "r.yaml").write_text("name: large\nkeep:\n  - {where: 'width >= 200'}\n")
    small, large = tiny_pool.take([0, 199], ["uid"])["uid"].to_pylist()
    words = ("select", tmp_path / "r.yaml", "--pool", tiny_pool.path, "--uid", small, "--uid", large)
    asked = poolscope(*words, "--json").json["asked"]
    assert asked[0] == {
        "uid": small,
        "kept": False,
        "rule": 1,
        "reason": "dropped by rule 1, width >= 200: width is 150",
    }
    assert (asked[1]["kept"], asked[1]["reason"]) == (True, "kept by all rules")
    assert f"{small}: dropped by rule 1" in poolscope(*words).out
    assert "no uid or id of the pool" in poolscope(*words[:4], "--uid", "x").refused()
    assert "no uid or id of the pool" in poolscope(*words[:4], "--uid", "f" * 32).refused()

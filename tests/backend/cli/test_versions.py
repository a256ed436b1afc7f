"""`poolscope versions`, and `--version` where a selection is made."""

import json

import numpy as np

from poolscope.pool import Pool


def test_versions_are_listed_and_cleaned_only_when_told(poolscope, tiny_pool):
    tiny_pool.add_columns({"s": np.zeros(200, np.float32)}, kind="score", made_by={})
    tiny_pool.add_columns({"s": np.ones(200, np.float32)}, kind="score", made_by={}, replace=True)
    content = poolscope("versions", "--pool", tiny_pool.path, "--json").json
    assert content["version"] == tiny_pool.version == content["versions"][-1]["version"]
    assert content["versions"][-1]["pairs"] == 200
    frees = content["frees"]
    assert frees["versions"] == len(content["versions"]) - 1
    assert frees["bytes"] > 800  # a column of 200 float32 that was replaced, at least
    assert "would free" in poolscope("versions", "--pool", tiny_pool.path).out
    told = poolscope("versions", "--clean", "--pool", tiny_pool.path).out
    assert f"would free {frees['versions']} old versions" in told
    assert "--yes" in told
    assert len(tiny_pool.reload().versions()) == len(content["versions"])
    size = sum(path.stat().st_size for path in (tiny_pool.path / "pairs.lance").rglob("*") if path.is_file())
    cleaned = poolscope("versions", "--clean", "--yes", "--pool", tiny_pool.path, "--json").json
    assert (cleaned["cleaned"], cleaned["frees"]) == (True, frees)
    left = sum(path.stat().st_size for path in (tiny_pool.path / "pairs.lance").rglob("*") if path.is_file())
    assert size - left == frees["bytes"], "it says what it frees, to the byte"
    assert Pool.open(tiny_pool.path).array("s").tolist() == [1] * 200
    assert "--clean --yes" in poolscope("versions", "--yes", "--pool", tiny_pool.path).refused()


def test_an_outcome_is_repeated_on_the_version_that_its_provenance_names(poolscope, tiny_pool, tmp_path):
    (tmp_path / "r.yaml").write_text("name: r\nkeep: [{score: clip_l14, top: 0.3}]\n")
    argv = (tmp_path / "r.yaml", "--pool", tiny_pool.path)
    first = poolscope("select", *argv, "--out", tmp_path / "a.npy", "--json").json
    version = json.loads((tmp_path / "a.npy.recipe.json").read_text())["pool_version"]
    values = np.arange(200, dtype=np.float32)
    tiny_pool.add_columns({"clip_l14": values}, kind="score", made_by={}, replace=True)
    poolscope("select", *argv, "--out", tmp_path / "b.npy")
    assert (tmp_path / "a.npy").read_bytes() != (tmp_path / "b.npy").read_bytes()
    again = poolscope("select", *argv, "--version", version, "--out", tmp_path / "c.npy", "--json").json
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "c.npy").read_bytes()
    assert again["kept"] == first["kept"]
    poolscope("export", "subset", "--recipe", *argv, "--version", version, "--out", tmp_path / "d.npy")
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "d.npy").read_bytes()
    audits = [poolscope("audit", *argv, *more, "--json").json for more in ((), ("--version", version))]
    assert [one["pool_version"] for one in audits] == [tiny_pool.reload().version, version]
    assert "has no version 999; it has" in poolscope("select", *argv, "--version", 999).refused()


def test_scores_are_not_made_on_an_older_version(poolscope, tiny_pool, tmp_path):
    (tmp_path / "r.yaml").write_text(
        "name: r\nkeep: [{score: dice, top: 0.3}]\nscores: {dice: {method: random, seed: 1}}\n"
    )
    version = tiny_pool.version
    argv = ("select", tmp_path / "r.yaml", "--pool", tiny_pool.path)
    assert "no column 'dice'" in poolscope(*argv, "--version", version).refused()
    assert poolscope(*argv, "--json").json["kept"] == 60
    assert "no column 'dice'" in poolscope(*argv, "--version", version).refused()


def test_search_where(poolscope, tiny_pool):
    argv = ("search", "noir", "--limit", 200, "--pool", tiny_pool.path, "--json")
    rows = {pair["row"] for pair in poolscope(*argv).json["pairs"]}
    some = {pair["row"] for pair in poolscope(*argv, "--where", "width >= 200").json["pairs"]}
    assert some == {row for row in rows if 150 + row >= 200}
    assert len(some) < len(rows)
    refused = poolscope(*argv, "--where", "nope > 1").refused()
    assert "condition 'nope > 1' names no column" in refused

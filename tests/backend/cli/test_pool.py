"""`poolscope info` and the pool that a command is about."""

import numpy as np
import pytest


def test_info_has_the_promised_shape(poolscope, tiny_pool):
    content = poolscope("info", "--pool", tiny_pool.path, "--json").json
    assert content["pairs"] == 200
    by_name = {column["name"]: column for column in content["columns"]}
    assert by_name["clip_l14"]["kind"] == "score"
    assert by_name["l14_img"]["kind"] == "embedding"
    assert by_name["l14_img"]["dim"] == 16
    assert by_name["sharp"] == {
        "name": "sharp", "kind": "flag", "dtype": "bool", "dim": None, "made_by": {"test": True},
    }  # fmt: skip


def test_info_for_people(poolscope, tiny_pool):
    shown = poolscope("info", "-p", tiny_pool.path)
    assert "200 pairs" in shown.out
    assert "clip_l14" in shown.out
    assert shown.err == ""


def test_the_environment_names_the_pool(poolscope, tiny_pool, monkeypatch):
    monkeypatch.setenv("POOLSCOPE_POOL", str(tiny_pool.path))
    assert poolscope("info", "--json").json["path"] == str(tiny_pool.path)


@pytest.mark.parametrize("where", ["missing", "empty", "file", "other"])
@pytest.mark.parametrize(
    "argv",
    [["info"], ["score", "random"], ["embed", "demo", "--as", "x"], ["map"], ["export", "subset", "--out", "x.npy"]],
)
def test_a_path_that_is_no_pool(argv, where, poolscope, tmp_path):
    path = tmp_path / where
    if where == "file":
        path.write_text("hello")
    elif where != "missing":
        path.mkdir()
    if where == "other":
        (path / "pool.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    assert str(path) in poolscope(*argv, "--pool", path).refused()
    assert sorted(tmp_path.rglob("*")) == before


def test_column_names_cannot_steer_the_terminal(poolscope, tiny_pool):
    tiny_pool.add_columns(
        {"evil": np.zeros(200, np.float32)}, kind="score", made_by={"method": "\x1b[31m[red]", "parameters": {}}
    )
    shown = poolscope("info", "-p", tiny_pool.path)
    assert "\x1b" not in shown.out
    assert "[31m[red]" in shown.out

"""`poolscope delete`."""

import pytest

from poolscope.pool import Pool
from poolscope.recipe import load
from poolscope.recipe.ready import save


def test_delete_says_what_it_frees_and_waits_for_yes(poolscope, tiny_pool):
    argv = ("delete", "column", "clip_b32", "clip_l14", "-p", tiny_pool.path)
    said = poolscope(*argv)
    assert said.code == 0
    assert "would delete column clip_b32, clip_l14" in said.out
    assert "--yes" in said.out
    content = poolscope(*argv, "--json").json
    assert not content["done"]
    assert [one["name"] for one in content["deleted"]] == ["clip_b32", "clip_l14"]
    assert all(one["bytes"] > 0 for one in content["deleted"])
    assert "clip_b32" in Pool.open(tiny_pool.path).columns
    done = poolscope(*argv, "--yes").out
    assert "`poolscope delete --undo`" in done
    assert "`poolscope versions --clean`" in done
    assert not {"clip_b32", "clip_l14"} & Pool.open(tiny_pool.path).columns.keys()


def test_a_person_is_asked(poolscope, tiny_pool, monkeypatch):
    import sys

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for answer, there in ((False, True), (True, False)):
        monkeypatch.setattr("typer.confirm", lambda question, answer=answer: answer)
        assert poolscope("delete", "column", "clip_b32", "-p", tiny_pool.path).code == 0
        assert ("clip_b32" in Pool.open(tiny_pool.path).columns) is there


def test_undo_list_and_clean(poolscope, tiny_pool):
    where = ("-p", tiny_pool.path)
    for name in ("clip_b32", "clip_l14", "sharp"):
        assert poolscope("delete", "column", name, *where, "--yes").code == 0
    assert [one["name"] for one in poolscope("delete", "--list", *where, "--json").json["deleted"]] == [
        "sharp",
        "clip_l14",
        "clip_b32",
    ]
    assert "sharp" in poolscope("delete", "--list", *where).out
    assert poolscope("delete", "--undo", *where).out == "column sharp is back\n"
    assert (
        poolscope("delete", "--undo", "column", "clip_b32", *where, "--json").json["restored"][0]["name"] == "clip_b32"
    )
    assert {"sharp", "clip_b32"} <= Pool.open(tiny_pool.path).columns.keys()
    assert "and 1 deleted thing, " in poolscope("versions", "--clean", *where).out
    assert poolscope("versions", "--clean", "--yes", *where, "--json").json["frees"]["deleted"] == 1
    assert "can't be brought back" in poolscope("delete", "--undo", *where).refused()


def test_what_is_in_use_needs_force(poolscope, tiny_pool):
    save(load({"name": "reader", "keep": [{"flag": "sharp"}]}), tiny_pool)
    argv = ("delete", "column", "sharp", "-p", tiny_pool.path, "--yes")
    assert "recipe 'reader'" in poolscope(*argv).refused()
    assert poolscope(*argv, "--force", "--json").json["deleted"][0]["used_by"] == ["recipe 'reader'"]
    assert "no column" in poolscope(*argv, "--force").refused()


def test_runs_and_pools_are_emptied_from_the_home(poolscope, tiny_pool, home):
    from poolscope.runs import Run

    Run(id="r1", name="r", recipe="r", scale="demo").save()
    assert poolscope("delete", "run", "r1", "--yes").code == 0
    assert poolscope("delete", "pool", tiny_pool.path, "--yes").code == 0
    assert not list((home / "pools").glob("*")), "no demo pool is built to delete a run"
    assert "2 deleted runs, jobs, tasks and pools" in poolscope("delete", "--empty").out
    assert poolscope("delete", "--empty", "--yes", "--json").json["frees"]["deleted"] == 2
    assert "can't be brought back" in poolscope("delete", "--undo").refused()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("planet", "x"), "'planet'"), (("column", "nothing"), "'nothing'"), (("column",), "name what to delete"), ((), "name what"),
        (("--undo", "--list"), "exclude each other"), (("run", "../x"), "'../x'"), (("job", "99"), "'99'"), (("target", "x"), "no target"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line(poolscope, tiny_pool, argv, said):
    assert said in poolscope("delete", *argv, "-p", tiny_pool.path, "--yes").refused()

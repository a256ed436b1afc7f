"""Ids of one's own, from the source through a selection and back."""

import json

import numpy as np
import pytest

from poolscope.cli.entry import run
from poolscope.errors import InputError
from poolscope.export import export_subset
from poolscope.pool import Pool
from poolscope.recipe import Recipe, select
from poolscope.sources import look

IDS = ["0007", "DEADBEEF" * 4, "photo 1.jpg", "a", "a", " padded", "two\u2028lines", None]
WRITTEN = ["0007", "DEADBEEF" * 4, "photo 1.jpg"]  # the others can't name their pair in a list of lines


@pytest.fixture
def pool(tmp_path):
    rows = [{"id": own, "url": f"https://example.org/{n}.jpg", "text": f"caption {n}"} for n, own in enumerate(IDS)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    look(str(tmp_path / "pairs.jsonl")).run(tmp_path / "pool")
    return Pool.open(tmp_path / "pool")


def kept(pool, recipe):
    return np.flatnonzero(select(Recipe.model_validate({"name": "r", "keep": [recipe]}), pool).mask).tolist()


def test_a_list_of_ids_comes_back_as_the_same_pairs(pool, tmp_path):
    export_subset(pool, select(Recipe(name="all"), pool), tmp_path / "all.txt")
    lines = (tmp_path / "all.txt").read_text().splitlines()
    assert lines[:3] == WRITTEN
    assert len(lines) == len(IDS)
    assert lines[3:] == pool.take(range(3, len(IDS)), ["uid"])["uid"].to_pylist()
    for row, line in enumerate(lines):
        (tmp_path / "one.txt").write_text(line + "\n")
        assert kept(pool, {"subset": str(tmp_path / "one.txt")}) == [row]


def test_an_id_that_pairs_share_stands_for_all_of_them_and_unknown_lines_for_none(pool, tmp_path):
    (tmp_path / "shared.txt").write_text("\ufeffa\r\n\r\nnobody\n")
    assert kept(pool, {"subset": str(tmp_path / "shared.txt")}) == [3, 4]
    (tmp_path / "nobody.txt").write_text("nobody\n")
    with pytest.raises(InputError, match=r"no line of .*nobody\.txt.* is an id or a uid"):
        kept(pool, {"subset": str(tmp_path / "nobody.txt")})


def test_a_pair_named_twice_is_written_twice(pool, tmp_path):
    (tmp_path / "twice.txt").write_text("0007\n0007\nphoto 1.jpg\n")
    recipe = Recipe.model_validate({"name": "r", "keep": [{"subset": str(tmp_path / "twice.txt")}]})
    export_subset(pool, select(recipe, pool), tmp_path / "out.txt", recipe=recipe)
    assert (tmp_path / "out.txt").read_text().split("\n") == ["0007", "0007", "photo 1.jpg", ""]
    export_subset(pool, select(recipe, pool), tmp_path / "out.npy", recipe=recipe)
    assert len(np.load(tmp_path / "out.npy")) == 3


def test_the_command_line_speaks_in_ids(pool, tmp_path, capsys):
    (tmp_path / "two.txt").write_text("0007\nphoto 1.jpg\n")
    (tmp_path / "r.yaml").write_text(f"name: two\nkeep: [{{subset: {tmp_path / 'two.txt'}}}]\n")
    where = ["--pool", str(pool.path), "--json"]
    assert (
        run(["select", str(tmp_path / "r.yaml"), "--out", str(tmp_path / "k.txt"), "--uid", "photo 1.jpg", *where]) == 0
    )
    asked = json.loads(capsys.readouterr().out)["asked"]
    assert [one["kept"] for one in asked] == [True]
    assert (tmp_path / "k.txt").read_text() == "0007\nphoto 1.jpg\n"
    assert run(["export", "subset", "-r", str(tmp_path / "r.yaml"), "--out", str(tmp_path / "e.txt"), *where]) == 0
    assert (tmp_path / "e.txt").read_text() == "0007\nphoto 1.jpg\n"
    assert run(["select", str(tmp_path / "r.yaml"), "--uid", "nobody", *where]) == 2
    assert run(["select", str(tmp_path / "r.yaml"), "--out", str(tmp_path / "k.csv"), *where]) == 2
    assert "neither in .npy (uids) nor in .txt (ids)" in capsys.readouterr().err

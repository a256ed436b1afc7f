"""The rule `sample`: what it draws, what it refuses, and what later rules make of the draws."""

import json

import numpy as np
import pytest

from poolscope.cli import main
from poolscope.engine.reason import reason
from poolscope.errors import InputError
from poolscope.kernels import hashing
from poolscope.kernels.soft_cap import soft_cap
from poolscope.recipe import PoolColumns, dump, load, select

DRAW = {"sample": "clip_l14", "pairs": 300, "penalty": 0.15, "temperature": 0.1}


def of(*rules):
    return load({"name": "drawn", "keep": list(rules)})


def test_it_draws_among_the_survivors_and_counts_what_it_draws(tiny_pool):
    alone = select(of(DRAW), tiny_pool)
    scores, uids = tiny_pool.array("clip_l14"), tiny_pool.uids()
    scored, expected = np.isfinite(scores), np.zeros(200, dtype=int)
    states = hashing.draw(0, uids["f0"], uids["f1"])[scored]
    expected[scored] = soft_cap(states, scores[scored].astype(float) / 0.1, 300, 0.15)
    assert alone.copies.tolist() == expected.tolist()
    assert (alone.mask == (expected > 0)).all()
    assert (alone.drawn, alone.kept) == (300, int((expected > 0).sum()))
    assert alone.counts[0].wanted == 300
    assert "times each" in alone.counts[0].note
    after = select(of({"flag": "sharp"}, DRAW, {"score": "clip_l14", "top": 0.5, "of": "kept"}), tiny_pool)
    assert after.counts[1].drawn == 300
    assert after.drawn == after.copies.sum() == after.counts[2].drawn < 300
    assert not after.copies[~tiny_pool.array("sharp")].any()
    assert after.as_json()["drawn"] == after.drawn


def test_without_a_number_it_draws_as_many_as_the_pool_has_pairs(tiny_pool):
    rule = {"sample": "clip_l14", "penalty": 0.15}
    found, same = (select(of({"flag": "sharp"}, one), tiny_pool) for one in (rule, rule | {"pairs": 200}))
    assert (found.copies == same.copies).all()
    assert found.counts[1].wanted == found.drawn == 200
    assert found.counts[1].rule == "as many draws as the pool has pairs by clip_l14, penalty 0.15"
    assert load(dump(of(rule))) == of(rule)
    assert "pairs" not in of(rule).as_dict()["keep"][0]


def test_without_it_nothing_is_drawn(tiny_pool):
    plain = select(of({"flag": "sharp"}), tiny_pool)
    assert plain.copies is None
    assert plain.drawn == plain.kept
    assert (plain.copies_of(np.arange(3)) == 1).all()


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (DRAW | {"pairs": 1.5}, "pairs"),
        (DRAW | {"pairs": 0}, "greater than or equal to 1"),
        (DRAW | {"penalty": -1}, "greater than or equal to 0"),
        (DRAW | {"penalty": float("nan")}, "penalty"),
        (DRAW | {"temperature": 0}, "greater than or equal to 0.000001"),
        (DRAW | {"temperature": 1e-320}, "greater than or equal to 0.000001"),
        (DRAW | {"top": 0.3}, "'top' is not a word"),
        ({"any": [DRAW, {"flag": "sharp"}]}, "can't be inside any, all or not"),
        ({"not": DRAW}, "can't be inside any, all or not"),
        ({"all": [{"not": DRAW}]}, "can't be inside any, all or not"),
    ],
)
def test_what_can_not_be_drawn_is_refused_in_a_line(rule, why):
    with pytest.raises(InputError, match=why):
        of(rule)


def test_the_pool_bounds_what_is_drawn(tiny_pool):
    with pytest.raises(InputError, match="asks for 2,001 pairs; at most 2,000 are drawn"):
        select(of(DRAW | {"pairs": 2001}), tiny_pool)
    with pytest.raises(InputError, match="no column 'nope'"):
        select(of(DRAW | {"sample": "nope"}), tiny_pool)
    with pytest.raises(InputError, match="sharp"):
        select(of(DRAW | {"sample": "sharp"}), tiny_pool)
    none = select(of({"where": "width < 0"}, DRAW), tiny_pool)
    assert (none.kept, none.drawn) == (0, 0)
    assert none.counts[1].warning == "draws nothing: none of the 0 left has a score"


def test_a_recipe_with_it_is_written_and_read_again(tiny_pool):
    recipe = of(DRAW | {"seed": 3}, {"flag": "sharp"})
    assert load(dump(recipe)) == recipe
    assert recipe.columns() == {"clip_l14", "sharp"}
    assert recipe.keep[0].label() == "300 draws by clip_l14, penalty 0.15, temperature 0.1, seed 3"


def test_a_pair_that_is_not_drawn_is_told_so(tiny_pool):
    recipe = of(DRAW)
    selection = select(recipe, tiny_pool)
    scored = np.isfinite(tiny_pool.array("clip_l14"))
    for there, why in ((scored, "it was not drawn"), (~scored, "it has no score")):
        row = int(np.flatnonzero(there & ~selection.mask)[0])
        assert reason(row, recipe, selection, PoolColumns(tiny_pool)).endswith(f": {why}")


def test_the_command_line_says_how_many_draws(tiny_pool, tmp_path, capsys):
    (tmp_path / "r.yaml").write_text(dump(of(DRAW)))
    words = ["select", str(tmp_path / "r.yaml"), "--pool", str(tiny_pool.path), "--out", str(tmp_path / "kept.npy")]
    assert main(words) == 0
    assert "300 draws" in capsys.readouterr().out
    assert main([*words, "--json", "--force"]) == 0
    assert json.loads(capsys.readouterr().out)["drawn"] == 300
    uids = np.load(tmp_path / "kept.npy")
    copies = select(of(DRAW), tiny_pool).copies
    assert uids.tolist() == np.sort(np.repeat(tiny_pool.uids(), copies)).tolist()


@pytest.mark.parametrize(
    "rule",
    [
        {"sample": "text", "pairs": 5}, {"sample": "face_bboxes", "pairs": 5}, {"sample": "sharp", "pairs": 5},
        {"score": "text", "min": 0}, {"caption": "clip_b32", "image": "face_bboxes"},
        {"caption": "clip_b32", "image": "l14_img"}, {"caption": "text", "image": "url"},
        {"caption": "clip_b32", "image": "url", "source": "face_bboxes", "shares": {"a": 1}},
    ],
)  # fmt: skip
def test_a_column_of_the_wrong_type_is_told(tiny_pool, rule):
    with pytest.raises(InputError):
        select(load({"name": "wrong", "keep": [rule]}), tiny_pool)

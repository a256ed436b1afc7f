"""The report is one file, escapes what came from the pool, and hides small counts; the command writes it."""

import json

import numpy as np
import pyarrow as pa
import pytest

from poolscope.audit import Definition, audit, html
from poolscope.audit.group import Group, Groups
from poolscope.audit.lexicon import load_pack, packs, prune, save_pack
from poolscope.audit.words import Word
from poolscope.cli import main
from poolscope.kernels.bits import pack
from poolscope.recipe import load

RECIPE = "name: '<b>half</b>'\nkeep:\n- {score: clip_b32, top: 0.5}\n- {flag: sharp}\n"


@pytest.fixture
def groups() -> Groups:
    rng = np.random.default_rng(0)
    masks = {"a.<script>": rng.random(200) < 0.5, "a.few": rng.random(200) < 0.08, "b.most": rng.random(200) < 0.9}
    return Groups.of(
        [Group(Definition(f"g{i}", id[0], id, f"mentions {id}", "by words", "errs", "test"), pack(mask)) for i, (id, mask) in enumerate(masks.items())],
        200,
    )  # fmt: skip


def test_the_report_stands_alone(tiny_pool, groups, tmp_path):
    made = audit(tiny_pool, load(RECIPE), groups=groups, minimum=10, strata="length")
    words = {"g0": ([Word("<img>", 3.0, 0.5, 0.1)], [])}
    page, figures = html.write(made, tmp_path / "out.html", words=words)
    text = page.read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "&lt;img&gt;" in text
    assert "&lt;b&gt;half" in text
    assert "http" not in text.replace("http://www.w3.org", "")
    for part in ("Safeguards", "known error", "errs", "Wilson", "odds ratio within length", "<svg"):
        assert part in text, part
    assert json.loads(figures.read_text())["groups"] == json.loads(json.dumps(made.as_json()))["groups"]


@pytest.mark.parametrize("keep", ["[{score: clip_b32, min: 1000}]", "[]"])
def test_where_nothing_or_everything_is_kept_there_are_no_odds_to_compare(tiny_pool, groups, keep):
    made = audit(tiny_pool, load(f"name: edge\nkeep: {keep}\n"), groups=groups, minimum=10, strata="length")
    assert made.kept in (0, 200)
    for row in made.rows:
        assert (row.odds_ratio, row.odds_low, row.odds_high, row.adjusted, row.p, row.q) == (None,) * 6
    assert made.slopes == {}
    assert made.headline.text in ("nothing is kept", "everything is kept")
    json.dumps(made.as_json(), allow_nan=False)
    assert "1.00 (" not in html.html(made)


def test_small_counts_are_not_in_the_report(tiny_pool, groups):
    made = audit(tiny_pool, load(RECIPE), groups=groups, minimum=10)
    small = next(row for row in made.rows if row.definition.id == "g1")
    assert small.kept is None
    assert "under 10" in html.html(made)


def test_the_command_writes_both_files(tiny_pool, tmp_path, capsys):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE)
    command = ["audit", str(recipe), "--pool", str(tiny_pool.path), "--families", "gender,language", "--minimum", "10"]
    assert main([*command, "--out", str(tmp_path / "r.html"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"pairs", "kept", "groups"} <= told.keys()
    assert {group["family"] for group in told["groups"]} <= {"gender", "language"}
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert json.loads((tmp_path / "r.json").read_text())["kept"] == told["kept"]
    assert main(command) == 0
    assert "detected as English" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--families", "weather"], "no family 'weather'"), (["--minimum", "3"], "fewer than 10"),
        (["--out", "x.pdf"], "does not end in .html"), (["--reference", "nothing.yaml"], "is no file"),
        (["--families", "gender", "--strata", "weather"], "no strata 'weather'"),
    ],
)  # fmt: skip
def test_wrong_input_is_told_in_one_line(tiny_pool, tmp_path, capsys, words, reason):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE)
    assert main(["audit", str(recipe), "--pool", str(tiny_pool.path), *words]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert reason in told[-1]


def test_groups_are_listed(tiny_pool, capsys):
    assert main(["groups", "--pool", str(tiny_pool.path), "--families", "language", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "language.en" in [group["id"] for group in told["groups"]]
    assert "unsafe" in told["absent"]


def test_a_pruned_lexicon_and_the_users_own_shares_are_in_both_files(tiny_pool, tmp_path, capsys):
    captions = ["a black dog runs" if row % 3 else "a black dress in red" for row in range(200)]
    tiny_pool.add_columns({"text": pa.array(captions)}, kind="metadata", made_by={"test": True}, replace=True)
    save_pack(prune(packs(tiny_pool)["race"], "black_word", ["black dress*"]), tiny_pool)
    recipe, shares = tmp_path / "r.yaml", tmp_path / "shares.yaml"
    recipe.write_text("name: r\nkeep:\n- {where: \"text LIKE '%dress%' OR width > 340\"}\n")
    shares.write_text("race.black_word: 0.9\n")
    command = ["audit", str(recipe), "--pool", str(tiny_pool.path), "--families", "race", "--reference", str(shares)]
    assert main([*command, "--out", str(tmp_path / "r.html"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    group = next(one for one in told["groups"] if one["id"] == "race.black_word")
    assert group["n"] == sum("dress" not in caption for caption in captions)
    assert (group["reference"], group["amplified"]) == (0.9, True)
    assert list(told["lexicons"]) == ["race"]
    assert load_pack(told["lexicons"]["race"]) == packs(tiny_pool)["race"]
    page = (tmp_path / "r.html").read_text()
    assert "Lexicon race, as pruned or edited" in page
    assert "black dress*" in page
    assert "<th>amplified</th>" in page

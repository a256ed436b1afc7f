"""The grammar: what it takes, what it refuses, and that YAML goes round."""

import pytest

from poolscope.engine.ready import ready
from poolscope.errors import InputError
from poolscope.recipe import dump, load
from poolscope.recipe.grammar import exact_count

FULL = """
name: everything
note: all the words
scores:
  ncl: {method: cliploss, model: l14, temperature: 0.01}
keep:
  - {score: ncl, top: 0.3}
  - {score: a, top: 0.2, of: kept, ties: all}
  - {score: a, min: 0.1, max: 0.9}
  - {score: a, between: [0.1, 0.5]}
  - {flag: basic}
  - {subset: kept.npy}
  - {where: "width >= 200"}
  - {any: [{flag: b}, {not: {flag: c}}]}
  - {all: [{flag: b}, {score: a, max: 3}]}
  - {tag: mine, off: true}
"""


def test_yaml_goes_round():
    recipe = load(FULL)
    assert load(dump(recipe)) == recipe
    assert recipe.columns() == {"ncl", "a", "basic", "b", "c"}
    assert [rule.label() for rule in recipe.keep][:4] == [
        "ncl top 30 %",
        "a top 20 % of kept with ties",
        "a ≥ 0.1 ≤ 0.9",
        "a 0.1 to 0.5",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("keep:\n- {score: x}", "exactly one of top"),
        ("keep:\n- {score: x, top: 0.1, min: 3}", "exactly one of top"),
        ("keep:\n- {score: x, top: 1.1}", "top is 1.1"),
        ("keep:\n- {score: x, top: .nan}", "fraction"),
        ("keep:\n- {score: x, between: [2, 1]}", "smaller number first"),
        ("keep:\n- {score: x, min: .nan}", "NaN"),
        ("keep:\n- {score: x, min: 1, of: kept}", "belong to top"),
        ("keep:\n- {}", "exactly one of score"),
        ("keep:\n- {flag: a, score: b, top: 1}", "exactly one of score"),
        ("keep:\n- {any: []}", "at least 1"),
        ("kepe:\n- {flag: a}", "'kepe' is not a word"),
        ("- just\n- a list", "holds no recipe"),
        ("keep: [", "not YAML"),
        ("a: &x 1\nkeep: *x", "aliases"),
        ("keep:\n- " + "{not: " * 30 + "{flag: a}" + "}" * 30, "levels"),
        ("!!python/object/apply:os.system ['true']\n", "not YAML"),
    ],
)
def test_wrong_recipes_are_refused_in_one_line(text, message):
    with pytest.raises(InputError, match=message) as error:
        load(text + "\n")
    assert "\n" not in str(error.value)


def test_files(tmp_path):
    (tmp_path / "r.yaml").write_text(FULL)
    assert load(tmp_path / "r.yaml").name == "everything"
    (tmp_path / "b.yaml").write_bytes(b"\xff\x00\xfe")
    for path, message in ((tmp_path / "none.yaml", "no recipe file"), (tmp_path / "b.yaml", "not a text file")):
        with pytest.raises(InputError, match=message):
            load(path)


def test_fractions_are_exact_decimals():
    assert exact_count(0.29, 12_800_000) == 3_712_000  # int(0.29 * 12_800_000) is 3,711,999
    assert [exact_count(f, 100) for f in (0.57, 0.58, 0.1, 1.0, 0.0)] == [57, 58, 10, 100, 0]


def test_ready_recipes_load():
    assert {"no-filter", "basic", "demo-clip-30"} <= ready().keys()

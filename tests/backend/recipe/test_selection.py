"""Selections against a plain definition: sorted lists, one pair at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import load, select, select_columns
from poolscope.recipe.grammar import exact_count
from poolscope.recipe.selection import kth_best


class Table:
    """Columns in memory."""

    def __init__(self, **arrays):
        self._arrays = {name: np.asarray(array) for name, array in arrays.items()}
        self.n = len(next(iter(self._arrays.values())))
        self.rank = np.random.default_rng(self.n).permutation(self.n).astype(np.uint32)

    def array(self, name):
        return self._arrays[name]

    def subset(self, file):
        return self._arrays[file]

    def repeats(self, file):
        return None

    def where(self, sql):
        return self._arrays[sql]

    tag = where


def plain_top(scores, alive, rank, count):
    rows = [row for row in range(len(scores)) if alive[row] and not math.isnan(scores[row])]
    return set(sorted(rows, key=lambda row: (-scores[row], rank[row]))[:count])


values = st.lists(st.sampled_from([math.nan, -1.0, 0.0, 0.25, 0.5, 0.5, 0.75, 1.0]), min_size=1, max_size=60)


@given(
    values, st.sampled_from([0.0, 0.1, 0.29, 0.3, 0.5, 0.99, 1.0]), st.sampled_from(["pool", "kept"]), st.integers(0, 9)
)
@settings(max_examples=200, deadline=None)
def test_top_is_exact_and_breaks_ties_by_uid(scores, fraction, of, seed):
    table = Table(s=np.array(scores, dtype=np.float32), f=np.random.default_rng(seed).random(len(scores)) < 0.7)
    selection = select_columns(load({"keep": [{"flag": "f"}, {"score": "s", "top": fraction, "of": of}]}), table)
    total = int(table.array("f").sum()) if of == "kept" else table.n
    expected = plain_top(table.array("s"), table.array("f"), table.rank, exact_count(fraction, total))
    assert set(np.flatnonzero(selection.mask)) == expected
    assert selection.kept == len(expected)
    assert (selection.dropped_by == np.where(selection.mask, 0, np.where(table.array("f"), 2, 1))).all()


def test_ties_all_is_datacomps_rule():
    rng = np.random.default_rng(0)
    scores = rng.normal(0.2, 0.05, 10_000).astype(np.float16).astype(np.float32)
    table = Table(s=scores)
    kept = select_columns(load({"keep": [{"score": "s", "top": 0.3, "ties": "all"}]}), table).mask
    threshold = -np.sort(-scores)[int(10_000 * 0.3)]
    assert (kept == (scores >= threshold)).all()
    assert kept.sum() > 3001


def test_thresholds_are_inclusive_in_the_scores_precision():
    table = Table(s=np.array([0.1, 0.2, 0.3, np.nan], dtype=np.float32))
    assert select_columns(load({"keep": [{"score": "s", "min": 0.2}]}), table).mask.tolist() == [
        False,
        True,
        True,
        False,
    ]
    assert select_columns(load({"keep": [{"score": "s", "between": [0.1, 0.2]}]}), table).mask.tolist() == [
        True,
        True,
        False,
        False,
    ]


def test_union_intersection_difference_and_nan():
    table = Table(
        s=np.array([1, 2, np.nan, 4], dtype=np.float32),
        f=np.array([True, False, True, False]),
        sub=np.array([0, 1, 1, 0], bool),
    )

    def kept(*rules):
        return select_columns(load({"keep": list(rules)}), table).mask.astype(int).tolist()

    assert kept({"not": {"score": "s", "min": 2}}) == [1, 0, 0, 0]
    assert kept({"any": [{"flag": "f"}, {"score": "s", "min": 4}]}) == [1, 0, 1, 1]
    assert kept({"all": [{"subset": "sub"}, {"score": "s", "max": 2}]}) == [0, 1, 0, 0]
    assert kept({"not": {"any": [{"flag": "f"}, {"subset": "sub"}]}}) == [0, 0, 0, 1]
    assert kept({"not": {"not": {"score": "s", "min": 2}}}) == [0, 1, 0, 1]


def test_counts_and_thresholds_per_rule(tiny_pool):
    selection = select(
        load({"keep": [{"flag": "sharp"}, {"score": "clip_b32", "top": 0.2}, {"where": "width > 200"}]}), tiny_pool
    )
    sharp = int(tiny_pool.array("sharp").sum())
    assert [(count.kept, count.dropped) for count in selection.counts][:2] == [(sharp, 200 - sharp), (40, sharp - 40)]
    lowest = tiny_pool.array("clip_b32")[selection.dropped_by % 3 == 0].min()
    assert selection.counts[1].threshold == pytest.approx(lowest)
    assert selection.as_json()["kept"] == selection.kept == selection.mask.sum()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"score": "nope", "top": 0.1}, "no column 'nope'; it has .*clip_l14"),
        ({"flag": "clip_l14"}, "is a score, not a flag"),
        ({"score": "sharp", "min": 0}, "is a flag, not a score"),
        ({"score": "l14_img", "min": 0}, "is an embedding, not a score"),
        ({"score": "text", "min": 0}, "is not a score"),
        ({"where": "x = 1; drop table"}, "can't be read"),
        ({"subset": "gone.npy"}, "no subset file"),
    ],
)
def test_wrong_rules_are_refused(tiny_pool, rule, message):
    with pytest.raises(InputError, match=message):
        select(load({"keep": [rule]}), tiny_pool)


def test_a_threshold_that_keeps_nothing_is_an_empty_selection(tiny_pool: Pool):
    selection = select(load({"keep": [{"score": "clip_l14", "min": 99}]}), tiny_pool)
    assert (selection.kept, selection.counts[0].dropped) == (0, 200)


@pytest.mark.parametrize("kind", ["normal", "ties", "constant", "sorted", "periodic", "integers"])
def test_the_kth_best_of_many_is_that_of_a_sort(kind):
    rng = np.random.default_rng(0)
    n = (1 << 20) + 12_345
    values = {
        "normal": lambda: rng.standard_normal(n, dtype=np.float32),
        "ties": lambda: rng.integers(0, 9, n).astype(np.float32),
        "constant": lambda: np.full(n, 0.25, np.float32),
        "sorted": lambda: np.arange(n, dtype=np.float32),
        "periodic": lambda: np.where(np.arange(n) % 16 == 0, 0, rng.standard_normal(n)).astype(
            np.float32
        ),  # the sample's
        "integers": lambda: rng.integers(-5, 1 << 40, n),
    }[kind]()
    falling = np.sort(values)[::-1]
    for k in (0, 1, 77, n // 3, n - 2, n - 1):
        assert kth_best(values, k) == falling[k]


def test_a_quota_says_what_it_came_to(tiny_pool):
    sharp = int(tiny_pool.array("sharp").sum())
    counts = select(
        load(
            {
                "keep": [
                    {"flag": "sharp"},
                    {"score": "clip_b32", "top": 0.3},
                    {"score": "clip_b32", "top": 0.5, "of": "kept"},
                ]
            }
        ),
        tiny_pool,
    ).counts
    assert [count.note for count in counts] == ["", f"60 best of the {sharp} left", "30 best of the 60 left"]
    assert [count.wanted for count in counts] == [None, 60, 30]
    assert not any(count.warning for count in counts)


def test_a_quota_beyond_what_is_left_warns_and_keeps_them_all(tiny_pool):
    sharp = int(tiny_pool.array("sharp").sum())
    count = select(load({"keep": [{"flag": "sharp"}, {"score": "clip_b32", "top": 0.9}]}), tiny_pool).counts[1]
    assert (count.kept, count.dropped) == (sharp, 0)
    assert count.warning == f"asks for 180 pairs, but only {sharp} are left: it keeps them all"
    assert count.as_json()["warning"] == count.warning
    assert count.as_json()["left"] == sharp


def test_a_quota_inside_another_rule_warns_too():
    table = Table(s=np.array([1, 2, np.nan, 4], dtype=np.float32), f=np.array([True, False, True, False]))
    rule = {"any": [{"score": "s", "top": 0.9, "ties": "all"}, {"flag": "f"}]}
    count = select_columns(load({"keep": [{"flag": "f"}, rule]}), table).counts[1]
    assert (
        count.warning
        == "s top 90 % with ties: asks for 3 pairs, but only 1 of the 2 left have a score: it keeps them all"
    )


def test_a_rule_that_is_off_is_as_if_it_were_not_there(tiny_pool):
    rules = [{"score": "gone", "top": 0.1, "off": True}, {"flag": "sharp"}]
    rules.append({"any": [{"score": "clip_b32", "min": 9}, {"flag": "sharp", "off": True}], "off": True})
    rules.append({"all": [{"flag": "gone", "off": True}, {"score": "clip_b32", "min": 0.5}]})
    rules.append({"not": {"flag": "sharp", "off": True}})
    recipe = load({"keep": rules})
    assert recipe.columns() == {"sharp", "clip_b32"}
    selection = select(recipe, tiny_pool)
    assert (selection.mask == (tiny_pool.array("sharp") & (tiny_pool.array("clip_b32") >= 0.5))).all()
    assert set(np.unique(selection.dropped_by)) == {0, 2, 4}
    assert [count.off for count in selection.counts] == [True, False, True, False, True]
    assert selection.counts[0].rule == "gone top 10 % (off)"

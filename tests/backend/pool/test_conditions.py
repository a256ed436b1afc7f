"""Conditions: deterministic, of bounded cost, and evaluated as they were checked."""

import resource
import time

import numpy as np
import pytest

from poolscope.errors import InputError
from poolscope.pool import conditions
from poolscope.recipe import load, select

ARGUMENTS = [
    "text", "text, 'a'", "text, 1", "text, 'a', 1", "text, 'a', 'b'", "width", "width, 2", "CAST(width AS DOUBLE)",
    "CAST(width AS DOUBLE), 2.5", "TIMESTAMP '2020-01-01'", "'year', TIMESTAMP '2020-01-01'", "'2020-01-01'", "",
]  # fmt: skip
LISTS = {"array_contains", "array_has", "array_length"}  # the pool of the test has no list


def held(pool, sql: str) -> list[int]:
    return np.flatnonzero(pool.where(sql)).tolist()


@pytest.mark.parametrize("name", sorted(conditions.FUNCTIONS - LISTS))
def test_what_is_allowed_can_be_evaluated(tiny_pool, name):
    failed = []
    for arguments in ARGUMENTS:
        try:
            tiny_pool.where(f"{name}({arguments}) IS NOT NULL")
            return
        except InputError as error:
            failed.append(str(error))
    pytest.fail(failed[0])


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("random() > 0.5", "random()"),
        ("width > 100 * RANDOM()", "random()"),
        ("uuid() > 'a'", "uuid()"),
        ("now() IS NOT NULL", "now()"),
        ("current_timestamp IS NOT NULL", "current_timestamp()"),
        ("current_date > '2020-01-01'", "current_date()"),
        ("localtime IS NOT NULL", "no column of the pool by 'localtime'"),
        ("length(repeat(text, 300000)) > 1", "repeat()"),
        ("`repeat`(text, 3) = 'a'", "repeat()"),
        ("lpad(text, 1000000000) = 'a'", "lpad()"),
        ("array_repeat(1, 1000000000) IS NOT NULL", "array_repeat()"),
        ("replace(replace(text, 'a', 'aaaa'), 'a', 'aaaa') = 'b'", "replace()"),
        ("text = 'a\\' OR random() > 0.5 OR 'b' = 'b'", "random()"),
        ("text IN (SELECT 1)", "SELECT 1"),
        ("SELECT 1", "SELECT 1"),
        ("width > 1; DROP TABLE pairs", "not one condition"),
        ("width > 1 -- or not", "without comments"),
        ("width > ?", "'?'"),
        ("width > :x", "':x'"),
        ("text = $$a$$", "no column of the pool"),
        ("CAST(width AS INT[1000000]) IS NULL", "can't be read"),
        ("CAST(text AS BLOB) IS NULL", "casts to"),
        ("", "not one condition"),
        ("width >", "can't be read"),
        ("'" + "x" * 20_000 + "' = text", "at most 10,000"),
        ("(" * 400 + "true" + ")" * 400, "condition"),
        ("NOT " * 2000 + "true", "condition"),
        (" OR ".join(["width > 1"] * 500), "more than 300 parts"),
        ("concat(" + ", ".join(["text"] * 400) + ") = 'a'", "more than 20 arguments"),
        ("wdith > 1", "no column of the pool by 'wdith'; it has .*width"),
        ("width = " + "9" * 4300, "can't be read"),
        ("width = 1e400", "can't be read"),
        ("width > 'a\ud800'", "can't be"),
    ],
)  # fmt: skip
def test_the_rest_is_refused_in_one_line(tiny_pool, sql, named):
    with pytest.raises(InputError) as error:
        tiny_pool.where(sql)
    assert "\n" not in str(error.value)
    import re

    assert named in str(error.value) or re.search(
        named.replace("(", "\\(").replace(")", "\\)").replace("?", "\\?"), str(error.value)
    )


def test_a_handed_condition_takes_neither_time_nor_memory(tiny_pool):
    recipe = load({"name": "w", "keep": [{"where": "length(repeat(text,300000)) > 1"}]})
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(InputError, match=r"calls repeat\(\), which is not allowed.*allowed are abs, "):
        select(recipe, tiny_pool)
    assert time.perf_counter() - began < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_what_is_evaluated_is_what_was_meant(tiny_pool):
    width, text = tiny_pool.array("width"), tiny_pool.strings("text").to_pylist()
    rows = range(200)
    assert held(tiny_pool, "width >= 200") == [r for r in rows if width[r] >= 200]
    assert held(tiny_pool, "WIDTH >= 200 AND NOT width == 300") == [
        r for r in rows if width[r] >= 200 and width[r] != 300
    ]
    assert held(tiny_pool, "text LIKE '%red%' OR \"a\" = text") == [r for r in rows if "red" in text[r]]
    assert held(tiny_pool, "length(`text`) / 2 > 6") == [r for r in rows if len(text[r]) // 2 > 6]
    assert held(tiny_pool, "text = 'it''s \\'") == []
    assert held(tiny_pool, "width BETWEEN 1 AND 250 AND width IN (100, 200)") == [
        r for r in rows if width[r] in (100, 200)
    ]


def test_the_same_pairs_each_time(tiny_pool):
    sql = "length(text) % 3 = 1 AND coalesce(width, 0) > 100"
    assert held(tiny_pool, sql) == held(tiny_pool, sql)

"""The app's addresses, which anybody can send: whatever stands in one, no page breaks and nothing begins without a click."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from poolscope import jobs
from poolscope.explorer import method_cost
from poolscope.jobs import queue
from poolscope.pool import Pool
from poolscope.projection import Map
from poolscope.projection.maps import save
from tests.fuzz.conftest import SHELL
from tests.fuzz.mutations import TEXTS
from tests.fuzz.test_fuzz import EXAMPLES, tries

RULES: list[Any] = [
    {"score": "clip_l14", "top": 0.5}, {"score": "clip_b32", "min": 0.1, "max": 0.9}, {"flag": "sharp"}, {"where": "width >= 200"},
    {"any": [{"score": "clip_b32", "between": [0.2, 0.8]}, {"not": {"flag": "sharp"}}]}, {"tag": "mine"}, {"subset": "/etc/passwd"},
    {"sample": "clip_l14", "pairs": 50, "penalty": 0.5}, {"where": "repeat(text, 300000000) = 'a'"}, {"score": "clip_l14", "top": 0.5, "off": True},
    {"where": "random() < 0.5"}, {"where": "getenv('HOME') = ''"}, {"score": "dfn", "top": 0.3}, {"flag": "metaclip"},
]  # fmt: skip
SCORES = {
    "dfn": {"method": "dfn"},
    "metaclip": {"method": "metaclip", "metadata": "/dev/zero"},
    "clip_l14": {"method": "random"},
}
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.just(2**63), st.floats(), st.sampled_from(TEXTS), st.text(max_size=20),
    st.sampled_from(["clip_l14", "sharp", "width", "l14_img", "text"]),
)  # fmt: skip
KEYS = st.sampled_from(
    ["score", "flag", "where", "top", "min", "max", "between", "of", "ties", "any", "all", "not", "tag", "subset", "sample", "pairs",
     "penalty", "off", "x"]
)  # fmt: skip
TREES = st.recursive(
    LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(KEYS, one, max_size=3), max_leaves=8
)
RECIPES = st.fixed_dictionaries(
    {"keep": st.lists(st.sampled_from(RULES) | TREES, max_size=3) | TREES},
    optional={"name": LEAVES, "note": LEAVES, "scores": st.just(SCORES) | TREES, "published": TREES, "other": LEAVES},
)  # fmt: skip
OTHERS = st.dictionaries(
    st.sampled_from(["compare", "colour", "view", "pair", "audit-view", "board-view", "methods", "token", "row", "nothing"]),
    st.sampled_from([*TEXTS[:20], "Inside a group", "Compare two", "column.text", "score.clip_l14", json.dumps(RULES)]), max_size=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def pool(_tiny_pool_source, tmp_path_factory) -> Pool:
    import shutil

    import numpy as np

    place = tmp_path_factory.mktemp("address") / "pool"
    shutil.copytree(_tiny_pool_source / "pool", place)
    copied = Pool.open(place)
    rows = np.arange(len(copied), dtype=np.uint32)
    save(copied, Map("l14", rows, np.zeros((len(rows), 2), np.float32), {"model": "l14", "pairs": 200, "points": 200}))
    return copied


@pytest.fixture(autouse=True)
def _of_the_app(pool: Pool, home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLSCOPE_POOL", str(pool.path))
    monkeypatch.setattr(method_cost, "in_background", lambda pool: False)
    monkeypatch.setattr(queue, "_spawn", lambda job_id: None)


def mutated(text: str, places: list[int], letters: str) -> str:
    """`text` with letters replaced, as a link that was cut or changed on its way."""
    for place, letter in zip(places, letters):
        at = place % (len(text) + 1)
        text = text[:at] + letter + text[at + place % 3 :]
    return text


def draw(pool: Pool, query: str, page: str) -> AppTest:
    app = AppTest.from_file(str(SHELL), default_timeout=120)
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        app.query_params[name] = value
    app.run()
    return app.switch_page(f"app_pages/{page}.py").run() if page != "filter" else app


@tries(max(8, EXAMPLES // 3))
@given(
    recipe=RECIPES, others=OTHERS, page=st.sampled_from(["filter", "filter", "filter", "audit", "runs", "bias", "leaderboard", "methods"]),
    places=st.lists(st.integers(0, 10_000), max_size=3), letters=st.text(min_size=3, max_size=3), damaged=st.booleans(),
)  # fmt: skip
def test_no_address_breaks_a_page_or_begins_anything(
    pool: Pool, recipe, others, page, places, letters, damaged
) -> None:
    link = urlencode({**others, "recipe": json.dumps(recipe)}, errors="replace")
    app = draw(pool, mutated(link, places, letters) if damaged else link, page)
    assert [(one.value, one.stack_trace) for one in app.exception] == []
    assert jobs.all() == []
    assert sorted(Pool.open(pool.path).columns) == sorted(pool.columns)


@pytest.mark.parametrize(
    "text", ["[" * 50_000, '{"keep":' * 5_000, "{", '"\\ud800"', '{"keep": [{"score": "clip_l14", "top": ' + "9" * 400 + "}]}", "null", "NaN"]
)  # fmt: skip
def test_an_address_that_is_no_recipe_shows_a_ready_one(pool: Pool, text: str) -> None:
    app = draw(pool, urlencode({"recipe": text}, errors="replace"), "filter")
    assert len(app.exception) == 0
    assert "address" in app.warning[0].value

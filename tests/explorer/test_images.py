"""The gallery of the Filter page: sorted, filtered, paged, selected from; a pair's percentiles and distances."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from poolscope.explorer import images, pair, pools, search
from poolscope.explorer.gallery import Tile, browse
from poolscope.recipe import load, select
from tests.explorer.conftest import texts

RULE = load({"name": "top", "keep": [{"score": "clip_l14", "top": 0.3}]})


@pytest.fixture
def pool(mapped_pool):
    return pools.opened(mapped_pool.path)


def arranged(pool, by=images.OWN_ORDER, falling=False, among=""):
    rows = np.arange(len(pool))[::-1]
    return rows[images._arranged(rows, pool, select(RULE, pool), by, falling, among)]


def test_sorted_by_a_score_by_numbers_and_by_words(pool):
    scores = pool.array("clip_l14")
    missing = int(np.isnan(scores).sum())
    assert missing, "the fixture has pairs without a score; they come last in either direction"
    for falling, sign in ((False, 1), (True, -1)):
        found = scores[arranged(pool, "clip_l14", falling)]
        assert np.isnan(found[-missing:]).all()
        assert (sign * np.diff(found[:-missing]) >= 0).all()
    widths = np.array(pool.take(arranged(pool, "width"), ["width"])["width"].to_pylist())
    assert (np.diff(widths) >= 0).all()
    captions = pool.take(arranged(pool, "text"), ["text"])["text"].to_pylist()
    assert captions == sorted(captions)


def test_a_condition_filters_and_a_wrong_one_is_one_line(start, mapped_pool, pool):
    assert set(arranged(pool, among="(width >= 200)")) == set(np.flatnonzero(pool.where("width >= 200")))
    app = start(mapped_pool, recipe=json.dumps(RULE.as_dict()))
    app.text_input(key="gallery-where").set_value("width >>").run()
    assert not app.exception
    assert len(app.error) == 1
    app.text_input(key="gallery-where").set_value("").run()
    app.text_input(key="gallery-words").set_value("it's '; DROP").run()
    assert not app.exception
    assert not app.error
    assert "None of these pairs passes the filter" in texts(app)


def test_only_a_and_only_b_hold_what_one_recipe_keeps_alone(start, mapped_pool):
    from poolscope.recipe.ready import save

    other = load({"name": "other", "keep": [{"score": "clip_b32", "top": 0.5}]})
    save(other, mapped_pool)
    mine, theirs = select(RULE, mapped_pool).mask, select(other, mapped_pool).mask
    app = start(mapped_pool, recipe=json.dumps(RULE.as_dict()))
    app.session_state["compare_with"] = "other"
    app.run()
    for view, count in (("Only A", (mine & ~theirs).sum()), ("Only B", (theirs & ~mine).sum())):
        app.get_by_key("view").set_value(view).run()
        assert not app.exception
        assert f"**{count}** pairs" in texts(app)
    app.session_state["compare_with"] = None
    app.run()
    assert not app.exception
    assert app.session_state["view"] == "Threshold"


@pytest.mark.parametrize(
    ("said", "expected"),
    [([3, 1, 3], [3, 1]), ([99], []), ("x", []), ([None, 1.0], [1]), (None, [])],
)
def test_only_pairs_that_are_shown_can_be_selected(said, expected, monkeypatch):
    monkeypatch.setattr("poolscope.explorer.gallery._mount", lambda **_: {"selected": said})
    _, marked = browse([Tile(1, "a"), Tile(3, "b")], token="t", label="l", key="k", size=60, on_more=lambda: None)
    assert marked == expected


def test_a_percentile_counts_the_scored_pairs():
    values = np.array([1.0, 2.0, np.nan, 3.0, 4.0])
    assert pair.percentile(values, 3.0) == 0.75
    assert np.isnan(pair.percentile(values, np.nan))
    assert np.isnan(pair.percentile(np.array([np.nan]), 1.0))


def test_a_pair_tells_its_percentile_and_its_distance_to_each_threshold(start, mapped_pool):
    recipe = load({"keep": [{"score": "clip_l14", "top": 0.3}, {"score": "clip_b32", "between": [0.2, 0.6]}]})
    app = start(mapped_pool, recipe=json.dumps(recipe.as_dict()))
    app.session_state["map"] = {"opened": 7}
    app.run()
    assert not app.exception
    distances, facts = (frame.value for frame in app.dataframe[:2])
    scores = mapped_pool.array("clip_b32")
    assert distances["rule"].str.startswith("2").sum() == 2
    assert float(distances["distance"].iloc[1]) == pytest.approx(scores[7] - 0.2, rel=1e-2)
    shown = facts.set_index("column")["percentile"]["clip_b32"]
    assert float(shown.split()[0]) == pytest.approx(100 * (scores <= scores[7]).mean(), abs=0.06)


def test_search_by_an_image_finds_the_nearest_and_refuses_what_is_none(pool, monkeypatch):
    vector = pool.embeddings("l14_img", [11])[0]
    monkeypatch.setattr(search, "_loaded", lambda name: type("Model", (), {"image": staticmethod(lambda data: vector)}))
    monkeypatch.setattr(search.st, "session_state", {"search-bytes": ("digest", b"an image")})
    assert search._search(search.IMAGE, "digest", pool).rows[0] == 11
    assert 11 not in search._search(search.LIKE, "11", pool).rows


def test_the_models_image_refuses_a_file_that_is_none():
    from poolscope.models import Loaded

    loaded = Loaded(None, None, None, "cpu")
    with pytest.raises(ValueError, match="can't be decoded"):
        loaded.image(b"not an image")
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    with pytest.raises(ValueError, match="can't be decoded"):
        loaded.image(buffer.getvalue()[:20])

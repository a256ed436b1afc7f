"""Whole reports on the small pool: sets, sample, families, controls, HTML."""

import json
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest

from poolscope import bias
from poolscope.bias.html import render
from poolscope.bias.sample import draw
from poolscope.bias.sets import overlap
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import load, select

QUICK = ("original", "mean_rgb", "colour", "appearance", "caption_words", "file_facts", "embedding_l14_img")
HALF = "name: half\nkeep:\n  - {score: clip_b32, top: 0.5}\n"
OTHER = "name: other\nkeep:\n  - {flag: sharp}\n"


@pytest.fixture
def pool(tiny_pool: Pool) -> Pool:
    values = np.where(tiny_pool.array("clip_b32") > np.median(tiny_pool.array("clip_b32")), "<b>high</b>", "low")
    tiny_pool.add_columns({"kind": pa.array(values.tolist())}, kind="metadata", made_by={"test": True})
    return tiny_pool


def test_sets_are_what_the_recipes_say(pool):
    half, other = load(HALF), load(OTHER)
    kept, dropped = bias.kept_and_dropped(half, pool)
    assert (len(kept), len(dropped)) == (100, 100)
    assert set(kept.rows) == set(np.flatnonzero(select(half, pool).mask))
    both = bias.of_recipes([half, other], pool)
    assert overlap(both) == np.count_nonzero(select(half, pool).mask & select(other, pool).mask)
    only = bias.of_recipes([half, other], pool, exclusive=True)
    assert overlap(only) == 0
    assert {part.name: len(part) for part in bias.by_column("kind", pool)} == {"<b>high</b>": 100, "low": 100}


@pytest.mark.parametrize(("column", "said"), [("text", "values"), ("l14_img", "embedding"), ("nope", "no column")])
def test_columns_that_make_no_sets(pool, column, said):
    with pytest.raises(InputError, match=said):
        bias.by_column(column, pool)


def test_an_empty_side_is_refused(pool):
    with pytest.raises(InputError, match="0 pairs"):
        bias.kept_and_dropped(load("name: all\nkeep: []\n"), pool)


def test_the_sample_depends_on_uids_not_on_order(pool):
    sets = bias.by_column("kind", pool)
    sample = draw(sets, per_set=30, size=32, seed=1)
    again = draw([bias.PairSet(part.name, part.pool, part.rows[::-1]) for part in sets], per_set=30, size=32, seed=1)
    assert np.array_equal(sample.rows, again.rows)
    assert np.array_equal(sample.images, again.images)
    assert sample.images.shape == (60, 32, 32, 3)
    assert sample.unreadable == (0, 0)
    nested = draw(sets, per_set=20, size=32, seed=1)
    assert set(nested.rows) < set(sample.rows)


def test_unreadable_images_are_counted_and_replaced(pool, tmp_path):
    places = pool.strings("image").to_pylist()
    broken = pa.array([place if row % 4 else str(tmp_path / "gone.png") for row, place in enumerate(places)])
    pool.add_columns({"image": broken}, kind="metadata", made_by={"test": True}, replace=True)
    sample = draw(bias.by_column("kind", pool.reload()), per_set=30, size=32)
    assert sample.counts.tolist() == [30, 30]
    assert sum(sample.unreadable) > 5
    assert (sample.rows % 4 > 0).all()


def test_a_whole_report(pool):
    settings = bias.Settings(per_set=100, size=32, families=QUICK, seed=3)
    seen = []
    report = bias.build(bias.by_column("kind", pool), settings, progress=lambda d, n, m="", **f: seen.append(d / n))
    assert seen[-1] == 1
    assert seen == sorted(seen)
    assert report["chance"] == 0.5
    found = {one["family"]: one for one in report["families"]}
    assert set(found) == set(QUICK)
    for one in found.values():
        assert one["low"] <= one["accuracy"] <= one["high"]
        assert 0.3 < one["accuracy"] < 0.7  # `kind` has nothing to do with images, captions or embeddings
        assert np.sum(one["confusion"]) == 200
    assert found["mean_rgb"]["published"]["accuracy"] == 0.485
    assert found["mean_rgb"]["published"]["here"] == pytest.approx(0.5 + 0.5 * (0.485 - 1 / 3) / (2 / 3))
    assert len(report["controls"]["null"]["runs"]) == 5
    assert report["controls"]["memorisation"][-1]["per_set"] == 50
    assert "model" in report["objects"]["missing"] or "tower" in report["objects"]["missing"]
    assert len(report["examples"]["sets"][0]["typical"]["pool_rows"]) == 24
    path = bias.save(report, pool)
    assert bias.kept_reports(pool) == [path]
    assert json.loads(path.read_text())["families"] == json.loads(json.dumps(report["families"]))
    again = bias.build(bias.by_column("kind", pool), settings)
    assert [one["accuracy"] for one in again["families"]] == [one["accuracy"] for one in report["families"]]


def test_a_difference_that_is_there_is_found(pool):
    captions = [("a photo of " if row % 2 else "drawing number ") + str(row) for row in range(200)]
    pool.add_columns({"text": pa.array(captions), "odd": pa.array(["odd" if row % 2 else "even" for row in range(200)])},
                     kind="metadata", made_by={"test": True}, replace=True)  # fmt: skip
    report = bias.build(
        bias.by_column("odd", pool.reload()), bias.Settings(size=32, families=("caption_words", "mean_rgb"))
    )
    found = {one["family"]: one for one in report["families"]}
    assert found["caption_words"]["accuracy"] > 0.95
    assert found["caption_words"]["p"] < 0.01
    assert found["mean_rgb"]["accuracy"] < 0.65
    even = report["sets"][0]["name"] == "even"
    assert {"photo"} <= {row["word"] for row in report["words"][int(even)]}
    assert abs(report["controls"]["null"]["accuracy"] - 0.5) < 0.1
    assert 0.3 < report["controls"]["shortcut"] < 0.7  # a control that nobody asked for is there all the same


def test_other_patch_sizes_are_measured_when_named(pool):
    sets = bias.by_column("kind", pool)
    report = bias.build(sets, bias.Settings(size=32, per_set=40, families=("patch_shuffle_8_fixed", "original")))
    assert {one["family"] for one in report["families"]} == {"patch_shuffle_8_fixed", "original"}
    assert set(report["controls"]["harmonised"]) == {"original", "harmonised", "lost"}
    with pytest.raises(InputError, match="patch_shuffle_7"):
        bias.build(sets, bias.Settings(size=32, families=("patch_shuffle_7_fixed",)))


class _Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]


def test_html_stands_alone_and_captions_stay_text(pool):
    captions = ["<script>alert(1)</script> <img src=x onerror=alert(1)> evil word"] * 200
    pool.add_columns({"text": pa.array(captions)}, kind="metadata", made_by={}, replace=True)
    report = bias.build(
        bias.by_column("kind", pool.reload()),
        bias.Settings(size=32, per_set=40, families=("original", "caption_words")),
    )
    page = render(report)
    parsed = _Addresses()
    parsed.feed(page)
    assert "script" not in parsed.tags
    assert all(address.startswith("data:image/webp;base64,") for address in parsed.found)
    assert "<b>high</b>" not in page
    assert "&lt;b&gt;high&lt;/b&gt;" in page
    assert "published" in page


def test_target_sets_are_compared_by_embeddings(pool, tmp_path):
    from poolscope.targets import add_target

    rng = np.random.default_rng(0)
    np.save(tmp_path / "target.npy", rng.normal(size=(60, 16)).astype(np.float32) + 1.5)
    add_target(pool, "shifted", tmp_path / "target.npy", model="l14")
    sets = bias.with_target(bias.of_pools([pool], [None])[0], "shifted", "l14")
    report = bias.build(sets, bias.Settings())
    assert [one["family"] for one in report["families"]] == ["embedding_l14_img"]
    assert report["families"][0]["accuracy"] > 0.85
    assert {one["family"] for one in report["left_out"]} >= {"original", "caption_words", "file_facts"}
    assert "target set (l14)" in render(report)


def test_two_pools(pool, tmp_path):
    import shutil

    shutil.copytree(pool.path, tmp_path / "copy")
    sets = bias.of_pools([pool, Pool.open(tmp_path / "copy")], [None, load(HALF)])
    assert [len(part) for part in sets] == [200, 100]
    report = bias.build(sets, bias.Settings(size=32, families=("original", "embedding_l14_txt")))
    assert report["groups"]["same pair"] == 100
    assert report["families"][0]["accuracy"] < 0.65  # the same pairs can't be told apart


def test_settings_out_of_range():
    for wrong in ({"per_set": 3}, {"size": 20}, {"folds": 1}, {"classifier": "x"}, {"threshold": 0.0}, {"epochs": 0}):
        with pytest.raises(InputError):
            bias.Settings(**wrong)

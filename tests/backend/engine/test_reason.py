"""Why a pair was dropped: which rule, and by how much it missed it, against the columns themselves."""

import numpy as np
import pytest

from poolscope import engine
from poolscope.engine.reason import reason
from poolscope.pool import Pool
from poolscope.recipe import PoolColumns, load, select
from poolscope.scores import build


@pytest.fixture
def why(tiny_pool: Pool):
    def ask(rule: dict, row: int, pool: Pool = tiny_pool) -> str:
        recipe = load({"name": "r", "keep": [rule]})
        return reason(row, recipe, select(recipe, pool), PoolColumns(pool))

    return ask


def test_a_score_tells_the_distance_to_its_threshold(tiny_pool, why):
    b32 = tiny_pool.array("clip_b32")
    low = int(np.argmin(b32))
    threshold = float(np.sort(b32)[::-1][59])
    said = f"{b32[low]:.4g}, {threshold - b32[low]:.3g} below the threshold {threshold:.4g}"
    assert why({"score": "clip_b32", "top": 0.3}, low) == f"dropped by rule 1, clip_b32 top 30 %: {said}"
    assert why({"score": "clip_b32", "min": 0.0}, low) == "kept by all rules"
    assert why({"score": "clip_l14", "min": -9}, 0).endswith("it has no score")


def test_conditions_and_subsets_tell_the_value(tiny_pool, why, tmp_path):
    assert why({"where": "width >= 200 AND height = 250"}, 0).endswith(": width is 150, height is 250")
    np.save(tmp_path / "none.npy", tiny_pool.uids()[:0])
    assert why({"subset": str(tmp_path / "none.npy")}, 5).endswith("its uid is not in the file")
    assert why({"not": {"where": "width >= 0"}}, 5).endswith("width >= 0 holds for it")
    assert why({"not": {"score": "clip_l14", "min": 0}}, 0).endswith("it has no score")


def test_any_and_all_tell_each_part_that_was_missed(tiny_pool, why):
    b32 = tiny_pool.array("clip_b32")
    row = int(np.argmin(b32))
    parts = [{"score": "clip_b32", "top": 0.5}, {"where": "width < 0"}]
    said = why({"any": parts}, row)
    assert "missed clip_b32 top 50 % (" in said
    assert "below the threshold" in said
    assert f", and width < 0 (width is {150 + row})" in said
    assert "width is" not in why({"all": [parts[0], {"where": "width >= 0"}]}, row)


def test_flags_tell_what_their_method_measured(tiny_pool, why):
    pool = engine.run(tiny_pool, build("basic"))
    assert why({"flag": "basic"}, 1, pool).endswith("not en, shorter side 151 pixels, 49 fewer than 200")
    assert "its language is fr (" in why({"flag": "basic"}, 1, pool)
    pool = engine.run(pool, build("image_size", min_side=160, max_aspect=1.5), column="large")
    said = "shorter side 150 pixels, 10 fewer than 160, sides 1.67 to 1, more than 1.5"
    assert why({"flag": "large"}, 0, pool) == f"dropped by rule 1, large: {said}"
    pool = engine.run(pool, build("caption_length", min_words=4), column="long")
    assert why({"flag": "long"}, 4, pool).endswith("2 words, 2 fewer than 4, 4 characters, 2 fewer than 6")
    pool = engine.run(pool, build("laion2b", threshold=2.0 / 2, detector="fasttext"), column="laion")
    b32 = float(pool.array("clip_b32")[0])
    assert f"clip_b32 {b32:.4g}, {1 - b32:.3g} below 1" in why({"flag": "laion"}, 0, pool)
    dropped = int(np.flatnonzero(~pool.array("sharp"))[0])
    assert why({"flag": "sharp"}, dropped, pool) == "dropped by rule 1, sharp"


def test_near_duplicates_tell_their_number(tiny_pool, why):
    pool = engine.run(tiny_pool, build("dedup", embedding="l14_img", threshold=0.3))
    dropped = int(np.flatnonzero(~pool.array("dedup"))[0])
    size = int(pool.array("duplicates")[dropped])
    assert why({"flag": "dedup"}, dropped, pool).endswith(f"one of {size} near-duplicates, of which another stays")


def test_a_flag_reads_the_extra_columns_of_its_own_name(tiny_pool, why):
    tiny_pool.add_columns({"language": np.zeros(200, np.int32)}, kind="metadata", made_by={"import": "a table"})
    pool = engine.run(tiny_pool, build("text_based"))
    said = why({"flag": "text_based"}, 1, pool)
    assert "its language is fr, not en" in said
    wordless = int(np.flatnonzero(~pool.array("names_entity"))[0])
    assert "no word of its caption is in the list" in why({"flag": "text_based"}, wordless, pool)

"""Caption length, image size and LAION-2B's rule on a real pool, against their definitions in plain Python."""

import numpy as np
import pyarrow as pa
import pytest

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.laion2b import choose_detector, cld3_languages


def test_caption_length(tiny_pool: Pool) -> None:
    pool = run(tiny_pool, build("caption_length"))
    captions = pool.strings("text").to_pylist()
    expected = [len(caption.split()) > 2 and len(caption) > 5 for caption in captions]
    assert pool.array("caption_length").tolist() == expected
    assert 0 < sum(expected) < len(expected)
    assert pool.array("words").tolist() == [len(caption.split()) for caption in captions]
    assert pool.array("characters").tolist() == [len(caption) for caption in captions]
    longer = run(pool, build("caption_length", min_words=5), column="longer").array("longer")
    assert longer.tolist() == [len(caption.split()) >= 5 and len(caption) > 5 for caption in captions]


def test_image_size(tiny_pool: Pool) -> None:
    pool = run(tiny_pool, build("image_size"), column="large")
    pairs = list(zip(pool.array("width").tolist(), pool.array("height").tolist(), strict=True))
    expected = [min(pair) >= 200 and max(pair) / min(pair) <= 3 for pair in pairs]
    assert pool.array("large").tolist() == expected
    assert 0 < sum(expected) < len(expected)
    square = run(pool, build("image_size", min_side=1, max_aspect=1.0), column="square").array("square")
    assert square.tolist() == [width == height for width, height in pairs]


def test_laion2b(tiny_pool: Pool) -> None:
    pool = run(tiny_pool, build("laion2b", threshold=0.5, detector="fasttext"))
    english = np.array(pool.strings("language").to_pylist()) == "en"
    score = pool.array("clip_b32")
    np.testing.assert_array_equal(pool.array("laion2b"), english & (score >= np.float32(0.5)))
    assert 0 < pool.array("laion2b").sum() < english.sum()


def test_laion2b_says_which_detector_it_used(tiny_pool: Pool) -> None:
    detector = choose_detector("auto")
    columns = build("laion2b").outputs(tiny_pool)
    assert ("language_cld3" in columns) == (detector == "cld3")
    assert ("language" in columns) == (detector == "fasttext")
    if detector == "fasttext":
        with pytest.raises(InputError, match=r"pip install 'poolscope\[cld3\]'"):
            choose_detector("cld3")


def test_laion2b_takes_the_language_of_cld3(tiny_pool: Pool) -> None:
    gcld3 = pytest.importorskip("gcld3")
    pool = run(tiny_pool, build("laion2b", threshold=-1, detector="cld3"))
    model = gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=1000)
    captions = pool.strings("text").to_pylist()
    expected = [model.FindLanguage(text=caption.replace("\n", " ")).language for caption in captions]
    assert pool.strings("language_cld3").to_pylist() == expected
    assert (pool.array("laion2b") == (np.array(expected) == "en") & np.isfinite(pool.array("clip_b32"))).all()
    assert cld3_languages(pa.array([None, "", " \n", "a photo of a dog"])).to_pylist() == ["", "", "", "en"]


def test_a_pair_without_a_score_is_not_kept(tiny_pool: Pool) -> None:
    pool = run(tiny_pool, build("laion2b", clip="clip_l14", threshold=-1, detector="fasttext"))
    assert not pool.array("laion2b")[:3].any()


def test_english_is_fasttexts_first_label(tiny_pool: Pool) -> None:
    from poolscope.text.language import identifier

    pool = run(tiny_pool, build("english"))
    captions = pool.strings("text").to_pylist()
    expected = [identifier().predict(caption, k=1)[0][0] == "__label__en" for caption in captions]
    assert pool.array("english").tolist() == expected
    assert 0 < sum(expected) < len(expected)


def test_random_is_uniform_nested_and_another_for_another_seed(tiny_pool: Pool) -> None:
    pool = run(run(tiny_pool, build("random", seed=1), column="a"), build("random", seed=2), column="b")
    one, two = pool.array("a"), pool.array("b")
    assert ((one >= 0) & (one < 1)).all()
    assert abs(one.mean() - 0.5) < 4 / np.sqrt(12 * 200)
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.3

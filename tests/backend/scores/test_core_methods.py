"""The first methods against their definitions, written out one pair at a time."""

import numpy as np
import pyarrow as pa
import pytest

from poolscope import engine
from poolscope.kernels.hashing import draw, uniform
from poolscope.scores import build
from poolscope.scores.clip_score import cosine
from poolscope.text.language import identifier, languages

CAPTIONS = [
    "A dog runs\nover the grass",
    "un chat noir dort sur le lit",
    "",
    None,
    "写真",
    "a b c",
    "one\u2003two three",
    "ab c",
]


def test_language_is_fasttexts_first_label_with_newlines_as_spaces():
    codes, probability = languages(pa.array(CAPTIONS))
    model = identifier()
    for caption, code, chance in zip(CAPTIONS, codes.to_pylist(), probability):
        if not (caption or "").strip():
            assert (code, chance) == ("", 0), "no word, no language"
            continue
        labels, chances = model.predict(caption.replace("\n", " "), k=1)
        assert code == (labels[0].removeprefix("__label__") if labels else "")
        assert chance == pytest.approx(chances[0] if len(chances) else 0.0)
    assert codes.to_pylist()[:2] == ["en", "fr"]


def test_caption_lengths_are_pythons():
    scored = build("caption_length").score({"text": pa.array([*CAPTIONS, "longish words", "a b c d"])}, None)
    assert scored["words"].tolist() == [*(len((caption or "").split()) for caption in CAPTIONS), 2, 4]
    assert scored["characters"].tolist() == [*(len(caption or "") for caption in CAPTIONS), 13, 7]
    assert scored[""].tolist() == [True, True, False, False, False, False, True, False, False, True]


def test_image_sizes_are_inclusive():
    width = np.array([200, 199, 600, 601, 200, 0, np.nan])
    height = np.array([200, 600, 200, 200, 600, 0, 300])
    kept = build("image_size").score({"width": width, "height": height}, None)
    assert kept.tolist() == [True, False, True, False, True, False, False]


def test_basic_is_the_reference_row_by_row(tiny_pool):
    pool = engine.run(tiny_pool, build("basic"))
    model = identifier()
    for pair, kept in zip(pool.take(range(200), ["text", "width", "height"]).to_pylist(), pool.array("basic")):
        text, low, high = pair["text"], min(pair["width"], pair["height"]), max(pair["width"], pair["height"])
        english = model.predict(text.replace("\n", " "), k=1)[0][0] == "__label__en"
        assert kept == (english and len(text.split()) > 2 and len(text) > 5 and low >= 200 and high / low <= 3.0)


def test_cosine_knows_no_score_for_zero_and_nan():
    image = np.array([[1, 0], [0, 0], [np.nan, 1], [3, 4]], dtype=np.float32)
    text = np.array([[0, 1], [1, 0], [1, 0], [3, 4]], dtype=np.float32)
    assert np.array_equal(cosine(image, text), np.array([0, np.nan, np.nan, 1], dtype=np.float32), equal_nan=True)


def test_hash_is_uniform_and_depends_on_nothing_but_its_arguments():
    hi, lo = np.random.default_rng(0).integers(0, 2**64, (2, 100_000), dtype=np.uint64)
    numbers = uniform(7, hi, lo)
    assert np.array_equal(uniform(7, hi[::-1], lo[::-1])[::-1], numbers)
    assert abs(numbers.mean() - 0.5) < 0.005
    assert np.histogram(numbers, 10, (0, 1))[0].min() > 9_500
    assert abs(np.corrcoef(numbers, uniform(8, hi, lo))[0, 1]) < 0.02
    assert draw(0, np.uint64(1), np.uint64(2), 3) != draw(0, np.uint64(1), np.uint64(3), 2)
    assert numbers.min() >= 0
    assert numbers.max() < 1

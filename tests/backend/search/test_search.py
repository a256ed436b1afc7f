"""Search finds the exact nearest, the words as they stand, and says what is wrong."""

import numpy as np
import pytest

from poolscope.errors import InputError
from poolscope.search import by_meaning, by_word, nearest, neighbours
from poolscope.search.words import terms


def test_nearest_is_exact_across_tiles(tiny_pool, monkeypatch):
    monkeypatch.setattr("poolscope.search.meaning.TILE", 17)
    vectors = tiny_pool.embeddings("l14_img", np.arange(200))
    query = np.random.default_rng(3).normal(size=16).astype(np.float32)
    found = nearest(tiny_pool, query, "l14_img", limit=25)
    expected = np.argsort(-(vectors @ query), kind="stable")[:25]
    assert found.rows.tolist() == expected.tolist()
    assert found.similarity == pytest.approx((vectors @ query)[expected], abs=1e-5)


def test_neighbours_leave_out_the_pair_itself(tiny_pool):
    found = neighbours(tiny_pool, 7, model="l14", limit=5)
    vectors = tiny_pool.embeddings("l14_img", np.arange(200))
    cosine = vectors @ vectors[7]
    cosine[7] = -2
    assert found.rows.tolist() == np.argsort(-cosine, kind="stable")[:5].tolist()


def test_by_meaning_encodes_the_text(tiny_pool):
    asked = []

    def encode(text: str) -> np.ndarray:
        asked.append(text)
        return tiny_pool.embeddings("l14_img", [11])[0]

    found = by_meaning(tiny_pool, "  a cat ", encode=encode, model="l14", limit=3)
    assert asked == ["a cat"]
    assert found.rows[0] == 11
    with pytest.raises(InputError, match="nothing to search for"):
        by_meaning(tiny_pool, "  ", encode=encode, model="l14")


def test_a_vector_of_another_model_is_refused(tiny_pool):
    with pytest.raises(InputError, match="the query has 3 numbers"):
        nearest(tiny_pool, np.ones(3), "l14_img")
    with pytest.raises(InputError, match="no embedding 'b32_img'"):
        nearest(tiny_pool, np.ones(16), "b32_img")


def test_words_must_all_occur_whatever_the_case(tiny_pool):
    captions = tiny_pool.take(np.arange(200), ["text"])["text"].to_pylist()
    found = by_word(tiny_pool, "CHAT noir", limit=10)
    expected = [row for row, text in enumerate(captions) if "chat" in text and "noir" in text]
    assert found.rows.tolist() == expected[:10]
    assert found.total == len(expected)
    assert by_word(tiny_pool, '"noir chat"').total == 0
    assert by_word(tiny_pool, '"chat noir"').total == len(expected)


@pytest.mark.parametrize("query", ["it's", "100%", "a'; drop table", "_", "\\"])
def test_words_are_taken_literally(tiny_pool, query):
    captions = tiny_pool.take(np.arange(200), ["text"])["text"].to_pylist()
    expected = sum(all(word in text.lower() for word in terms(query)) for text in captions)
    assert by_word(tiny_pool, query).total == expected


def test_no_words_are_refused(tiny_pool):
    for query in ("", "  ", '""'):
        with pytest.raises(InputError, match="nothing to search for"):
            by_word(tiny_pool, query)

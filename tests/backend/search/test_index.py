"""Search by an index finds what reading everything finds, and follows a pool that grows."""

import numpy as np
import pyarrow as pa
import pytest

from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.search import by_word, index, nearest, neighbours

PAIRS, DIM = 12_000, 32


def pairs(rng: np.random.Generator, count: int, schema: pa.Schema) -> pa.RecordBatch:
    vectors = rng.normal(size=(40, DIM))[rng.integers(0, 40, count)] + rng.normal(size=(count, DIM)) * 0.4
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    words = np.array(["a", "the", "red", "blue", "Cat", "dog,", "bicycle", "house", "tree", "boat"])
    values = {
        "uid_hi": rng.integers(0, 2**63, count, dtype=np.uint64), "uid_lo": np.arange(count, dtype=np.uint64),
        "text": [" ".join(row) for row in words[rng.integers(0, len(words), (count, 4))]],
        "l14_img": pa.FixedSizeListArray.from_arrays(pa.array(unit.ravel()), DIM),
    }  # fmt: skip
    return pa.record_batch(values, schema=schema)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory) -> Pool:
    fields = pa.schema([("text", pa.utf8()), ("l14_img", pa.list_(pa.float16(), DIM))])
    pool = Pool.create(tmp_path_factory.mktemp("indexed") / "pool", fields, {"source": "test"})
    rng = np.random.default_rng(0)
    pool.append([pairs(rng, PAIRS, pool.schema)])
    told = []
    assert index(pool, progress=lambda done, total, what="": told.append(what)) == ["text", "l14_img"]
    assert any(what.startswith("index of l14_img") for what in told)
    pool.append([pairs(rng, 50, pool.schema)])  # not in the index
    return pool


def test_nearest_by_the_index_agrees_with_exact_search(indexed):
    rng = np.random.default_rng(1)
    found = 0
    for row in (5, 700, PAIRS + 7):
        query = indexed.embeddings("l14_img", [row])[0] + rng.normal(size=DIM) * 0.02
        quick, plain = (
            nearest(indexed, query, "l14_img", limit=20),
            nearest(indexed, query, "l14_img", limit=20, exact=True),
        )
        assert quick.by_index
        assert not plain.by_index
        assert quick.rows[0] == plain.rows[0] == row
        shared = np.isin(quick.rows, plain.rows)
        found += int(shared.sum())
        assert quick.similarity[0] == pytest.approx(plain.similarity[0], abs=2e-3)
    assert found >= 57
    assert 5 not in neighbours(indexed, 5, model="l14", limit=12).rows.tolist()


def test_words_are_found_as_whole_words_the_best_first(indexed):
    texts = indexed.take(np.arange(len(indexed)), ["text"])["text"].to_pylist()
    split = [text.lower().replace(",", "").split() for text in texts]
    expected = {row for row, words in enumerate(split) if {"cat", "red"} <= set(words)}
    hits = by_word(indexed, "red CAT", limit=10_000)
    assert hits.by_index
    assert set(hits.rows.tolist()) == expected
    assert hits.total == len(expected)
    assert max(expected) >= PAIRS
    phrase = by_word(indexed, '"red cat"', limit=10_000)
    assert set(phrase.rows.tolist()) == {row for row, words in enumerate(split) if "red cat" in " ".join(words)}
    assert by_word(indexed, "bicy").total == 0
    assert by_word(indexed, "bicy", exact=True).total > 100
    assert not by_word(indexed, "cat,").by_index


def test_scores_can_be_added_after_the_index_and_it_stays(indexed):
    indexed.add_columns({"new": np.zeros(len(indexed), np.float32)}, kind="score", made_by={})
    assert nearest(indexed, np.ones(DIM), "l14_img", limit=3).by_index


def test_small_pools_and_other_columns_are_refused(indexed, tiny_pool):
    with pytest.raises(InputError, match="200 pairs; an index helps from 10,000 on"):
        index(tiny_pool)
    with pytest.raises(InputError, match="'uid_hi' is a key, not a embedding"):
        index(indexed, ["uid_hi"])

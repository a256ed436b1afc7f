"""Search by an index finds what reading everything finds, and follows a pool that grows."""

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.search import by_both, by_word, index, nearest, neighbours

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
    assert found >= 54  # of 60: the rotation of the index is random
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
    with pytest.raises(InputError, match="'uid_hi' is a key, not an embedding"):
        index(indexed, ["uid_hi"])


def test_a_condition_comes_before_the_search(indexed):
    """Prefilter: the nearest, and the best captions, among the few pairs for which it holds."""
    query = indexed.embeddings("l14_img", [5])[0]
    where = "uid_lo >= 6000 AND uid_lo < 6100"
    among = np.flatnonzero(indexed.where(where))
    cosine = indexed.embeddings("l14_img", among) @ query
    expected = among[np.lexsort((among, -cosine))][:10]
    plain = nearest(indexed, query, "l14_img", limit=10, where=where, exact=True)
    quick = nearest(indexed, query, "l14_img", limit=10, where=where)
    assert not plain.by_index
    assert quick.by_index
    assert plain.rows.tolist() == expected.tolist()
    assert len(np.intersect1d(quick.rows, expected)) >= 9
    assert np.isin(quick.rows, among).all()
    texts = indexed.take(among, ["text"])["text"].to_pylist()
    cats = {int(row) for row, text in zip(among, texts) if "cat" in text.lower().split()}
    hits = by_word(indexed, "cat", where=where)
    assert hits.by_index
    assert set(hits.rows.tolist()) == cats
    assert set(by_word(indexed, "cat", where=where, exact=True).rows.tolist()) == cats
    for exact in (False, True):
        with pytest.raises(InputError, match="condition 'nope > 1' names no column"):
            nearest(indexed, query, "l14_img", where="nope > 1", exact=exact)
        with pytest.raises(InputError, match="condition 'nope > 1' names no column"):
            by_word(indexed, "cat", where="nope > 1", exact=exact)
    assert nearest(indexed, query, "l14_img", limit=10, where="uid_lo < 0").total == 0


def test_by_both_fuses_two_rankings(indexed):
    vector = indexed.embeddings("l14_img", [5])[0]
    for where in (None, "uid_lo < 4000"):
        words = by_word(indexed, "red cat", limit=100, where=where).rows.tolist()
        near = nearest(indexed, vector, "l14_img", limit=100, where=where).rows.tolist()
        hits = by_both(indexed, "red cat", encode=lambda _: vector, model="l14", limit=20, where=where)
        points = dict.fromkeys(words + near, 0.0)
        for ranking in (words, near):
            for place, row in enumerate(ranking, start=1):
                points[row] += 1 / (60 + place)
        assert hits.rows.tolist() == sorted(points, key=lambda row: (-points[row], row))[:20]
        assert hits.total == len(points)
    assert 5 in hits.rows[:3]


def test_plain_lancedb_finds_by_the_same_indexes(indexed):
    table = lancedb.connect(indexed.uri).open_table("pairs")
    vector = indexed.embeddings("l14_img", [5])[0].astype(np.float16)
    found = table.search(vector, vector_column_name="l14_img").distance_type("dot").refine_factor(50)
    assert found.where("uid_lo < 4000").limit(3).to_pandas()["uid_lo"][0] == 5
    words = table.search("cat", query_type="fts").where("uid_lo < 4000").limit(10_000)
    hits = by_word(indexed, "cat", where="uid_lo < 4000", limit=10_000)
    assert sorted(words.to_pandas()["text"]) == sorted(indexed.take(hits.rows, ["text"])["text"].to_pylist())

"""The engine: columns from methods, resumed after a crash, with provenance, whatever the workers."""

from dataclasses import dataclass

import numpy as np
import pytest

from poolscope import engine
from poolscope.engine.records import Records
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import METHODS, build
from poolscope.scores.base import Method, Unit
from poolscope.scores.clip_score import cosine


@dataclass(frozen=True, kw_only=True)
class Fragile(Method):
    """Dies at the second unit until told otherwise; its units are lists of rows."""

    id = "fragile"
    title = "Fragile"
    calls = []
    dies = True

    def units(self, pool):
        rows = np.random.default_rng(0).permutation(len(pool))
        return [Unit(f"part-{number}", rows=part) for number, part in enumerate(np.array_split(rows, 4))]

    def compute(self, pool, unit, state, progress):
        if unit.id == "part-1" and Fragile.dies:
            raise RuntimeError("killed")
        Fragile.calls.append(unit.id)
        return {"": unit.rows.astype(np.float32)}


def test_a_score_with_its_provenance(tiny_pool):
    pool = engine.run(tiny_pool, build("clip_score", model="l14"), column="cosine")
    expected = cosine(pool.embeddings("l14_img", range(200)), pool.embeddings("l14_txt", range(200)))
    assert np.array_equal(pool.array("cosine"), expected)
    assert pool.columns["cosine"].kind == "score"
    made_by = pool.columns["cosine"].made_by
    assert (made_by["method"], made_by["parameters"], made_by["rows"]) == ("clip_score", {"model": "l14"}, 200)


def test_flags_leave_their_parts_as_columns(tiny_pool):
    pool = engine.run(engine.run(tiny_pool, build("basic")), build("english"))
    assert {"basic", "english", "language", "words", "characters"} <= pool.columns.keys()
    assert pool.columns["words"].kind == "metadata"
    assert pool.strings("language").to_pylist()[1] == "fr"


def test_finished_units_are_not_computed_again(tiny_pool):
    Fragile.calls, Fragile.dies = [], True
    with pytest.raises(RuntimeError, match="killed"):
        engine.run(tiny_pool, Fragile())
    assert "fragile" not in Pool.open(tiny_pool.path).columns
    Fragile.dies = False
    pool = engine.run(tiny_pool, Fragile())
    assert Fragile.calls == ["part-0", "part-1", "part-2", "part-3"]
    assert pool.array("fragile").tolist() == list(range(200))
    assert not list((pool.path / "work").glob("*/*.arrow"))


def test_running_twice_is_one_run_and_names_are_not_taken_over(tiny_pool):
    pool = engine.run(tiny_pool, build("random", seed=1))
    assert engine.run(pool, build("random", seed=1)).version == pool.version
    with pytest.raises(InputError, match="exists already, made in another way"):
        engine.run(pool, build("random", seed=2))
    assert not np.array_equal(
        engine.run(pool, build("random", seed=2), replace=True).array("random"), pool.array("random")
    )


def test_new_pairs_are_scored_by_running_again(tiny_pool):
    pool = engine.run(tiny_pool, build("random"))
    names = [name for name in pool.schema.names if name != "random"]
    more = pool.take([0, 1], names)
    pool.append(more.to_batches())
    assert np.isnan(pool.array("random")[-2:]).all()
    assert np.array_equal(engine.run(pool, build("random")).array("random")[-2:], pool.array("random")[:2])


def test_processes_give_the_same_column(tiny_pool):
    names = tiny_pool.schema.names
    tiny_pool.append(tiny_pool.take(range(50), names).to_batches())
    alone = engine.run(tiny_pool, build("random"), column="a").array("a")
    together = engine.run(tiny_pool.reload(), build("random"), column="b", workers=2).array("b")
    assert np.array_equal(alone, together)


def test_a_record_of_another_length_is_an_error(tiny_pool):
    types = build("random").outputs(tiny_pool)
    with pytest.raises(ValueError, match="2 values of '' for 3 pairs"):
        Records(tiny_pool.path, {"x": 1}).write(Unit("u", 0, 3), {"": np.zeros(2, np.float32)}, types)


@pytest.mark.parametrize(
    ("id", "parameters", "message"),
    [
        ("nope", {}, "no method 'nope'; the methods are"),
        ("random", {"seeed": 1}, "no parameter 'seeed'; it has seed"),
        ("random", {"seed": "one"}, "must be a valid integer"),
        ("random", {"seed": -1}, "allowed is 0"),
    ],
)
def test_wrong_methods_are_named(id, parameters, message):
    with pytest.raises(InputError, match=message):
        build(id, **parameters)


def test_a_missing_embedding_is_named(tiny_pool):
    with pytest.raises(InputError, match="no column 'b32_img'"):
        engine.run(tiny_pool, METHODS["clip_score"](model="b32"))


def test_extra_columns_of_another_meaning_stand_beside_those_there(tiny_pool):
    tiny_pool.add_columns({"language": np.arange(200, dtype=np.int32)}, kind="metadata", made_by={"import": "a table"})
    pool = engine.run(tiny_pool, build("basic"))
    assert pool.array("language").tolist() == list(range(200)), "what was imported stays"
    assert pool.strings("basic_language").to_pylist()[1] == "fr"
    once = engine.run(pool, build("dedup", embedding="l14_img", threshold=0.3))
    twice = engine.run(once, build("dedup", embedding="l14_img", threshold=0.5), column="strict")
    assert np.array_equal(twice.array("duplicates"), once.array("duplicates"))
    assert twice.array("strict_duplicates").sum() < once.array("duplicates").sum()
    again = engine.run(twice, build("dedup", embedding="l14_img", threshold=0.5), replace=True)
    assert np.array_equal(again.array("duplicates"), twice.array("strict_duplicates")), "its own are replaced"
    assert "dedup_duplicates" not in again.columns


def test_extra_columns_of_the_same_meaning_are_shared(tiny_pool):
    pool = engine.run(engine.run(tiny_pool, build("basic")), build("caption_length", min_words=2))
    assert "caption_length_words" not in pool.columns
    assert pool.columns["words"].made_by["method"] == "basic"


def test_extra_columns_grow_with_the_pool(tiny_pool):
    pool = engine.run(tiny_pool, build("caption_length"))
    names = [name for name in pool.schema.names if name not in ("caption_length", "words", "characters")]
    pool.append(pool.take([0, 1], names).to_batches())
    grown = engine.run(pool, build("caption_length"))
    assert grown.array("words")[-2:].tolist() == grown.array("words")[:2].tolist()


def test_an_extra_column_without_a_free_name_is_named(tiny_pool):
    for name in ("words", "long_words"):
        tiny_pool.add_columns({name: np.zeros(200, np.float32)}, kind="score", made_by={"test": True})
    with pytest.raises(InputError, match="'words' and 'long_words' exist already"):
        engine.run(tiny_pool, build("caption_length"), column="long")

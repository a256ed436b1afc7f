"""Pairs that can't be scored: zero and NaN embeddings, empty and missing captions and sizes, by every method."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.pool.columns import fixed_list, matrix
from poolscope.scores import METHODS, build
from poolscope.targets import add_examples, add_target
from tests.backend.scores.pairs import unit
from tests.backend.scores.test_independence import CASES, COLUMNS, SCORES, SETTINGS, examples

ZERO, NAN, EMPTY, NULL, SIZELESS = range(5)
BY_EMBEDDING = {
    "clip_score", "cliploss", "normsim", "vas", "vas_d", "normsim_d", "image_based", "dedup", "hype",
}  # fmt: skip
BY_CAPTION = {
    "basic",
    "english",
    "caption_length",
    "text_based",
    "laion2b",
    "metaclip",
    "metaclip_balanced",
    "metaclip_worldwide",
}


@pytest.fixture(scope="module")
def broken(_tiny_pool_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """The tiny pool with five pairs that lack something."""
    whole = Pool.open(_tiny_pool_source / "pool")
    table = whole.take(range(len(whole)), ["uid_hi", "uid_lo", *COLUMNS])
    for name in ("l14_img", "l14_txt"):
        vectors = matrix(table[name]).copy()
        vectors[ZERO], vectors[NAN] = 0, np.nan
        table = table.set_column(table.schema.get_field_index(name), name, fixed_list(vectors))
    captions = table["text"].to_pylist()
    captions[EMPTY], captions[NULL] = "", None
    table = table.set_column(table.schema.get_field_index("text"), "text", pa.array(captions))
    widths = [None if row == SIZELESS else width for row, width in enumerate(table["width"].to_pylist())]
    table = table.set_column(table.schema.get_field_index("width"), "width", pa.array(widths, table["width"].type))
    folder = tmp_path_factory.mktemp("edges")
    pool = Pool.create(folder / "pool", table.schema, {"source": "broken on purpose", "root": whole.origin.get("root")})
    pool.append(table.to_batches())
    for name in ("clip_l14", "clip_b32"):
        pool.add_columns({name: whole.array(name)}, kind="score", made_by={})
    pool.add_columns({"third": np.random.default_rng(7).random(len(pool), np.float32)}, kind="score", made_by={})
    np.save(folder / "near.npy", unit(np.random.default_rng(5).normal(size=(12, 16))))
    add_target(pool, "near", folder / "near.npy", model="l14")
    add_examples(pool, "training", examples(), model="l14", source="a test")
    return pool


@pytest.mark.parametrize("name", CASES)
def test_what_can_not_be_scored_is_never_kept(broken: Pool, name: str) -> None:
    values = run(broken, build(name, **CASES[name]), column=f"as_{name}").array(f"as_{name}")
    missing = [*([ZERO, NAN] if name in BY_EMBEDDING else []), *([EMPTY, NULL] if name in BY_CAPTION else [])]
    if name in ("basic", "image_size"):
        missing.append(SIZELESS)
    for row in missing:
        assert not values[row] if values.dtype == bool else np.isnan(values[row]), row
    rest = np.delete(values, missing)
    assert rest.any() if values.dtype == bool else np.isfinite(rest).sum() > 0


def test_the_settings_are_those_of_methods() -> None:
    assert SETTINGS.keys() <= METHODS.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_method_says_what_is_empty_instead_of_keeping_nothing(broken: Pool, name: str, tmp_path: Path) -> None:
    needed = [one for one in build(name, **CASES[name]).needs() if one not in SCORES]
    for empty in needed:
        table = broken.take(range(50), ["uid_hi", "uid_lo", *COLUMNS])
        place = table.schema.get_field_index(empty)
        table = table.set_column(place, table.schema.field(place), pa.nulls(50, table.schema.field(place).type))
        pool = Pool.create(tmp_path / empty, table.schema, broken.origin)
        pool.append(table.to_batches())
        for score in SCORES:
            pool.add_columns({score: np.zeros(50, np.float32)}, kind="score", made_by={})
        before = pool.version
        with pytest.raises(InputError, match=f"needs '{empty}', which is empty"):
            run(pool, build(name, **CASES[name]))
        assert pool.reload().version == before


def test_batches_and_references_may_exceed_the_pool(broken: Pool) -> None:
    for name, parameters in (("cliploss", {"batch_size": 10**6}), ("hype", {"model": "l14", "references": 10**6})):
        column = f"large_{name}"
        values = run(broken, build(name, **CASES[name] | parameters), column=column).array(column)
        assert np.isfinite(values).sum() >= 195 - 3  # two embeddings and three CLIP scores are missing


@pytest.mark.parametrize("name", ["normsim", "vas", "image_based", "dedup"])
def test_a_target_of_another_dimension_is_refused(broken: Pool, name: str) -> None:
    path = broken.path / "targets" / "flat" / "l14.npy"
    path.parent.mkdir(exist_ok=True)
    np.save(path, unit(np.ones((3, 7))).astype(np.float16))
    parameters = CASES[name] | {"against" if name == "dedup" else "target": "flat"}
    with pytest.raises(InputError, match="dimension"):
        run(broken, build(name, **parameters), column=f"flat_{name}")

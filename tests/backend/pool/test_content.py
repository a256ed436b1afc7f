"""The digest of a column: what it holds decides, not fragments, batches or the pool's place."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from poolscope.pool import Pool
from poolscope.pool.content import column_digest

COLUMNS = {
    "float": pa.array([1.0, None, float("nan"), 4.0] * 50, pa.float32()),
    "int": pa.array([1, None, 3, 4] * 50, pa.int64()),
    "flag": pa.array([True, None, False, True] * 50),
    "text": pa.array(["a", None, "", "bc"] * 50),
    "nested": pa.array([[[1.0]], None, [], [[2.0, 3.0]]] * 50, pa.list_(pa.list_(pa.float64()))),
    "half": pa.array(np.arange(200, dtype=np.float16)),
}


def digest(column: pa.Array, size: int, most: int = 1000) -> str:
    def scan(first: int, last: int) -> list[pa.RecordBatch]:
        return pa.table({"x": column}).slice(first, last - first).to_batches(max_chunksize=size)

    return column_digest(column.type, scan, 0, len(column), most)


@pytest.mark.parametrize("name", COLUMNS)
def test_cuts_do_not_matter_and_every_value_does(name: str) -> None:
    column = COLUMNS[name]
    assert digest(column, 7) == digest(column, 200)
    changed = pa.concat_arrays([column[:150], column[:1], column[151:]])
    assert changed != column
    assert digest(changed, 50) != digest(column, 50)
    if column.null_count and name != "float":  # of a score null is NaN
        filled = column.fill_null(column[2]) if name != "nested" else pa.concat_arrays([column[:1]] * 200)
        assert digest(filled, 50) != digest(column, 50)


def test_borders_between_texts_count() -> None:
    assert digest(pa.array(["ab", "c"]), 10) != digest(pa.array(["a", "bc"]), 10)


def test_a_long_text_column_is_known_by_spread_samples() -> None:
    lines = [f"caption {number}" for number in range(5000)]
    assert digest(pa.array(lines), 100, most=1600) == digest(pa.array(lines), 999, most=1600)
    for place in (0, 4999):
        other = [*lines]
        other[place] = "another"
        assert digest(pa.array(other), 100, most=1600) != digest(pa.array(lines), 100, most=1600)
    assert digest(pa.array(lines[:-1]), 100, most=1600) != digest(pa.array(lines), 100, most=1600)


def test_of_a_pool_fragments_and_place_do_not_matter(tiny_pool: Pool, tmp_path: Path) -> None:
    table = tiny_pool.take(range(200), ["uid_hi", "uid_lo", "text", "l14_img", "clip_l14", "sharp", "width"])
    other = Pool.create(tmp_path / "other", table.schema, {})
    for part in np.array_split(np.arange(200), 3):
        other.append(table.take(pa.array(part)).to_batches())
    for name in ("text", "l14_img", "clip_l14", "sharp", "width"):
        assert other.digest(name) == tiny_pool.digest(name)
        assert tiny_pool.digest(name, start=10) != tiny_pool.digest(name)
    before = other.digest("clip_l14")
    values = other.array("clip_l14").copy()
    values[77] += 1
    other.add_columns({"clip_l14": values}, kind="score", made_by={}, replace=True)
    assert other.digest("clip_l14") != before

"""What goes out comes back: each export, imported again, has the same pairs."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from poolscope.export import export_dataset, export_shards, export_table
from poolscope.pool import Pool
from poolscope.recipe import Recipe, select
from poolscope.sources import look

CAPTIONS = [
    'a "quoted" caption, with commas', "two\nlines\tand a tab", "=1+1", "  spaces around  ", "ünïcode 漢字 🎈", "0007",
    "3.10", "null", "['a list', 'as text', ]x", "<b>bold</b> & {braces}", "'", "back\\slash",
]  # fmt: skip
SEEN = ["uid", "id", "text", "url", "width", "height", "similarity", "likes", "language", "safe"]


@pytest.fixture
def pool(tmp_path):
    rng = np.random.default_rng(0)
    source = tmp_path / "source"
    source.mkdir()
    rows = []
    for n, text in enumerate(CAPTIONS):
        form = ("PNG", "JPEG", "WEBP", "GIF")[n % 4]
        made = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (20 + n, 30, 3), dtype=np.uint8)).save(made, form)
        (source / f"{n}.{form.lower()}").write_bytes(made.getvalue())
        rows.append({
            "file_name": f"{n}.{form.lower()}", "text": text, "id": f"Own-{n:03d}", "url": f"https://example.org/{n}?a=1,2",
            "similarity": 0.1 * n if n % 3 else None, "likes": n if n % 5 else None, "language": ["de", "", "en"][n % 3] or None,
            "safe": n % 2 == 0,
        })  # fmt: skip
    (source / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    look(str(source)).run(tmp_path / "pool")
    return Pool.open(tmp_path / "pool")


def pairs(pool):
    names = [name for name in SEEN if name == "uid" or name in pool.columns]
    rows = pool.take(range(len(pool)), names).to_pylist()
    images = pool.images(range(len(pool)))
    return sorted(({name: row.get(name) for name in SEEN} for row in rows), key=lambda row: row["uid"]), {
        row["uid"]: image for row, image in zip(rows, images)
    }


def again(path, tmp_path):
    report = look(str(path)).run(tmp_path / "again")
    assert not report.skipped, report.skipped
    return Pool.open(tmp_path / "again")


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_table(pool, tmp_path, name):
    everything = select(Recipe(name="all"), pool)
    export_table(pool, everything, tmp_path / name, columns=SEEN)
    assert pairs(again(tmp_path / name, tmp_path))[0] == pairs(pool)[0]


@pytest.mark.parametrize(
    "options", [{"metadata": "jsonl"}, {"metadata": "csv"}, {"form": "parquet", "shard_size": 5}], ids=str
)
def test_a_dataset(pool, tmp_path, options):
    export_dataset(pool, select(Recipe(name="all"), pool), tmp_path / "out", **options)
    assert pairs(again(tmp_path / "out", tmp_path)) == pairs(pool)


def test_shards(pool, tmp_path):
    export_shards(pool, select(Recipe(name="all"), pool), tmp_path / "out", shard_size=5)
    back, images = pairs(again(tmp_path / "out", tmp_path))
    before, were = pairs(pool)
    kept = ("uid", "id", "text", "url", "width", "height")
    assert [{k: row[k] for k in kept} for row in back] == [{k: row[k] for k in kept} for row in before]
    assert images == were


def test_an_embedding_goes_out_and_comes_back(tiny_pool, tmp_path):
    everything = select(Recipe(name="all"), tiny_pool)
    for name in ("out.jsonl", "out.parquet"):
        export_table(tiny_pool, everything, tmp_path / name, columns=["uid", "text", "url", "l14_img"])
        made = again(tmp_path / name, tmp_path / name.replace(".", "-"))
        rows = made.rows_of(tiny_pool.uids())
        assert pa.types.is_fixed_size_list(made.schema.field("l14_img").type)
        assert np.abs(made.embeddings("l14_img", rows) - tiny_pool.embeddings("l14_img", range(len(rows)))).max() < 2e-3

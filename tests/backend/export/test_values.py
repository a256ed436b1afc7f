"""Tables as text files and datasets with images: what is written is what `datasets` and an import read back."""

import csv
import io
import json
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest
import webdataset
from open_clip_train.data import filter_no_caption_or_no_image
from PIL import Image

from poolscope.errors import InputError
from poolscope.export import export_dataset, export_shards, export_table
from poolscope.export.values import harmless
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.sources import Options, import_webdataset, look
from tests.conftest import image_bytes, write_shard

ALL = load({"name": "all", "keep": []})
ODD = ['=1+1', "a, b", 'say "hi"', "two\nlines", "tab\there", "ünï 🙂", "+49 123", "-x", "@me", "plain", "0007"]  # fmt: skip


def encoded(number: int, form: str) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(image_bytes(number))).save(out, form)
    return out.getvalue()


@pytest.fixture
def pool(tmp_path):
    """Captions that break tables, ids, floats with NaN, several captions of an image, images of several formats."""
    samples = []
    for number, text in enumerate(ODD):
        about = {
            "id": f"{number:04d}",
            "url": f"http://x.org/{number}",
            "similarity": number / 10,
            "nsfw": number % 2 > 0,
        }
        form = ["PNG", "JPEG", "WEBP", "AVIF", "BMP", "GIF"][number % 6]
        samples.append({"__key__": str(number), "jpg": encoded(number, form), "txt": text.encode(),
                        "json": json.dumps(about).encode()})  # fmt: skip
    several = {"captions": ["first of two", "second of two"], "original_width": 900, "original_height": 700}
    samples.append({"__key__": "several", "jpg": image_bytes(50), "json": json.dumps(several).encode()})
    samples.append({"__key__": "alone", "png": image_bytes(51), "txt": b"no json at all"})
    write_shard(tmp_path / "in.tar", samples)
    import_webdataset(tmp_path / "in.tar", tmp_path / "pool")
    return Pool.open(tmp_path / "pool")


def pairs(pool: Pool, *more: str) -> set:
    """uid, caption, id, size and image of every pair."""
    table = pool.take(range(len(pool)), ["uid", "text", "url", "width", "height", *more]).to_pylist()
    return {
        (*((value or None) for value in row.values()), image)
        for row, image in zip(table, pool.images(range(len(pool))))
    }


def test_shards_come_back_as_the_same_pairs(pool, tmp_path):
    export_shards(pool, select(ALL, pool), tmp_path / "out")
    report = import_webdataset(tmp_path / "out", tmp_path / "again")
    assert dict(report.skipped) == {}
    again = Pool.open(tmp_path / "again")
    more = ("id", "image_id", "similarity", "nsfw")
    assert set(again.columns) == set(pool.columns)
    assert pairs(again, *more) == pairs(pool, *more)


def test_shards_have_the_extension_that_the_bytes_are(pool, tmp_path):
    export_shards(pool, select(ALL, pool), tmp_path / "out")
    with tarfile.open(tmp_path / "out" / "00000000.tar") as tar:
        for member in tar:
            ending = member.name.rpartition(".")[2]
            if ending not in ("txt", "json"):
                form = Image.open(io.BytesIO(tar.extractfile(member).read())).format.lower()
                assert {"jpg": "jpeg"}.get(ending, ending) == form


def test_open_clip_and_webdataset_read_the_shards(pool, tmp_path):
    export_shards(pool, select(ALL, pool), tmp_path / "out")
    shards = str(tmp_path / "out" / "{00000000..00000000}.tar")
    read = webdataset.WebDataset(shards, shardshuffle=False).select(filter_no_caption_or_no_image).decode("pilrgb")
    read = list(read.rename(image="jpg;png;jpeg;webp", text="txt"))
    assert len(read) == sum(number % 6 < 3 for number in range(len(ODD))) + 3  # the formats that open_clip names
    assert {one["image"].size for one in read} == {(64, 48)}
    texts = {one["txt"] for one in webdataset.WebDataset(shards, shardshuffle=False).decode()}
    assert texts == {*ODD, "first of two", "second of two", "no json at all"}


@pytest.mark.parametrize("metadata", ["jsonl", "csv"])
def test_datasets_reads_the_image_folder(pool, tmp_path, metadata, monkeypatch):
    datasets = pytest.importorskip("datasets")
    made = export_dataset(pool, select(ALL, pool), tmp_path / "out", metadata=metadata, recipe=ALL)
    assert (made.written, made.missing) == (len(pool), 0)
    read = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(read) == len(pool)
    texts = pool.take(range(len(pool)), ["text"])["text"].to_pylist()
    assert sorted(read["text"]) == sorted(texts)
    sizes = {row["uid"]: row["image"].size for row in read}
    assert set(sizes.values()) == {(64, 48)}
    assert json.loads((tmp_path / "out.recipe.json").read_text())["counts"]["kept"] == len(pool)


def test_datasets_reads_the_parquet(pool, tmp_path):
    datasets = pytest.importorskip("datasets")
    made = export_dataset(pool, select(ALL, pool), tmp_path / "out", form="parquet", shard_size=5)
    assert made.files == 3
    read = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(read.features["image"], datasets.Image)
    assert read["text"][:] == pool.take(range(len(pool)), ["text"])["text"].to_pylist()
    assert read[0]["image"].size == (64, 48)
    raw = pq.read_table(tmp_path / "out" / "data")["image"].to_pylist()
    assert [one["bytes"] for one in raw] == pool.images(range(len(pool)))
    assert {one["path"].rpartition(".")[2] for one in raw} == {"png", "jpg", "webp", "avif", "bmp", "gif"}


def test_an_image_folder_comes_back_as_the_same_pairs(pool, tmp_path):
    export_dataset(
        pool, select(ALL, pool), tmp_path / "out", metadata="csv", columns=["uid", "text", "url", "width", "height"]
    )
    look(tmp_path / "out" / "metadata.csv", Options(image="file_name")).run(tmp_path / "again")
    assert pairs(Pool.open(tmp_path / "again")) == pairs(pool)


def test_pairs_without_an_image_are_listed(tiny_pool, tmp_path):
    root = tiny_pool.path.parent
    export_dataset(tiny_pool, select(ALL, tiny_pool), tmp_path / "all")
    nowhere = Pool.open(tiny_pool.path)
    nowhere.add_columns(
        {"image": np.array(["gone.tar"] * 100 + [None] * 100, object)}, kind="metadata", made_by={}, replace=True
    )
    with pytest.raises(InputError, match="none of the 200 kept pairs has a readable image"):
        export_dataset(nowhere.reload(), select(ALL, nowhere), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*part"))
    assert root.exists()


def test_a_place_that_is_taken_is_left_alone(tiny_pool, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.txt").write_text("x")
    with pytest.raises(InputError, match="is not empty"):
        export_dataset(tiny_pool, select(ALL, tiny_pool), tmp_path / "mine")
    (tmp_path / "t.csv").write_text("mine")
    with pytest.raises(InputError, match="--force"):
        export_table(tiny_pool, select(ALL, tiny_pool), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "mine"
    export_table(tiny_pool, select(ALL, tiny_pool), tmp_path / "t.csv", force=True)
    assert (tmp_path / "t.csv").read_text().startswith('"uid","text"')


def test_csv_and_json_lines_keep_every_value(pool, tmp_path):
    columns = ["uid", "text", "id", "similarity", "nsfw", "face_bboxes"]
    rows = pool.take(range(len(pool)), columns).to_pylist()
    export_table(pool, select(ALL, pool), tmp_path / "t.jsonl", columns=columns)
    assert [json.loads(row) for row in (tmp_path / "t.jsonl").read_text().split("\n")[:-1]] == rows
    export_table(pool, select(ALL, pool), tmp_path / "table.out", columns=columns, form="csv")
    with (tmp_path / "table.out").open(newline="") as handle:
        read = list(csv.DictReader(handle))
    assert [row["text"] for row in read] == [row["text"] for row in rows]
    assert [row["id"] for row in read] == [row["id"] or "" for row in rows]


def test_nan_is_null_in_json_lines(tiny_pool, tmp_path):
    export_table(tiny_pool, select(ALL, tiny_pool), tmp_path / "t.jsonl", columns=["uid", "clip_l14", "l14_img"])
    first = json.loads((tmp_path / "t.jsonl").read_text().splitlines()[0])
    assert first["clip_l14"] is None
    assert len(first["l14_img"]) == 16


def test_formulas_are_quoted_on_request(pool, tmp_path):
    export_table(pool, select(ALL, pool), tmp_path / "t.csv", safe_cells=True)
    with (tmp_path / "t.csv").open(newline="") as handle:
        texts = [row["text"] for row in csv.DictReader(handle)]
    assert texts[:1] + texts[6:10] == ["'=1+1", "'+49 123", "'-x", "'@me", "plain"]
    assert harmless(" \n=cmd|' /C calc'!A0").startswith("'")
    assert harmless("＝1") == "'＝1"


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("t.xlsx", {}, "--format"),
        ("t", {"form": "excel"}, "parquet, csv or jsonl"),
        ("t.jsonl", {"safe_cells": True}, "is for CSV"),
        ("t.csv", {"columns": ["l14_img"]}, "embedding"),
        ("t.csv", {"columns": ["nope"]}, "no column 'nope'"),
    ],
)
def test_what_a_table_can_not_be(tiny_pool, tmp_path, name, options, says):
    with pytest.raises(InputError, match=says):
        export_table(tiny_pool, select(ALL, tiny_pool), tmp_path / name, **options)
    assert not list(tmp_path.glob("*t*.part"))
    assert not (tmp_path / name).exists()

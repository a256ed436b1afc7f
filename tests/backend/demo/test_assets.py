"""The shipped assets: sizes, pairs, thumbnails, and that nothing held out is in the pool."""

import io
import re
import zipfile
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image

from poolscope.bench.tasks import Task, tasks_list
from poolscope.bench.tasks.shards import samples
from poolscope.demo.image import difference_hash
from poolscope.demo.pairs import SCHEMA, uid
from poolscope.paths import ASSETS

DEMO = ASSETS / "demo"
MB = 1_000_000


@pytest.fixture(scope="module")
def pairs() -> pa.Table:
    return pq.read_table(DEMO / "pairs.parquet")


@pytest.fixture(scope="module")
def archive() -> bytes:
    return (DEMO / "thumbnails.zip").read_bytes()


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return [task for task in tasks_list(DEMO / "tasks") if task.suite == "demo"]


def test_sizes_stay_in_their_bounds() -> None:
    sizes = {path: path.stat().st_size for path in DEMO.rglob("*") if path.is_file()}
    teacher = sizes.pop(DEMO / "teacher.safetensors")
    assert teacher <= 20 * MB
    assert sizes.pop(DEMO / "records.zip") <= 3 * MB
    training = sum(sizes.pop(path) for path in list(sizes) if "train" in path.parts)
    assert training <= 4 * MB  # of which the tars' padding is three quarters: packed they are below 1 MB
    assert sum(sizes.values()) <= 21 * MB


def test_pairs_are_many_and_well_formed(pairs: pa.Table) -> None:
    assert pairs.schema == SCHEMA
    assert 20_000 <= len(pairs) <= 60_000
    uids = pairs["uid"].to_pylist()
    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in uids)
    assert all(text.strip() for text in pairs["text"].to_pylist())
    assert pc.min(pairs["width"]).as_py() > 0
    rows = pairs.slice(0, 50).to_pylist()
    assert [row["uid"] for row in rows] == [uid(row["url"], row["text"]) for row in rows]


def test_both_sources_and_fourteen_languages_are_there(pairs: pa.Table) -> None:
    assert set(pairs["source"].to_pylist()) == {"openclipart", "emoji"}
    languages = Counter(filter(None, pairs["caption_language"].to_pylist()))
    assert len(languages) == 14
    assert min(languages.values()) > 300


def test_real_diseases_are_kept(pairs: pa.Table) -> None:
    texts = Counter(pairs["text"].to_pylist())
    assert texts["gramastar"] > 1000
    assert any(text.startswith("HASH(0x") for text in texts)
    assert any("@" in text and " " not in text for text in texts)
    width, height = pairs["width"].to_numpy(), pairs["height"].to_numpy()
    assert (np.maximum(width, height) > 3 * np.minimum(width, height)).sum() > 100


def test_at_most_a_tenth_is_planted_and_never_with_an_own_caption(pairs: pa.Table) -> None:
    planted = pairs["planted"].to_numpy()
    assert 0.05 < planted.mean() <= 0.10
    true = pairs.filter(pa.array(~planted))
    own = set(zip(true["sha256"].to_pylist(), true["text"].to_pylist()))
    wrong = pairs.filter(pa.array(planted))
    assert not own & set(zip(wrong["sha256"].to_pylist(), wrong["text"].to_pylist()))


def test_every_place_reads_a_image(pairs: pa.Table, archive: bytes) -> None:
    rows = pairs.select(["image", "image_offset", "image_bytes", "width", "height"]).to_pylist()
    assert {row["image"] for row in rows} == {"thumbnails.zip"}
    for row in rows:
        start = archive[row["image_offset"] : row["image_offset"] + 12]
        assert start[:4] == b"RIFF"
        assert start[8:] == b"WEBP"
    for row in rows[::997]:
        content = archive[row["image_offset"] : row["image_offset"] + row["image_bytes"]]
        with Image.open(io.BytesIO(content)) as image:
            assert 1 <= max(image.size) <= 96
            image.load()


def test_there_are_tasks_of_different_kinds(tasks: list[Task]) -> None:
    assert len(tasks) >= 7
    assert {task.kind for task in tasks} >= {"classification", "groups", "retrieval"}
    assert max(task.classes or 0 for task in tasks) >= 100
    assert sum(task.size or 0 for task in tasks) < 4000


def test_tasks_are_readable(tasks: list[Task]) -> None:
    for task in tasks:
        assert task.root is not None
        found = list(samples(task.root))
        assert len(found) == task.size, task.key
        if task.kind != "retrieval":
            names = (task.root / "classnames.txt").read_text().splitlines()
            assert len(names) == task.classes
            assert {sample.label for sample in found} == set(range(len(names))), task.key
            templates = (task.root / "zeroshot_classification_templates.txt").read_text().splitlines()
            assert all("{c}" in template for template in templates)
        else:
            assert all(sample.captions for sample in found)
        assert all(len(sample.metadata) == len(task.fields) for sample in found if task.fields)


def test_no_held_out_image_is_in_the_pool(pairs: pa.Table, archive: bytes, tasks: list[Task]) -> None:
    """By difference hash of the shrunk images: a held-out one is far from every clip art in the pool."""
    places = {
        (row["image_offset"], row["image_bytes"])
        for row in pairs.select(["image_offset", "image_bytes", "source"]).to_pylist()
        if row["source"] == "openclipart"
    }
    pool = []
    for offset, size in sorted(places)[::3]:
        with Image.open(io.BytesIO(archive[offset : offset + size])) as image:
            pool.append(_print(image))
    known = np.frombuffer(b"".join(pool), np.uint64).reshape(len(pool), -1)
    clear = np.bitwise_count(known).sum(1) >= 24
    for task in tasks:
        if task.root is None or not task.key.startswith(("clipart", "flags")):
            continue
        for sample in samples(task.root):
            with Image.open(io.BytesIO(sample.image or b"")) as image:
                own = np.frombuffer(_print(image), np.uint64)
            if np.bitwise_count(own).sum() >= 24:
                assert np.bitwise_count(known[clear] ^ own).sum(1).min() > 2, (task.key, sample.key)


def _print(image: Image.Image) -> bytes:
    small = image.convert("RGB")
    small.thumbnail((56, 56))
    return difference_hash(small)


def test_the_shipped_report_writes_percent_as_the_pages_do():
    with zipfile.ZipFile(DEMO / "records.zip") as archive:
        report = archive.read("reports/bias-demo.json").decode()
    assert re.search(r"\d %", report)
    assert not re.findall(r"\d%", report)

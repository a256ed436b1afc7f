"""Shards by the tar index: DataComp's layout, multiplicities, the truth about what is missing, the same bytes always."""

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from poolscope.errors import InputError
from poolscope.export import export_shards, export_subset
from poolscope.export.blur import blur_faces, widened
from poolscope.export.writer import TarWriter
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.sources import import_datacomp, index_shards
from tests.backend.sources.test_datacomp import write_pair
from tests.backend.sources.test_tars import shard_of

ALL = load({"name": "all", "keep": []})


@pytest.fixture
def pool(tmp_path):
    """60 pairs; rows 50 to 59 are in no shard; the second tar holds the rows in another order."""
    write_pair(tmp_path / "m", 0)
    import_datacomp(tmp_path / "m", tmp_path / "pool", embeddings=())
    pool = Pool.open(tmp_path / "pool")
    shard_of(pool, range(30), tmp_path / "shards" / "00000000.tar")
    shard_of(pool, range(49, 29, -1), tmp_path / "shards" / "00000001.tar", start=100)
    index_shards(pool, tmp_path / "shards")
    return pool.reload()


def contents(directory):
    """`{name of member: bytes}` of each tar, in order."""
    found = []
    for path in sorted(directory.glob("*.tar")):
        with tarfile.open(path) as tar:
            found.append({member.name: tar.extractfile(member).read() for member in tar})
    return found


def test_members_are_copied_as_they_are(pool, tmp_path):
    made = export_shards(pool, select(ALL, pool), tmp_path / "out", shard_size=20)
    assert (made.shards, made.written, made.missing, made.unreadable) == (3, 50, 10, 0)
    tars = contents(tmp_path / "out")
    assert [len(tar) // 3 for tar in tars] == [16, 17, 17]
    uids = pool.take([*range(30), *range(49, 29, -1)], ["uid"])["uid"].to_pylist()
    names = [name for tar in tars for name in tar]
    assert names == [f"{uid}-0.{extension}" for uid in uids for extension in ("png", "json", "txt")]
    with tarfile.open(tmp_path / "shards" / "00000001.tar") as tar:
        original = [tar.extractfile(member).read() for member in tar]
    assert [content for tar in tars for content in tar.values()][90:] == original
    missing = (tmp_path / "out" / "missing.txt").read_text().split()
    assert missing == sorted(pool.take(range(50, 60), ["uid"])["uid"].to_pylist())
    assert json.loads((tmp_path / "out" / "00000000_stats.json").read_text())["successes"] == 16
    assert json.loads((tmp_path / "out" / "meta.json").read_text())["output_shard_count"] == 3
    assert (np.load(tmp_path / "out" / "sample_ids.npy") == pool.uids_ascending()).all()


def test_multiplicities_of_a_subset_file(pool, tmp_path):
    uids = pool.uids()
    listed = np.sort(np.concatenate([uids[[3, 3, 3, 7, 55, 55]], np.array([(1, 2)], dtype=uids.dtype)]))
    listed.tofile(tmp_path / "kept.raw")  # DataComp's headerless form
    recipe = load({"name": "x", "keep": [{"subset": str(tmp_path / "kept.raw")}]})
    made = export_shards(pool, select(recipe, pool), tmp_path / "out", recipe=recipe)
    assert (made.written, made.missing) == (4, 2)
    names = [name for tar in contents(tmp_path / "out") for name in tar if name.endswith("png")]
    three, seven = pool.take([3, 7], ["uid"])["uid"].to_pylist()
    assert names == [f"{three}-0.png", f"{three}-1.png", f"{three}-2.png", f"{seven}-0.png"]
    assert f"{1:016x}{2:016x}" in (tmp_path / "out" / "missing.txt").read_text()
    assert (tmp_path / "out" / "sample_ids.npy").read_bytes() == (tmp_path / "kept.raw").read_bytes()
    export_shards(pool, select(recipe, pool), tmp_path / "out", recipe=recipe)  # and it is known again
    kept = np.load(export_subset(pool, select(recipe, pool), tmp_path / "out.npy", recipe=recipe))
    assert (kept == listed[listed["f0"] != 1]).all()


def test_sample_ids_are_the_subset_file_with_the_uids_that_the_pool_lacks(pool, tmp_path):
    known = pool.uids()[[1, 4, 52]]
    absent = np.array([(2, 9), (2**64 - 1, 7)], dtype=known.dtype)
    np.save(tmp_path / "given.npy", np.sort(np.concatenate([known, absent])))
    recipe = load({"name": "x", "keep": [{"subset": str(tmp_path / "given.npy")}]})
    made = export_shards(pool, select(recipe, pool), tmp_path / "out", recipe=recipe)
    assert (made.written, made.missing) == (2, 3)
    assert (tmp_path / "out" / "sample_ids.npy").read_bytes() == (tmp_path / "given.npy").read_bytes()
    with pytest.raises(InputError, match="another selection"):
        export_shards(pool, select(ALL, pool), tmp_path / "out", recipe=ALL)
    more = load({"name": "x", "keep": [{"subset": str(tmp_path / "given.npy")}, {"where": "width > 0"}]})
    export_shards(pool, select(more, pool), tmp_path / "more", recipe=more)
    assert (np.load(tmp_path / "more" / "sample_ids.npy") == np.sort(known)).all()


def test_workers_and_resuming_change_no_byte(pool, tmp_path):
    selection = select(ALL, pool)
    export_shards(pool, selection, tmp_path / "one", shard_size=20)
    export_shards(pool, selection, tmp_path / "two", shard_size=20, workers=2)
    one = {path.name: path.read_bytes() for path in (tmp_path / "one").glob("*.tar")}
    assert {path.name: path.read_bytes() for path in (tmp_path / "two").glob("*.tar")} == one
    with pytest.raises(InputError, match="was begun with"):
        export_shards(pool, selection, tmp_path / "one", shard_size=21)


def test_what_can_not_be_read_any_more_is_told(pool, tmp_path):
    path = tmp_path / "shards" / "00000001.tar"
    path.write_bytes(path.read_bytes()[:6000])
    made = export_shards(pool, select(ALL, pool), tmp_path / "out")
    assert made.written + made.unreadable == 50
    assert made.unreadable >= 18
    assert len((tmp_path / "out" / "unreadable.txt").read_text().split()) == made.unreadable


def test_a_tar_that_was_exchanged_is_noticed(pool, tmp_path):
    shard_of(pool, range(29, -1, -1), tmp_path / "shards" / "00000000.tar")
    made = export_shards(pool, select(ALL, pool), tmp_path / "out")
    assert made.unreadable >= 28


def test_faces_are_blurred(pool, tmp_path):
    made = export_shards(pool, select(ALL, pool), tmp_path / "out", blur=True)
    assert made.written == 50
    tar = contents(tmp_path / "out")[0]
    first, second = pool.take([0, 1], ["uid"])["uid"].to_pylist()  # every third pair has a face
    assert {f"{first}-0.webp", f"{second}-0.png"} <= tar.keys()
    before = np.asarray(Image.open(io.BytesIO(pool.image(0))).convert("RGB")).astype(int)
    after = np.asarray(Image.open(io.BytesIO(tar[f"{first}-0.webp"]))).astype(int)
    change = np.abs(before - after).mean(axis=2)
    assert change[12:18, 8:18].mean() > 1.5 * change[30:, 40:].mean()


def test_blur_leaves_far_pixels_alone():
    pixels = np.random.default_rng(0).integers(0, 255, (100, 200, 3), dtype=np.uint8)
    blurred = blur_faces(pixels, [[0.1, 0.1, 0.3, 0.5]])
    assert np.abs(blurred[60:, 100:].astype(int) - pixels[60:, 100:]).max() <= 1
    assert blurred[20:40, 30:50].std() < 0.4 * pixels[20:40, 30:50].std()
    assert (blur_faces(pixels, []) == pixels).all()


def test_the_bytes_of_a_tar_never_change(tmp_path):
    with TarWriter(tmp_path / "ours.tar") as tar:
        tar.put("a.txt", b"x" * 700)
        tar.put("b.json", b"")
    digest = hashlib.sha256((tmp_path / "ours.tar").read_bytes()).hexdigest()
    assert digest == "2eeb9c3fa5f0e5a557b84f6499047ffaf9ae8c674511212a5bb5e8a34c1cc753"


def test_a_widened_box_is_truncated_after_the_sum():
    """img2dataset's `int(left - 0.1 * side)`: 10 - 1.5 is 8, not 9."""
    assert widened([0.1, 0.2, 0.25, 0.3], 100, 100) == ((8, 18, 26, 31), 15)
    assert widened([0.0, 0.0, 1.0, 1.0], 64, 48) == ((0, 0, 63, 47), 64)
    assert widened([0.5, 0.5, 0.5, 0.5], 64, 48) == ((32, 24, 32, 24), 0)

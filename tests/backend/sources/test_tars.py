"""The tar index finds each pair's sample, whatever else is in the tars."""

import io
import json
import os
import tarfile

import numpy as np
import pyarrow as pa
import pytest

from poolscope.errors import InputError
from poolscope.pool import Pool, uid_pairs
from poolscope.pool.tar import BrokenTar, local_reader, samples
from poolscope.sources import import_datacomp, index_shards
from tests.backend.sources.test_datacomp import PAIRS, write_pair
from tests.conftest import image_bytes, write_shard


@pytest.fixture
def pool(tmp_path):
    write_pair(tmp_path / "m", 0)
    import_datacomp(tmp_path / "m", tmp_path / "pool", embeddings=())
    return Pool.open(tmp_path / "pool")


def shard_of(pool, rows, path, *, extension="jpg", start=0):
    uids = pool.take(rows, ["uid"])["uid"].to_pylist()
    return write_shard(
        path,
        [
            {
                "__key__": f"{start + number:012d}",
                extension: image_bytes(int(row)),
                "json": json.dumps({"caption": 'a "uid": "b"', "uid": uid}, indent=4).encode(),
                "txt": f"caption {row}".encode(),
            }
            for number, (row, uid) in enumerate(zip(rows, uids))
        ],
    )


def test_images_are_read_from_their_place(pool, tmp_path):
    rows = [5, 3, 40]
    shard_of(pool, rows, tmp_path / "shards" / "00000000.tar", extension="webp")
    shard_of(pool, [7], tmp_path / "shards" / "part_1" / "00000001.tar")
    report = index_shards(pool, tmp_path / "shards")
    assert (report.added, dict(report.skipped)) == (4, {})
    pool = pool.reload()
    for row in (*rows, 7):
        assert pool.image(row) == image_bytes(row)
    assert pool.image(6) is None
    about = pool.take([3], ["image", "sample_offset", "sample_size"]).to_pylist()[0]
    content = (tmp_path / "shards" / "00000000.tar").read_bytes()[about["sample_offset"] :][: about["sample_size"]]
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert [member.name.split(".")[1] for member in tar] == ["webp", "json", "txt"]


def test_later_shards_join_and_known_ones_are_not_read_again(pool, tmp_path):
    first = shard_of(pool, [1, 2], tmp_path / "a" / "0.tar")
    index_shards(pool, tmp_path / "a")
    shard_of(pool, [2, 3], tmp_path / "a" / "1.tar", start=9)
    before = first.stat()
    first.write_bytes(b"\0" * before.st_size)
    os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))  # it seems unchanged, so it is not looked at
    assert index_shards(pool, f"file://{tmp_path}/a/1.tar").added == 2
    report = index_shards(pool, tmp_path / "a")
    assert dict(report.skipped) == {}
    rows = pool.reload().take([1, 2, 3], ["image"])["image"].to_pylist()
    assert [os.path.basename(place) for place in rows] == ["0.tar", "1.tar", "1.tar"]
    assert pool.reload().image(3) == image_bytes(3)


def test_keys_that_are_uids_serve_too(pool, tmp_path):
    uid = pool.take([9], ["uid"])["uid"][0].as_py()
    write_shard(
        tmp_path / "0.tar", [{"__key__": f"deep/{uid}-0", "png": image_bytes(9)}, {"__key__": "x", "png": b"p"}]
    )
    report = index_shards(pool, tmp_path / "0.tar")
    assert (report.added, dict(report.skipped)) == (1, {"no uid": 1})
    assert pool.reload().image(9) == image_bytes(9)


def test_long_names_links_and_strangers(pool, tmp_path):
    uid = pool.take([9], ["uid"])["uid"][0].as_py()
    path = tmp_path / "0.tar"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(path, "w", format=form) as tar:
            for name, content, kind in (
                ("ü" * 120 + "/a.png", image_bytes(9), tarfile.REGTYPE),
                ("ü" * 120 + "/a.json", json.dumps({"uid": uid}).encode(), tarfile.REGTYPE),
                ("link.png", b"", tarfile.SYMTYPE),
                ("../../etc/passwd.png", image_bytes(1), tarfile.REGTYPE),
                ("../../etc/passwd.json", json.dumps({"uid": "f" * 32}).encode(), tarfile.REGTYPE),
                ("/dev/zero.png", b"", tarfile.CHRTYPE),
            ):
                member = tarfile.TarInfo(name)
                member.size, member.type, member.linkname = len(content), kind, "/etc/passwd"
                tar.addfile(member, io.BytesIO(content))
        report = index_shards(pool, path)
        assert report.added == 1
        assert report.skipped["tar member is not a regular file"] == 2
        assert report.skipped["sample of another pool"] == 1
        assert pool.reload().image(9) == image_bytes(9)


def test_damaged_tars_give_what_they_hold(pool, tmp_path):
    path = shard_of(pool, [1, 2, 3], tmp_path / "0.tar")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"000000000002.jpg") + 600])
    report = index_shards(pool, path)
    assert report.added == 2
    assert report.skipped["tar is damaged or truncated"] == 1
    member = bytearray(whole)
    member[whole.index(b"000000000001.jpg")] = 1  # the checksum no longer fits
    path.write_bytes(member)
    assert index_shards(pool, path).added == 1


def test_a_member_that_claims_ten_gigabytes_is_not_read(tmp_path):
    header = tarfile.TarInfo("a.json")
    header.size = 10 * 2**30
    path = tmp_path / "0.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"{" * 2048)
    with path.open("rb") as handle, pytest.raises(BrokenTar, match="ends after the tar"):
        list(samples(local_reader(handle.fileno()), path.stat().st_size))


def test_random_bytes_never_end_in_another_error(tmp_path):
    rng = np.random.default_rng(0)
    path = write_shard(tmp_path / "0.tar", [{"__key__": "a", "jpg": b"x" * 100, "json": b"{}", "txt": b"t"}])
    whole = path.read_bytes()
    for _ in range(300):
        content = bytearray(whole)
        for place in rng.integers(0, 3072, 3):
            content[place] = rng.integers(256)
        try:
            list(samples(lambda offset, size, c=bytes(content): c[offset : offset + size], len(content)))
        except BrokenTar:
            continue


def test_shards_at_import(tmp_path):
    write_pair(tmp_path / "m", 0)
    import_datacomp(tmp_path / "m", tmp_path / "first", embeddings=())
    shard_of(Pool.open(tmp_path / "first"), range(PAIRS), tmp_path / "s" / "0.tar")
    import_datacomp(tmp_path / "m", tmp_path / "pool", embeddings=(), shards=tmp_path / "s")
    assert Pool.open(tmp_path / "pool").image(11) == image_bytes(11)


def test_scores_survive_an_index(pool, tmp_path):
    pool.add_columns({"s": np.arange(PAIRS, dtype=np.float32)}, kind="score", made_by={"method": "x"})
    shard_of(pool, [1], tmp_path / "0.tar")
    index_shards(pool, tmp_path / "0.tar")
    again = pool.reload()
    assert again.array("s").tolist() == list(range(PAIRS))
    assert (again.columns["s"].kind, again.columns["image"].made_by["method"]) == ("score", "index")
    assert again.rows_of(uid_pairs(pa.array([again.take([4], ["uid"])["uid"][0].as_py()]))) == [4]


def test_no_tar(pool, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.tar"):
        index_shards(pool, tmp_path / "empty")

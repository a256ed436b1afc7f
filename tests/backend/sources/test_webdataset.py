"""Webdataset import: good samples in, broken ones counted, interruptions resumed."""

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest

from poolscope.errors import InputError
from poolscope.export import export_shards
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.sources import import_webdataset, look
from poolscope.sources.report import reports
from tests.conftest import image_bytes, write_shard


def sample(number: int, **changed: bytes | None) -> dict[str, bytes]:
    made = {"__key__": f"{number:04d}", "png": image_bytes(number), "txt": f"caption {number}".encode()}
    return {key: value for key, value in {**made, **changed}.items() if value is not None}


def test_everything_of_a_sample_arrives(tmp_path):
    about = {
        "uid": "a" * 32,
        "url": "http://x.org/1",
        "original_width": 900,
        "original_height": 300,
        "face_bboxes": [[0, 0, 0.5, 0.5]],
    }
    write_shard(tmp_path / "s" / "0.tar", [sample(1, json=json.dumps(about).encode())])
    report = import_webdataset(tmp_path / "s", tmp_path / "pool")
    assert (report.added, dict(report.skipped)) == (1, {})
    pool = Pool.open(tmp_path / "pool")
    pair = pool.take([0], ["uid", "text", "url", "width", "height", "face_bboxes", "sha256"]).to_pylist()[0]
    assert pair == {
        "uid": "a" * 32,
        "text": "caption 1",
        "url": "http://x.org/1",
        "width": 900,
        "height": 300,
        "face_bboxes": [[0.0, 0.0, 0.5, 0.5]],
        "sha256": hashlib.sha256(image_bytes(1)).hexdigest(),
    }
    assert pool.image(0) == image_bytes(1)


def test_shards_are_previewed_as_they_will_come_in(tmp_path):
    about = json.dumps({"uid": "a" * 32, "url": "http://x.org/1"}).encode()
    bare = {"__key__": "0000", "png": image_bytes(0)}
    write_shard(tmp_path / "s" / "0.tar", [bare, sample(1, json=about), *(sample(number) for number in range(2, 9))])
    plan = look(tmp_path / "s")
    shard = str(tmp_path / "s" / "0.tar")
    assert [row["text"] for row in plan.preview] == [f"caption {number}" for number in range(1, 6)]
    assert plan.preview[0]["member"] == "0001.png"
    assert (plan.preview[0]["image"], plan.preview[0]["url"]) == (shard, "http://x.org/1")
    with open(shard, "rb") as file:
        file.seek(plan.preview[0]["image_offset"])
        assert file.read(plan.preview[0]["image_bytes"]) == image_bytes(1)
    assert plan.mapping == {"text": ".txt", "image": ".png"}
    assert plan.left_out == {f"{shard}: 0000": "no caption"}


@pytest.mark.parametrize("content", [b"", b"\0" * 3000, b"no tar at all" * 100])
def test_a_shard_that_is_none_has_no_preview(tmp_path, content):
    (tmp_path / "0.tar").write_bytes(content)
    assert look(tmp_path / "0.tar").preview == ()


def test_broken_samples_are_counted_and_skipped(tmp_path):
    jpeg = io.BytesIO()
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(jpeg, "JPEG")
    same = {"uid": "b" * 32}
    samples = [
        sample(0),
        sample(1, txt=None),
        sample(2, txt=b"   "),
        sample(3, png=None),
        sample(4, png=b"nonsense"),
        sample(5, png=None, jpg=jpeg.getvalue()[:-400]),
        sample(6, txt=b"\xff\xfe"),
        sample(7, txt=b"nul \x00 byte"),
        sample(8, json=b"{broken"),
        sample(9, json=json.dumps(same).encode()),
        sample(10, json=json.dumps(same).encode()),
        sample(11, json=b'{"uid": "short"}'),
        sample(12, json=b"[1]"),
        sample(13, txt=b"x" * 200_000),
        sample(14),
    ]
    write_shard(tmp_path / "s" / "0.tar", samples)
    report = import_webdataset(tmp_path / "s", tmp_path / "pool")
    assert report.added == 4
    assert dict(report.skipped) == {
        "no caption": 2,
        "no image": 1,
        "image can't be decoded": 2,
        "caption is not UTF-8": 1,
        "caption holds a NUL byte": 1,
        "JSON can't be read": 1,
        "duplicate uid": 1,
        "JSON is not an object": 1,
        "caption longer than 100,000 characters": 1,
    }
    assert report.examples["duplicate uid"][0].endswith("0.tar: 0010")
    assert reports(tmp_path / "pool")[0]["added"] == 4


@pytest.mark.parametrize("empty", [b"", b"  \n", b"\xff\xfe", b"a\x00b"])
def test_a_pair_of_datacomps_shards_without_a_caption_comes_in(empty, tmp_path):
    """img2dataset writes an empty caption for a pair that has none; the pair's uid tells that it is DataComp's."""
    about = [json.dumps({"uid": f"{n:032x}", "caption": "", "url": f"http://x.org/{n}"}).encode() for n in range(3)]
    samples = [
        sample(0, json=about[0], txt=empty),
        sample(1, json=about[1]),
        sample(2, txt=empty),
        sample(3, json=about[2]),
    ]
    write_shard(tmp_path / "s" / "0.tar", samples)
    report = import_webdataset(tmp_path / "s", tmp_path / "pool")
    assert (report.added, sum(report.skipped.values())) == (3, 1)
    assert sum(report.uncaptioned.values()) == 1
    pool = Pool.open(tmp_path / "pool")
    found = {pair["uid"]: pair["text"] for pair in pool.take(range(3), ["uid", "text"]).to_pylist()}
    assert found == {f"{0:032x}": None, f"{1:032x}": "caption 1", f"{2:032x}": "caption 3"}
    assert pool.image(0) == image_bytes(0)
    out = tmp_path / "out"
    export_shards(pool, select(load({"name": "all"}), pool), out)
    again = import_webdataset(out, tmp_path / "again")
    assert (again.added, dict(again.skipped), sum(again.uncaptioned.values())) == (3, {}, 1)


def test_a_truncated_tar_gives_what_it_holds(tmp_path):
    path = write_shard(tmp_path / "s" / "0.tar", [sample(number) for number in range(10)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    write_shard(tmp_path / "s" / "1.tar", [sample(20)])
    (tmp_path / "s" / "2.tar").write_bytes(b"no tar at all" * 100)
    report = import_webdataset(tmp_path / "s", tmp_path / "pool")
    assert 2 <= report.added < 11
    assert sum(report.skipped.values()) >= 2
    pool = Pool.open(tmp_path / "pool")
    assert all(pool.images(range(len(pool))))


def test_links_and_huge_members_are_never_read(tmp_path):
    path = tmp_path / "s" / "0.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as tar:
        link = tarfile.TarInfo("0001.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        huge = tarfile.TarInfo("../../0002.png")
        huge.size = 10 << 30
        tar.addfile(huge)
    write_shard(tmp_path / "s" / "1.tar", [sample(1)])
    report = import_webdataset(tmp_path / "s", tmp_path / "pool")
    assert report.added == 1
    assert report.skipped["tar member is not a regular file"] == 1
    assert sum(report.skipped.values()) >= 2


def test_an_interrupted_import_resumes(tmp_path, monkeypatch):
    for number in range(4):
        write_shard(tmp_path / "s" / f"{number}.tar", [sample(10 * number + k) for k in range(5)])
    monkeypatch.setattr("poolscope.sources.appender.COMMIT_ROWS", 5)

    def die(done, total, message="", **figures):
        if done == 3 and "pairs" in message:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_webdataset(tmp_path / "s", tmp_path / "pool", progress=die)
    assert len(Pool.open(tmp_path / "pool")) == 15
    report = import_webdataset(tmp_path / "s", tmp_path / "pool")
    assert (report.added, report.present) == (20, 0)
    assert len(Pool.open(tmp_path / "pool")) == 20
    again = import_webdataset(tmp_path / "s", tmp_path / "pool")
    assert (again.added, again.present) == (0, 20)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir()])
def test_no_shards(tmp_path, make):
    make(tmp_path / "s")
    with pytest.raises(InputError, match=r"no \.tar in"):
        import_webdataset(tmp_path / "s", tmp_path / "pool")


def test_nothing_readable_says_why(tmp_path):
    write_shard(tmp_path / "s" / "0.tar", [sample(1, txt=None)])
    with pytest.raises(InputError, match="no caption: 1"):
        import_webdataset(tmp_path / "s", tmp_path / "pool")

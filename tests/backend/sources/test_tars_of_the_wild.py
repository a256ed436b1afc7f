"""Tars as people have them: odd names, odd captions, odd numbers; every image gets its own caption or none."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poolscope.cli import main
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.sources import import_webdataset, look
from tests.conftest import image_bytes

ONE, TWO = image_bytes(1), image_bytes(2)


def tar(path: Path, members: list[tuple[str, bytes]], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as out:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
            out.addfile(member, io.BytesIO(content))
    return path


def said(about: object) -> bytes:
    return json.dumps(about).encode()


def encoded(form: str) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(ONE)).save(out, form)
    return out.getvalue()


def imported(tmp_path: Path, members: list[tuple[str, bytes]], **options) -> tuple[dict[str, bytes], dict[str, int]]:
    """Image by caption, and what was skipped."""
    report = import_webdataset(tar(tmp_path / "0.tar", members), tmp_path / "pool", **options)
    pool = Pool.open(tmp_path / "pool")
    texts = pool.take(range(len(pool)), ["text"])["text"].to_pylist()
    return dict(zip(texts, pool.images(range(len(pool))))), dict(report.skipped)


PAIRED = {"one": ONE, "two": TWO}


@pytest.mark.parametrize(
    "members",
    [
        [("v1.2-a.png", ONE), ("v1.2-a.txt", b"one"), ("v1.2-b.png", TWO), ("v1.2-b.txt", b"two")],
        [("St. Paul.png", ONE), ("St. Paul.txt", b"one"), ("St. Louis.png", TWO), ("St. Louis.txt", b"two")],
        [("./", b""), ("./a/", b""), ("./a/0.png", ONE), ("./a/0.txt", b"one"), ("./b/0.png", TWO), ("./b/0.txt", b"two")],
        [("0.img", ONE), ("0.txt", b"one"), ("1.bin", TWO), ("1.caption", b"two")],
        [("0.PNG", ONE), ("0.TXT", b"one"), ("1.Png", TWO), ("1.JSON", b'{"Caption": "two"}')],
        [("0.image.png", ONE), ("0.text.txt", b"one"), ("1.image.png", TWO), ("1.text.txt", b"two")],
        [("0.png", ONE), ("0.mask.png", TWO), ("0.txt", b"one"), ("1.png", TWO), ("1.npy", b"x" * 99), ("1.txt", b"two")],
        [("._0.png", b"x"), ("0.png", ONE), ("__MACOSX/._0.txt", b"x"), (".DS_Store", b"x"), ("0.txt", b"one"),
         ("1.png", TWO), ("1.txt", b"two")],
        [("ü" * 120 + "/0.png", ONE), ("ü" * 120 + "/0.txt", b"one"), ("1.png", TWO), ("1.txt", b"two")],
        [("0.png", ONE), ("0.txt", b"\xef\xbb\xbfone\r\n"), ("1.png", TWO), ("1.txt", "two".encode("utf-16"))],
        [("0.png", ONE), ("0.txt", b" \n"), ("0.json", b'\xef\xbb\xbf{"text": "one"}'), ("1.png", TWO), ("1.json", b'["two"]')],
        [("0.png", ONE), ("0.json", said({"caption": {"en": "one"}})), ("1.png", TWO), ("1.json", said({"sentences": [{"raw": "two"}]}))],
    ],
)  # fmt: skip
def test_names_and_captions_of_many_kinds(tmp_path, members):
    assert imported(tmp_path, members) == (PAIRED, {})


@pytest.mark.parametrize(
    ("members", "pairs", "skipped"),
    [
        ([("0.png", ONE), ("0.png", TWO), ("0.txt", b"whose?"), ("1.png", TWO), ("1.txt", b"two")], {"two": TWO}, 2),
        ([("0.png", ONE), ("0.txt", b"one"), ("0.png", TWO), ("1.png", TWO), ("1.txt", b"two")], PAIRED, 1),
        ([("0.png", ONE), ("0.txt", b"one"), ("0.png", TWO), ("0.txt", b"two")], PAIRED, 0),
        ([("0.png", ONE), ("0.txt", b"one"), ("1.png", TWO), ("1.txt", b"two"), ("0.txt", b"late")], PAIRED, 1),
    ],
)
def test_a_key_twice_is_never_paired_wrongly(tmp_path, members, pairs, skipped):
    found, reasons = imported(tmp_path, members)
    assert (found, sum(reasons.values())) == (pairs, skipped)
    assert not skipped or reasons["key stands twice in the tar"] == 1


@pytest.mark.parametrize("odd", [
    b"1" * 400, b"9" * 5000, b"true", b"1e999", b"NaN", b"-5", b'"640"', b"[1]", b'{"a": 1}', b"null", b'"\\ud83d"',
    b'"\\u0000"',
])  # fmt: skip
def test_odd_values_spoil_no_pair(tmp_path, odd):
    fields = (b"original_width", b"original_height", b"uid", b"id", b"url", b"sha256", b"similarity", b"license")
    about = b'{"caption": "one", ' + b", ".join(b'"%s": %s' % (name, odd) for name in fields)
    about += b', "face_bboxes": [[0, 0, 1, 1], [%s, 0, 1, 1], %s]}' % (odd, odd)
    members = [("0.png", ONE), ("0.json", about), ("1.png", TWO), ("1.txt", b"two"), ("1.json", b'{"similarity": 0.3}')]
    assert imported(tmp_path, members) == (PAIRED, {})
    pool = Pool.open(tmp_path / "pool")
    width = pool.take([0], ["width"])["width"][0].as_py()
    assert width == (640 if odd == b'"640"' else 64)


@pytest.mark.parametrize(
    ("member", "content", "reason"),
    [
        ("json", b'{"caption": "half \\ud83d"}', "caption is not valid Unicode"),
        ("json", b'{"caption": 42}', "no caption"),
        ("json", b'{"caption": true}', "no caption"),
        ("json", b'{"caption": ["", null]}', "no caption"),
        ("json", b"[" * 100_000, "JSON can't be read"),
        ("json", b'{"caption": "x"', "JSON can't be read"),
        ("json", b'{"caption": "\xff"}', "JSON is not UTF-8"),
        ("txt", b"latin \xe9", "caption is not UTF-8"),
        ("txt", b"x" * 900_000, ".txt larger than 800,000 bytes"),
        ("txt", b"", "no caption"),
    ],
)
def test_a_bad_sample_is_skipped_with_its_reason(tmp_path, member, content, reason):
    members = [("0.png", ONE), (f"0.{member}", content), ("1.png", TWO), ("1.txt", b"two")]
    assert imported(tmp_path, members) == ({"two": TWO}, {reason: 1})


def test_postscript_and_bombs_are_no_images(tmp_path, monkeypatch):
    from tests.backend.pool.test_decoding import EPS

    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *a, **k: pytest.fail("Ghostscript was asked"))
    huge = io.BytesIO()
    Image.new("1", (20_000, 10_000)).save(huge, "PNG")
    members = [
        ("0.jpg", EPS),
        ("0.txt", b"eps"),
        ("1.png", huge.getvalue()),
        ("1.txt", b"huge"),
        ("2.png", TWO),
        ("2.txt", b"two"),
    ]
    assert imported(tmp_path, members) == ({"two": TWO}, {"image can't be decoded": 2})


def test_several_captions(tmp_path):
    members = [
        ("0.png", ONE), ("0.json", said({"captions": ["a cat", "a small cat", "a cat", "bad \ud83d"], "image_id": 17})),
        ("1.png", TWO), ("1.json", said({"caption": ["a dog", "one dog"]})),
        ("2.png", TWO), ("2.txt", b"from the file"), ("2.json", said({"caption": ["from the json"]})),
    ]  # fmt: skip
    found, _ = imported(tmp_path, members)
    assert found == {"a cat": ONE, "a small cat": ONE, "a dog": TWO, "one dog": TWO, "from the file": TWO}
    joined = Pool.open(tmp_path / "pool").take(range(5), ["image_id"])["image_id"].to_pylist()
    assert joined[:2] == ["17", "17"]
    assert joined[2] == joined[3] != joined[4]
    for which, texts in (("first", {"a cat", "a dog"}), ("longest", {"a small cat", "one dog"})):
        import_webdataset(tmp_path / "0.tar", tmp_path / which, captions=which)
        assert set(Pool.open(tmp_path / which).strings("text").to_pylist()) == texts | {"from the file"}


def test_members_named_by_option(tmp_path):
    members = [
        ("0.input.png", ONE),
        ("0.edited.png", TWO),
        ("0.cls", b"3"),
        ("0.json", said({"llava": "long", "text": "short"})),
    ]
    shard = tar(tmp_path / "0.tar", members)
    with pytest.raises(InputError, match=r"\.input\.png \(1\), \.edited\.png \(1\), \.cls \(1\)"):
        import_webdataset(shard, tmp_path / "pool")
    assert not (tmp_path / "pool").exists()
    found, _ = imported(tmp_path, members, image_key="edited.png", caption_key="cls")
    assert found == {"3": TWO}
    import_webdataset(shard, tmp_path / "b", image_key=".input.png", caption_key="nothing;llava")
    assert Pool.open(tmp_path / "b").strings("text").to_pylist() == ["long"]


def test_further_fields_are_columns(tmp_path):
    first = {
        "caption": "one",
        "similarity": 0.5,
        "n": 1,
        "NSFW": False,
        "license": "MIT",
        "exif": {"a": 1},
        "a.ä": 1,
        "": 2,
    }
    second = {"caption": "two", "similarity": 1, "n": "many", "NSFW": True, "error": None, "url": "http://x.org"}
    tar(tmp_path / "s" / "0.tar", [("0.png", ONE), ("0.json", said(first))])
    tar(tmp_path / "s" / "1.tar", [("1.png", TWO), ("1.json", said(second))])
    import_webdataset(tmp_path / "s", tmp_path / "pool")
    pool = Pool.open(tmp_path / "pool")
    rows = pool.take([0, 1], ["similarity", "n", "NSFW", "license", "a_a", "column"]).to_pylist()
    assert rows[0] == {"similarity": 0.5, "n": "1", "NSFW": False, "license": "MIT", "a_a": 1, "column": 2}
    assert rows[1] == {"similarity": 1.0, "n": "many", "NSFW": True, "license": None, "a_a": None, "column": None}
    assert not {"exif", "error", "caption"} & set(pool.columns)


def test_sources_with_other_fields_join_one_pool(tmp_path):
    tar(tmp_path / "a.tar", [("0.png", ONE), ("0.json", said({"caption": "one", "score": 1}))])
    tar(
        tmp_path / "b.tar",
        [("0.png", TWO), ("0.json", said({"captions": ["two", "2"], "score": "high", "by": "me", "id": 5}))],
    )
    import_webdataset(tmp_path / "a.tar", tmp_path / "pool")
    import_webdataset(tmp_path / "b.tar", tmp_path / "pool")
    pool = Pool.open(tmp_path / "pool")
    rows = pool.take(range(3), ["text", "score", "by", "id"]).to_pylist()
    assert rows[0] == {"text": "one", "score": 1, "by": None, "id": None}
    assert rows[1] == {"text": "two", "score": None, "by": "me", "id": "5"}  # the pool's column is of numbers


def test_ids_of_one_s_own(tmp_path):
    members = []
    for number, uid in enumerate(["AB" * 16, "123e4567-e89b-12d3-a456-426614174000", 42, "0042"]):
        members += [(f"{number}.png", ONE), (f"{number}.json", said({"caption": "same", "uid": uid}))]
    import_webdataset(tar(tmp_path / "0.tar", members), tmp_path / "pool")
    pool = Pool.open(tmp_path / "pool")
    assert pool.strings("id").to_pylist() == ["AB" * 16, "123e4567-e89b-12d3-a456-426614174000", "42", "0042"]
    assert pool.take([0], ["uid"])["uid"][0].as_py() == "ab" * 16


@pytest.mark.parametrize(("ending", "command"), [("gz", "gzip -dc"), ("bz2", "bzip2 -dc"), ("xz", "xz -dc")])
@pytest.mark.parametrize("name", ["a b.tar.{}", "hidden.tar"])
def test_a_compressed_tar_is_told_with_its_mending(tmp_path, ending, command, name, capsys):
    path = tar(tmp_path / name.format(ending), [("0.png", ONE), ("0.txt", b"one")], f"w:{ending}")
    assert main(["import", "webdataset", str(path), "--pool", str(tmp_path / "pool")]) == 2
    error = capsys.readouterr().err
    assert "compressed" in error
    assert f"`{command} " in error
    assert not (tmp_path / "pool").exists()


def test_an_unsorted_tar_is_told_and_its_command_mends_it(tmp_path, capsys, monkeypatch):
    import re
    import subprocess

    members = [(f"{n}.png", image_bytes(n)) for n in range(5)] + [(f"{n}.txt", b"caption %d" % n) for n in range(5)]
    path = tar(tmp_path / "my tar.tar", members)
    assert main(["import", "webdataset", str(path), "--pool", str(tmp_path / "pool")]) == 2
    error = capsys.readouterr().err
    assert "sort it" in error
    assert not (tmp_path / "pool").exists()
    subprocess.run(re.search("`(.*)`", error)[1], shell=True, check=True, cwd=tmp_path)
    report = import_webdataset(tmp_path / "my tar-sorted.tar", tmp_path / "pool")
    assert (report.added, dict(report.skipped)) == (5, {})
    assert Pool.open(tmp_path / "pool").images([3]) == [image_bytes(3)]


def test_where_the_tars_are(tmp_path):
    for number, place in enumerate(["a/0.tar", "a/deep/1.tar", "2.tar"]):
        tar(tmp_path / "s" / place, [("0.png", image_bytes(number)), ("0.txt", b"%d" % number)])
    for source, count in (
        (tmp_path / "s", 3), (f"{tmp_path}/s/a/*.tar", 1), (f"{tmp_path}/s/{{2,a/0}}.tar", 2), (f"{tmp_path}/s/**/*.tar", 3),
        (f"file://{tmp_path}/s/2.tar", 1), ([tmp_path / "s" / "a", tmp_path / "s" / "2.tar"], 3),
    ):  # fmt: skip
        pool = tmp_path / f"pool{abs(hash(str(source)))}"
        assert import_webdataset(source, pool).added == count
        assert all(Pool.open(pool).images(range(count)))
    with pytest.raises(InputError, match=r"no \.tar in"):
        import_webdataset(f"{tmp_path}/s/{{7..9}}.tar", tmp_path / "none")


def test_nothing_in_it(tmp_path):
    (tmp_path / "junk.tar").write_bytes(b"junk" * 999)
    (tmp_path / "zero.tar").write_bytes(b"")
    tar(tmp_path / "empty.tar", [])
    tar(tmp_path / "folders.tar", [("a/", b"")])
    tar(tmp_path / "video.tar", [("0.mp4", b"x" * 99), ("0.txt", b"one")])
    for name, says in {
        "junk": "damaged",
        "zero": "no files",
        "empty": "no files",
        "folders": "no files",
        "video": r"\.mp4",
    }.items():
        with pytest.raises(InputError, match=says):
            import_webdataset(tmp_path / f"{name}.tar", tmp_path / "pool")
    assert not (tmp_path / "pool").exists()


def test_random_tars_never_end_in_another_error(tmp_path):
    """Bytes changed anywhere, names and JSON included: pairs, reasons or one line, and right images."""
    rng = np.random.default_rng(0)
    members = [
        ("0.png", ONE),
        ("0.json", said({"caption": "one", "uid": "a" * 32, "n": 1})),
        ("1.png", TWO),
        ("1.txt", b"two"),
    ]
    whole = tar(tmp_path / "0.tar", members).read_bytes()
    for attempt in range(40):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 12):
            content[place] = rng.integers(256)
        path = tmp_path / f"r{attempt}.tar"
        path.write_bytes(content)
        try:
            import_webdataset(path, tmp_path / "pool")
        except InputError:
            continue


def test_fields_are_read_whatever_their_case_and_length(tmp_path):
    about = {"Caption": "one", "URL": "http://x.org/1", "ID": 12345678901234567890123, "big": 10**30, "Tags": ["a"]}
    tar(tmp_path / "0.tar", [("0.png", ONE), ("0.json", said(about))])
    assert look(tmp_path / "0.tar").left_out == {"field Tags": "holds a list or a record"}
    import_webdataset(tmp_path / "0.tar", tmp_path / "pool")
    row = Pool.open(tmp_path / "pool").take([0], ["text", "url", "id", "big"]).to_pylist()[0]
    assert row == {"text": "one", "url": "http://x.org/1", "id": "12345678901234567890123", "big": str(10**30)}

"""`poolscope import`: what comes in, what is skipped, and what a broken source leaves behind."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from poolscope.pool import Pool
from tests.conftest import image_bytes, write_shard


def samples(numbers, caption="a red square on a table"):
    return [{"__key__": f"{n:05d}", "png": image_bytes(n), "txt": f"{caption} {n}".encode()} for n in numbers]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write_shard(tmp_path / "shards" / "0.tar", samples(range(10)))
    write_shard(tmp_path / "shards" / "1.tar", samples(range(10, 20)))
    return tmp_path / "shards"


def test_shards_become_a_pool_and_a_second_import_adds_nothing(poolscope, shards, tmp_path):
    pool = tmp_path / "pool"
    first = poolscope("import", "webdataset", shards, "--pool", pool, "--json").json
    assert (first["added"], first["skipped"]) == (20, {})
    assert Path(first["path"]).is_file()
    again = poolscope("import", "webdataset", shards, "--pool", pool, "--json").json
    assert len(Pool.open(pool)) == 20
    assert again["skipped"] == {}
    shown = poolscope("import", "webdataset", shards, "--pool", tmp_path / "other")
    assert shown.out.startswith("20 pairs added\n")


def test_a_corrupt_shard_is_reported_and_the_rest_kept(poolscope, shards, tmp_path):
    whole = (shards / "1.tar").read_bytes()
    (shards / "1.tar").write_bytes(whole[: len(whole) // 2])
    (shards / "2.tar").write_bytes(b"this is no tar at all" * 100)
    write_shard(
        shards / "3.tar",
        [
            {"__key__": "a", "png": b"\x89PNG broken", "txt": b"a broken image"},
            {"__key__": "b", "png": image_bytes(99)},
            *samples(range(30, 33)),
        ],
    )
    report = poolscope("import", "webdataset", shards, "--pool", tmp_path / "pool", "--json").json
    assert len(Pool.open(tmp_path / "pool")) == report["added"] >= 13
    assert len(report["skipped"]) >= 3
    assert any("2.tar" in example for examples in report["examples"].values() for example in examples)


LIMITED = """
import resource, sys
from poolscope.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.exit(main(sys.argv[2:]))
"""


def test_a_disk_that_fills_up_loses_nothing(poolscope, shards, tmp_path):
    """A limit on the size of files stands for the full disk: it fails in the same place, with the same kind of error."""
    pool = tmp_path / "pool"
    poolscope("import", "webdataset", shards, "--pool", pool)
    write_shard(shards / "2.tar", samples(range(20, 620), caption="word " * 300))
    argv = ["import", "webdataset", str(shards), "--pool", str(pool)]
    ended = subprocess.run([sys.executable, "-c", LIMITED, "4000", *argv], capture_output=True, text=True)
    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert "make room and run the same command again" in line
    assert "Traceback" not in ended.stderr
    assert len(Pool.open(pool)) == 20
    assert poolscope("info", "--pool", pool, "--json").json["pairs"] == 20
    assert poolscope(*argv, "--json").json["added"] == 600
    assert len(Pool.open(pool)) == 620


@pytest.mark.parametrize("wrong", ["missing", "empty"])
def test_a_source_without_shards(wrong, poolscope, tmp_path):
    (tmp_path / "empty").mkdir()
    line = poolscope("import", "webdataset", tmp_path / wrong, "--pool", tmp_path / "pool").refused()
    assert wrong in line
    assert not (tmp_path / "pool").exists()


def test_import_into_something_else_touches_nothing(poolscope, shards, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_bytes(b"precious")
    assert "photos" in poolscope("import", "webdataset", shards, "--pool", tmp_path / "photos").refused()
    assert [path.name for path in (tmp_path / "photos").rglob("*")] == ["me.jpg"]


def test_an_unknown_model_is_refused_before_the_import(poolscope, shards, tmp_path):
    line = poolscope("import", "webdataset", shards, "--pool", tmp_path / "pool", "--embed", "ViT-Nonsense").refused()
    assert "ViT-Nonsense" in line
    assert not (tmp_path / "pool").exists()


def test_table_with_named_columns(poolscope, tmp_path):
    (tmp_path / "images").mkdir()
    with (tmp_path / "pairs.csv").open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["words", "where", "stars"])
        for number in range(5):
            (tmp_path / "images" / f"{number}.png").write_bytes(image_bytes(number))
            rows.writerow([f"image {number}", f"images/{number}.png", number])
        rows.writerow(["no image here", "images/none.png", 1])
    named = ("--text", "words", "--image", "where")
    report = poolscope("import", "table", tmp_path / "pairs.csv", "--pool", tmp_path / "pool", *named, "--json").json
    assert report["added"] == 5
    assert sum(report["skipped"].values()) == 1
    assert "stars" in Pool.open(tmp_path / "pool").columns


@pytest.mark.parametrize(
    ("name", "content", "argv"),
    [
        ("x.csv", b"a,b\n1,2\n", ()),
        ("x.csv", b"text\nhello\n", ("--image", "nowhere")),
        ("x.parquet", b"no parquet", ()),
        ("x.xlsx", b"", ()),
        ("x.csv", b"", ()),
    ],
)
def test_a_table_that_cannot_be_read(name, content, argv, poolscope, tmp_path):
    (tmp_path / name).write_bytes(content)
    poolscope("import", "table", tmp_path / name, "--pool", tmp_path / "pool", *argv).refused()
    poolscope("import", "table", tmp_path / "none.csv", "--pool", tmp_path / "pool", *argv).refused()


def test_a_path_is_looked_at_before_it_is_imported(poolscope, tmp_path):
    (tmp_path / "pairs.csv").write_text(
        "Caption;URL;licence\na dog;https://a.org/1.jpg;cc0\n;https://a.org/2.jpg;cc0\n"
    )
    seen = poolscope("import", tmp_path / "pairs.csv", "--dry-run", "--json").json
    assert seen["parts"][0]["kind"] == "table"
    assert seen["parts"][0]["mapping"] == {"text": "Caption", "url": "URL"}
    assert [row["text"] for row in seen["parts"][0]["preview"]][:1] == ["a dog"]
    assert poolscope("import", tmp_path / "pairs.csv", "--dry-run").out.startswith("table: 1 file (pairs.csv)\n")
    assert list(tmp_path.iterdir()) == [tmp_path / "pairs.csv"]
    made = poolscope("import", tmp_path / "pairs.csv", "--pool", tmp_path / "pool", "--json").json
    assert (made["added"], made["skipped"]) == (1, {"no caption": 1})
    assert made["plan"] == seen


def test_the_word_table_takes_tables_only(poolscope, shards, tmp_path):
    (shards / "pairs.tsv").write_text("a dog\thttps://a.org/1.jpg\n")
    wrong = poolscope("import", "table", tmp_path / "shards" / "0.tar", "--pool", tmp_path / "pool").refused()
    assert "is neither .parquet" in wrong
    poolscope("import", "table", shards / "pairs.tsv", "--no-header", "--pool", tmp_path / "pool")
    assert len(Pool.open(tmp_path / "pool")) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.csv"], "nowhere.csv"),
        (["pairs.csv", "--text", "nope"], "nope"),
        (["pairs.csv", "--captions", "some"], "some"),
        (["pairs.csv", "--encoding", "klingon"], "klingon"),
        (["pairs.csv", "--delimiter", ";;"], ";;"),
        (["images"], "add a table"),
        (["empty"], "empty"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_leaves_nothing(poolscope, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    Path("pairs.csv").write_text("caption,url\na dog,https://a.org/1.jpg\n")
    Path("images").mkdir()
    Path("images/1.png").write_bytes(image_bytes(1))
    Path("empty").mkdir()
    assert said in poolscope("import", *words, "--pool", "pool").refused()
    assert not Path("pool").exists()

"""Table import: names found or given, images checked, extra columns kept."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.sources import Options, look
from tests.conftest import image_bytes


def imported(source, pool, **options):
    return look([source], Options(**options), only="table").run(pool)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pics").mkdir()
    for number in range(3):
        (tmp_path / "pics" / f"{number}.png").write_bytes(image_bytes(number))
    (tmp_path / "pics" / "bad.png").write_bytes(b"broken")
    return tmp_path


def test_parquet_with_images_and_extra_columns(folder):
    table = pa.table(
        {
            "caption": ["a", "b b", None, "d", "e"],
            "file": ["pics/0.png", "pics/1.png", "pics/2.png", "pics/bad.png", "pics/none.png"],
            "aesthetic": [0.5, 0.25, 1.0, 0.0, 0.0],
            "vectors": [[1.0], [2.0], [3.0], [4.0], [5.0]],
        }
    )
    pq.write_table(table, folder / "t.parquet")
    report = imported(folder / "t.parquet", folder / "pool")
    assert (report.added, dict(report.skipped)) == (
        2,
        {"no caption": 1, "image can't be decoded": 1, "image file missing or unreadable": 1},
    )
    pool = Pool.open(folder / "pool")
    assert pool.array("aesthetic").tolist() == [0.5, 0.25]
    assert pool.take([1], ["text", "width", "height"]).to_pylist() == [{"text": "b b", "width": 64, "height": 48}]
    assert pool.image(1) == image_bytes(1)
    assert pool.columns["vectors"].kind == "metadata"


def test_csv_with_urls_and_given_names(folder):
    (folder / "t.csv").write_text('id,words,where\n1,"a, b\nc",http://x.org/1\n2,d,http://x.org/2\n3,e,\n')
    report = imported(folder / "t.csv", folder / "pool", text="words", url="where")
    assert (report.added, dict(report.skipped)) == (2, {"no image and no URL": 1})
    assert Pool.open(folder / "pool").strings("text").to_pylist() == ["a, b\nc", "d"]


def test_an_address_among_the_paths_is_a_url_and_never_opened(folder):
    (folder / "t.csv").write_text("text,image\nx,pics/0.png\ny,http://127.0.0.1:9/evil.png\n")
    report = imported(folder / "t.csv", folder / "pool")
    assert report.added == 2
    assert Pool.open(folder / "pool").take([1], ["url", "image"]).to_pylist() == [
        {"url": "http://127.0.0.1:9/evil.png", "image": None}
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.parquet", b"PAR1 not really", "can't be read"),
        ("x.csv", b"", "can't be read"),
        ("x.md", b"hello", "neither"),
        ("x.csv", b"a,b\n1,2\n", "no caption column"),
        ("missing.csv", None, "no file"),
    ],
)
def test_wrong_tables_are_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        imported(tmp_path / name, tmp_path / "pool")


def test_an_unknown_column_is_named(folder):
    (folder / "t.csv").write_text("text,url\na,http://x\n")
    with pytest.raises(InputError, match=r"no column 'alt'.*text, url"):
        imported(folder / "t.csv", folder / "pool", text="alt")

"""Layouts that people have on disk: each becomes the pairs that it says."""

import bz2
import gzip
import io
import json
import lzma

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.sources import Options, look
from tests.benchmarks import layouts
from tests.conftest import image_bytes

TEXTS = ["a red bicycle", "two cats; on a sofa", "Grüße aus Köln"]


@pytest.fixture
def room(tmp_path):
    (tmp_path / "in" / "images").mkdir(parents=True)
    for number in range(3):
        (tmp_path / "in" / "images" / f"{number}.png").write_bytes(image_bytes(number))
    return tmp_path / "in"


def taken(room, source=None, **options):
    """The pool of an import, and its report."""
    plan = look(source or room, Options(**options))
    report = plan.run(room.parent / "pool")
    return Pool.open(room.parent / "pool"), report, plan


def rows(separator=",", quote=""):
    return "".join(f"images/{n}.png{separator}{quote}{text}{quote}\n" for n, text in enumerate(TEXTS))


def csv_files():
    head = "file_name,text\n"
    return {
        "plain.csv": (head + rows()).encode(),
        "mark.csv": (head + rows()).encode("utf-8-sig"),
        "wide.csv": (head + rows()).encode("utf-16"),
        "latin.csv": (head + rows()).encode("latin-1"),
        "packed.csv.gz": gzip.compress((head + rows()).encode()),
        "semicolon.csv": ("Image;Caption\n" + rows(";", '"')).encode(),
        "pipes.csv": ("image_name| comment\n" + rows("| ")).encode(),
        "tabs.tsv": ("filepath\ttitle\n" + rows("\t")).encode(),
        "quoted.tsv": (
            '"filepath"\t"title"\n' + rows("\t", '"').replace("images", '"images').replace("png", 'png"')
        ).encode(),
        "bare.tsv": rows("\t").encode(),
        "bare.csv": rows(",").encode(),
        "crlf.csv": (head + rows()).replace("\n", "\r\n").encode(),
    }


@pytest.mark.parametrize("name", [name for name, content in csv_files().items() if content])
def test_text_tables(room, name):
    (room / name).write_bytes(csv_files()[name])
    pool, report, _ = taken(room)
    assert pool.strings("text").to_pylist() == TEXTS, report
    assert [pool.image(row) for row in range(3)] == [image_bytes(n) for n in range(3)]


def annotations():
    image = [{"id": 7 + n, "file_name": f"{n}.png", "width": 64, "height": 48} for n in range(3)]
    said = [
        {"image_id": 7 + n, "id": 10 * n + k, "caption": f"{text} {k}"} for n, text in enumerate(TEXTS) for k in (0, 1)
    ]
    kar = [
        {
            "filepath": "images",
            "filename": f"{n}.png",
            "cocoid": n,
            "sentences": [{"raw": f"{text} {k}", "tokens": ["a"]} for k in (0, 1)],
        }
        for n, text in enumerate(TEXTS)
    ]
    both = {f"{n}.png": [f"{text} {k}" for k in (0, 1)] for n, text in enumerate(TEXTS)}
    lists = [{"image": f"images/{n}.png", "captions": both[f"{n}.png"]} for n in range(3)]
    return {
        "captions_val.json": json.dumps({"info": {}, "images": image, "annotations": said}),
        "dataset_coco.json": json.dumps({"images": kar, "dataset": "coco"}),
        "by_name.json": json.dumps(both, indent=1),
        "array.json": json.dumps(lists, indent=2),
        "lines.jsonl": "\n".join(map(json.dumps, lists)),
        "written.csv": "image,captions\n" + "".join(f'images/{n}.png,"{both[f"{n}.png"]!r}"\n' for n in range(3)),
        "captions.txt": "image,caption\n"
        + "".join(f'images/{n}.png#{k},"{t}"\n' for n in range(3) for k, t in enumerate(both[f"{n}.png"])),
    }


@pytest.mark.parametrize("name", annotations())
def test_several_captions_are_joined_by_one_image_id(room, name):
    (room / name).write_text(annotations()[name])
    pool, report, _ = taken(room)
    assert pool.strings("text").to_pylist() == [f"{text} {k}" for text in TEXTS for k in (0, 1)], report
    ids = pool.strings("image_id").to_pylist()
    assert ids[::2] == ids[1::2]
    assert len(set(ids)) == 3
    assert pool.image(5) == image_bytes(2)


@pytest.mark.parametrize(("which", "texts"), [("first", ["a", "c"]), ("longest", ["long", "c"])])
def test_one_of_several_captions(room, which, texts):
    (room / "x.jsonl").write_text('{"url": "http://x/1", "text": ["a", "long"]}\n{"url": "http://x/2", "text": "c"}\n')
    assert taken(room, captions=which)[0].strings("text").to_pylist() == texts


def test_arrow_files_and_hive_folders(room):
    for part, end in (("en", "parquet"), ("de", "parquet")):
        folder = room / "table" / f"lang={part}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"URL": [f"http://x/{part}"], "TEXT": [part], part: [1]}), folder / f"p.{end}")
    pool, _, _ = taken(room, room / "table")
    assert pool.strings("lang").to_pylist() == ["de", "en"]
    assert pool.take([0, 1], ["de", "en"]).to_pylist() == [{"de": 1, "en": None}, {"de": None, "en": 1}]
    pyarrow.feather.write_feather(pa.table({"url": ["http://x/f"], "caption": ["f"]}), room / "f.feather")
    assert taken(room, room / "f.feather")[1].added == 1


def test_images_inside_a_file_move_with_the_pool(room):
    inside = [
        {"bytes": image_bytes(0), "path": None},
        {"bytes": None, "path": "images/1.png"},
        {"bytes": b"no image", "path": "x"},
    ]
    pq.write_table(pa.table({"image": inside, "caption": [["a", "b"], ["c"], ["d"]]}), room / "t.parquet")
    _, report, _ = taken(room)
    (room.parent / "pool").rename(room.parent / "moved")
    pool = Pool.open(room.parent / "moved")
    assert pool.images([0, 1, 2]) == [image_bytes(0), image_bytes(0), image_bytes(1)]
    assert dict(report.skipped) == {"image can't be decoded": 1}
    pq.write_table(pa.table({"jpg": [image_bytes(0), image_bytes(2)], "txt": ["x", "y"]}), room / "b.parquet")
    assert taken(room, room / "b.parquet")[0].images([0, 1]) == [image_bytes(0), image_bytes(2)]


def test_types_are_those_of_all_rows_and_bad_rows_are_counted(room):
    lines = [f"http://x/{n},a {n},{n},{n / 4},{str(n % 2 == 0).lower()},{n:04d}" for n in range(30_000)]
    lines[25_000] = "http://x/25000,a,oops,1.5,true,0001"
    lines[26_000] += ",one more"
    (room / "t.csv").write_text("url,text,late,real,truth,code\n" + "\n".join(lines) + "\n")
    pool, report, _ = taken(room)
    types = {name: str(pool.schema.field(name).type) for name in ("late", "real", "truth", "code")}
    assert types == {"late": "string", "real": "double", "truth": "bool", "code": "string"}
    assert report.added == 29_999
    assert report.examples == {"row has more cells than there are columns": ["t.csv line 26002"]}


def test_a_caption_is_a_caption_or_none(room):
    said = ["['a', 'b']", "b'bytes'", "['c' 'd']", "{'x': 1}", "[sic] stays", "(in brackets)", "", None]
    pq.write_table(pa.table({"url": [f"http://x/{n}" for n in range(8)], "text": said}), room / "t.parquet")
    pool, report, _ = taken(room)
    assert pool.strings("text").to_pylist() == ["a", "b", "bytes", "c", "d", "[sic] stays", "(in brackets)"]
    assert dict(report.skipped) == {"no caption": 3}


def test_ids_of_ones_own(room):
    upper, uuid = "ABCDEF0123456789ABCDEF0123456789", "01234567-89ab-cdef-0123-456789abcdef"
    (room / "t.csv").write_text(f"uid,url,text\n{upper},http://x/1,a\n{uuid},http://x/2,b\n391895,http://x/3,c\n")
    pool, _, _ = taken(room)
    assert pool.strings("id").to_pylist() == [upper, uuid, "391895"]
    assert pool.take([0, 1], ["uid"])["uid"].to_pylist() == [upper.lower(), uuid.replace("-", "")]


def test_sources_with_different_columns_join_one_pool(room):
    (room / "a.csv").write_text("url,text,Größe,meta.lang\nhttp://x/1,a,1,de\n")
    (room / "b.jsonl").write_text('{"url": "http://x/2", "text": "b", "license": "CC0"}\n')
    pool, _, plan = taken(room, room / "a.csv")
    assert plan.parts[0].columns == {"Größe": "Grosse", "meta.lang": "meta_lang"}
    pool, _, _ = taken(room, room / "b.jsonl")
    assert pool.take([0, 1], ["Grosse", "license"]).to_pylist() == [
        {"Grosse": 1, "license": None}, {"Grosse": None, "license": "CC0"},
    ]  # fmt: skip


def test_paths_of_other_machines(room):
    places = ["C:\\data\\images\\0.png", f"file://{room}/images/1.png", "images\\2.png", "http://x/3.png"]
    pq.write_table(pa.table({"image": places, "text": list("abcd")}), room / "t.parquet")
    pool, report, _ = taken(room)
    assert report.added == 4
    assert pool.images([0, 1, 2]) == [image_bytes(n) for n in range(3)]
    assert pool.strings("url").to_pylist()[3] == "http://x/3.png"


def test_captions_in_files_beside_images(room):
    for number, text in enumerate(TEXTS[:2]):
        (room / "images" / f"{number}.txt").write_text(text)
    pool, report, _ = taken(room)
    assert (report.added, pool.image(1)) == (2, image_bytes(1))


def test_an_import_can_be_mended(room):
    (room / "t.csv").write_text("file_name,text,other\nimages/0.png,a,b\nimages/1.png,c,d\n")
    with pytest.raises(InputError, match="missing or unreadable: 2"):
        look(room, Options(image="other")).run(room.parent / "pool")
    assert not (room.parent / "pool").exists()
    assert taken(room)[1].added == 2
    (room / "t.csv").write_text("file_name,text,other\nimages/0.png,a,b\nimages/1.png,c,d\nimages/2.png,e,f\n")
    assert (taken(room)[1].added, taken(room)[1].present) == (1, 3)


def test_what_is_no_source_is_refused_at_once(room):
    with pytest.raises(InputError, match="holds 3 images and no captions"):
        look(room)
    with pytest.raises(InputError, match="no file or directory"):
        look(room / "nothing")
    (room / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no caption column"):
        look(room)


def test_embeddings_come_along(room):
    vectors = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    table = {
        "url": ["http://x/1", "http://x/2", "http://x/3"],
        "text": TEXTS,
        "image_embedding": list(vectors),
        "text_embedding": list(vectors),
    }
    pq.write_table(pa.table(table), room / "t.parquet")
    pool, _, _ = taken(room)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for name in ("embedding_img", "embedding_txt"):
        assert pool.columns[name].kind == "embedding"
        assert np.allclose(pool.embeddings(name, [0, 1, 2]), unit, atol=1e-3)


def test_a_url_of_any_file_system(room):
    import fsspec

    out = io.BytesIO()
    pq.write_table(pa.table({"url": ["http://x/1"], "text": ["a"]}), out)
    system = fsspec.filesystem("memory")
    system.pipe("/many/a.parquet", out.getvalue())
    system.pipe("/many/b.csv", b"url,text\nhttp://x/2,b\n")
    assert taken(room, "memory://many")[1].added == 2


def test_captions_that_are_no_text_and_keys_of_any_language(room):
    (room / "größe=__HIVE_DEFAULT_PARTITION__").mkdir()
    (room / "größe=a%2Fb").mkdir()
    table = pa.table({"url": ["https://a/1", "https://a/2"], "text": [b"one", b"\xff"]})
    pq.write_table(table, room / "größe=__HIVE_DEFAULT_PARTITION__" / "0.parquet")
    pq.write_table(table.slice(0, 1).set_column(0, "url", [["https://a/3"]]), room / "größe=a%2Fb" / "1.parquet")
    pool, report, plan = taken(room)
    assert pool.strings("grosse").to_pylist() == [None, "a/b"] or pool.strings("grosse").to_pylist() == ["a/b", None]
    assert dict(report.skipped) == {"caption is not UTF-8": 1}
    assert None in [row["text"] for row in plan.preview]


def test_a_column_of_images_that_is_empty_costs_no_pair(room):
    (room / "t.csv").write_text("url,image,text\nhttps://a/1.jpg,,one\nhttps://a/2.jpg,,two\n")
    pool, report, _ = taken(room, room / "t.csv")
    assert (len(pool), dict(report.skipped)) == (2, {})


def test_names_that_differ_in_case_only_or_are_empty(room):
    record = {"url": "https://a/1.jpg", "caption": "one", "Key": 1, "key": "k", "": "e", "a.b": 2}
    (room / "t.jsonl").write_text(
        json.dumps(record) + "\n" + json.dumps(record | {"caption": "two", "later": 3}) + "\n"
    )
    pool, _, _ = taken(room, room / "t.jsonl")
    values = pool.take([0, 1], ["id", "Key", "a_b", "later"]).to_pydict()
    assert values == {"id": ["k", "k"], "Key": [1, 1], "a_b": [2, 2], "later": [None, 3]}


def test_keys_that_come_late_are_found_also_where_text_looks_like_keys(room):
    lines = [{"url": f"https://a/{n}.jpg", "caption": f'say "x": {n}'} for n in range(1100)]
    lines[1050] |= {"late": True}
    lines[1060] = {"url": "https://a/other.jpg", "caption": "swapped", "never": "seen"}
    (room / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    pool, _, plan = taken(room, room / "t.jsonl")
    assert set(plan.parts[0].columns) == {"late", "never"}
    assert len(pool) == 1100
    assert np.flatnonzero(pool.array("late")).tolist() == [1050]


def test_rows_beyond_the_memory_for_them_are_read_again(room):
    (room / "t.csv").write_text("url,caption,n\n" + "".join(f"https://a/{n},caption {n},{n}\n" for n in range(50)))
    (room / "t.jsonl").write_text(
        "".join(json.dumps({"url": f"b{n}", "caption": "c", "n": n}) + "\n" for n in range(50))
    )
    look([room / "t.csv", room / "t.jsonl"], held=10).run(room.parent / "pool")
    assert Pool.open(room.parent / "pool").array("n").tolist() == [*range(50), *range(50)]


def test_the_table_of_layouts_is_of_all_of_them():
    page = layouts.PAGE.read_text()
    assert len(layouts.LAYOUTS) >= 20
    assert [
        row.split(" | ")[0].removeprefix("| ").split(": `")[0] for row in page.splitlines() if row.startswith("| ")
    ][1:] == list(layouts.LAYOUTS)


@pytest.mark.parametrize(
    "title", ["Arrow stream (Hugging Face `save_to_disk`)", "Flickr30k results, separated by pipes"]
)
def test_a_layout_goes_in_out_and_in_again(title):
    number = list(layouts.LAYOUTS).index(title)
    assert layouts.row(number, title) in layouts.PAGE.read_text()


def test_lines_that_end_in_several_ways_and_too_many_columns(room):
    more = ",".join(f"c{n}" for n in range(1100))
    (room / "t.csv").write_bytes(f"caption,{more},url\r\none,{more},https://a/1\ntwo,{more},https://a/2\r\n".encode())
    pool, _, plan = taken(room, room / "t.csv")
    assert pool.strings("text").to_pylist() == ["one", "two"]
    assert "c998" in pool.columns
    assert "c1000" not in pool.columns
    assert "101 columns after the first 1,000 are left out" in plan.parts[0].notes[0]


@pytest.mark.parametrize("name", ["t.csv.bz2", "t.csv.xz"])
def test_an_archive_that_breaks_off_is_one_clear_line(room, name):
    packed = {"t.csv.bz2": bz2.compress, "t.csv.xz": lzma.compress}[name](("url,text\n" + "a,b\n" * 999).encode())
    (room / name).write_bytes(packed[:-20])
    with pytest.raises(InputError, match="it can't be read"):
        look(room / name)
    (room / "t.json").write_text('{"url": ["a", "b"], "caption": ["one"]}')
    with pytest.raises(InputError, match="different lengths: 'url' 2, 'caption' 1"):
        look(room / "t.json")


def test_what_breaks_off_gives_what_came_before_or_one_line(room):
    lines = "".join(f"https://a/{n:06d},caption {n},{n}\n" for n in range(40_000))
    (room / "t.csv.gz").write_bytes(gzip.compress(("url,caption,n\n" + lines).encode())[:-3000])
    with pytest.raises(InputError, match="breaks off"):
        look(room / "t.csv.gz").run(room.parent / "pool")
    records = [{"url": f"https://a/{n}", "caption": "c", "n": n} for n in range(3)]
    (room / "t.json").write_text(
        "\n" + json.dumps(records)[:-1] + ', {"url": "https://a/3", "caption": "c", "n": 3,},]'
    )
    with pytest.raises(InputError, match="the JSON can't be read"):
        look(room / "t.json").run(room.parent / "pool")


def test_a_csv_whose_form_changes_late_is_one_line_and_spares_the_others(room):
    head = "".join(f"image {number} of a lake at dawn,http://x.example/{number}.jpg\n" for number in range(30_000))
    late = "one,http://x.example/a.jpg,more\r\n" * 300
    (room / "late.csv").write_bytes(("caption,url\n" + head + late).encode())
    (room / "good.csv").write_text("caption,url\na duck,http://x.example/duck.jpg\n")
    plan = look([str(room / "late.csv"), str(room / "good.csv")])
    report = plan.run(room / "pool")
    assert "a duck" in Pool.open(room / "pool").strings("text").to_pylist()
    assert report.added >= 1


def test_numbers_as_programs_write_them(room):
    (room / "t.csv").write_text(
        "url;text;score;flag;size;code\n"
        "https://a/1;NA;0,05;true;1;1,5\nhttps://a/2;1,5;nan;NULL;N/A;0.5\nhttps://a/3;c;2;false;3;x\nhttps://a/4;d;\\N;;;\n"
    )
    pool, report, _ = taken(room, room / "t.csv")
    assert pool.strings("text").to_pylist() == ["NA", "1,5", "c", "d"]
    assert pool.take([0, 1, 2], ["score", "flag", "size", "code"]).to_pydict() == {
        "score": [0.05, None, 2.0], "flag": [True, None, False], "size": [1, None, 3], "code": ["1,5", "0.5", "x"],
    }  # fmt: skip
    assert report.notes == [
        "column 'score': a word for none is none and its commas are decimal: 0,5 is 0.5",
        "column 'flag': a word for none is none", "column 'size': a word for none is none",
    ]  # fmt: skip
    (room / "u.csv").write_text('url,text,n\nhttps://a/5,e,"1,234"\n')
    assert taken(room, room / "u.csv")[0].strings("n_2" if "n_2" in pool.columns else "n").to_pylist()[-1] == "1,234"
    (room / "v.csv").write_text("url;text;m;d\nhttps://a/6;f;1,234;1,234\nhttps://a/7;g;12;0,5\n")
    pool, _, _ = taken(room, room / "v.csv")
    assert pool.take([len(pool) - 2, len(pool) - 1], ["m", "d"]).to_pydict() == {
        "m": ["1,234", "12"],
        "d": [1.234, 0.5],
    }


def test_ids_that_are_bytes_or_floats_stay_whole(room):
    ids = pa.array([bytes(range(16)), None], pa.binary(16))
    pq.write_table(pa.table({"id": ids, "url": ["https://a/1", "https://a/2"], "text": ["a", "b"]}), room / "a.parquet")
    table = {"id": [391895123456789.0, None], "url": ["https://a/3", "https://a/4"], "text": ["c", "d"]}
    pq.write_table(pa.table(table), room / "b.parquet")
    (room / "c.json").write_text(
        '{"data": [{"id": 12345678901234567890123, "url": "https://a/5", "text": "e"}, {"url": "https://a/6", "text": "f"}]}'
    )
    pool, _, _ = taken(room, [room / "a.parquet", room / "b.parquet", room / "c.json"])
    assert pool.strings("id").to_pylist() == [
        bytes(range(16)).hex(), None, "391895123456789", None, "12345678901234567890123", None,
    ]  # fmt: skip


def test_boxes_are_no_embeddings(room):
    table = {
        "url": ["https://a/1", "https://a/2"],
        "text": ["a", "b"],
        "bbox": [[0.5, 1.0, 2.0, 3.0]] * 2,
        "scores": [[0.5] * 20, [0.25]],
        "clip": [[0.5, 0.5]] * 2,
    }
    pq.write_table(pa.table(table), room / "t.parquet")
    pool, _, _ = taken(room, room / "t.parquet")
    assert pool.strings("bbox").to_pylist() == ["[0.5, 1.0, 2.0, 3.0]"] * 2
    assert pool.strings("scores").to_pylist()[1] == "[0.25]"
    assert [name for name, about in pool.columns.items() if about.kind == "embedding"] == ["clip_img"]


def test_rows_of_one_image_are_joined(room):
    (room / "t.csv").write_text("id,image,text\n1,images/0.png,a\n2,images/0.png,b\n3,images/1.png,c\n")
    pool, _, _ = taken(room, room / "t.csv")
    first, second, third = pool.strings("image_id").to_pylist()
    assert first == second != third
    assert pool.strings("id").to_pylist() == ["1", "2", "3"]
    (room / "u.csv").write_text("image_id,image,text\n7,images/2.png,a\n7,images/2.png,b\n")
    assert taken(room, room / "u.csv")[0].strings("image_id").to_pylist()[-2:] == ["7", "7"]


def test_what_is_known_of_coco_s_images_comes_along(room):
    images = [{"id": 1, "file_name": "0.png", "domain": "near", "open_images_id": "0013"}]
    notes = [{"image_id": 1, "caption": text} for text in ("a", "b")]
    (room / "c.json").write_text(json.dumps({"images": images, "annotations": notes}))
    pool, _, _ = taken(room, room / "c.json")
    assert (
        pool.take([0, 1], ["domain", "open_images_id"]).to_pylist()
        == [{"domain": "near", "open_images_id": "0013"}] * 2
    )

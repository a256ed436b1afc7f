"""Datasets as they are published or downloaded: captions in several columns and files, images by their ids, what failed."""

import base64
import gzip
import json
import unicodedata

import pyarrow as pa
import pytest

from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.sources import located, look
from tests.backend.sources.test_in_the_wild import U, brought_in, image, tar


def pictures(*names: str) -> dict[str, bytes]:
    return {name: image(number, "JPEG" if name.endswith("jpg") else "PNG") for number, name in enumerate(names)}


def pool_rows(room, columns):
    pool = Pool.open(room / "pool")
    return pool.take(range(len(pool)), columns).to_pylist()


NUMBERED = {
    "csv": {"a.csv": "image,caption1,caption2,caption3\n1.jpg,a,b,\n2.jpg,c,c,d d\n"},
    "camel": {"a.csv": "image,rawCaption_0,rawCaption_1\n1.jpg,a,b\n2.jpg,c,d d\n"},
    "twice": {"a.csv": "image,Caption,Caption\n1.jpg,a,b\n2.jpg,c,d d\n"},
    "parquet": {
        "a.parquet": pa.table({"raw_0": ["a", "c"], "image": ["1.jpg", "2.jpg"], "raw_1": pa.array(["b", "d d"]).dictionary_encode()})
    },
    "jsonl": {"a.jsonl": '{"image": "1.jpg", "sentence1": "a", "sentence2": "b"}\n{"image": "2.jpg", "sentence2": "d d", "sentence1": "c"}\n'},
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERED)
@pytest.mark.parametrize(
    ("which", "texts"), [("all", ["a", "b", "c", "d d"]), ("first", ["a", "c"]), ("longest", ["a", "d d"])]
)
def test_numbered_columns_are_captions_of_one_image(tmp_path, name, which, texts):
    found, skipped, _ = brought_in(NUMBERED[name] | pictures("1.jpg", "2.jpg"), tmp_path, captions=which)
    assert (found, skipped) == (texts, {})
    assert len({row["image_id"] for row in pool_rows(tmp_path, ["image_id"])}) == 2


def test_captions_that_are_each_of_an_image_of_its_own_are_not_joined(tmp_path):
    table = "image_0,image_1,caption_0,caption_1\n1.jpg,2.jpg,an old one,a young one\n"
    assert "no caption column" in brought_in({"a.csv": table} | pictures("1.jpg", "2.jpg"), tmp_path)[0]


def test_a_column_of_captions_that_is_named_is_taken_alone(tmp_path):
    assert brought_in({"a.csv": f"url,caption1,caption2\n{U(1)},a,b\n"}, tmp_path, text="caption2")[0] == ["b"]
    assert brought_in({"a.csv": f"url,text,TEXT\n{U(1)},a,A\n"}, tmp_path / "cases")[0] == ["a"]


SBU = "SBU_captioned_photo_dataset"


def test_two_files_of_lines_are_paired(tmp_path):
    files = {
        f"{SBU}_urls.txt": f"{U(1)}\r\n{U(2)}\r\n{U(3)}\r\n", f"{SBU}_captions.txt": "a dog, brown\n\nthree\n",
        "train/image_names.txt": "img/1.jpg\n", "train/captions.txt": "four", "train/img/1.jpg": image(1, "JPEG"),
    }  # fmt: skip
    found, skipped, _ = brought_in(files, tmp_path)
    assert (sorted(found), skipped) == (["a dog, brown", "four", "three"], {"no caption": 1})
    rows = {row["text"]: (row["url"] or row["image"]) for row in pool_rows(tmp_path, ["text", "url", "image"])}
    assert (rows["three"], rows["four"]) == (U(3), str(tmp_path / "source/train/img/1.jpg"))


def test_two_files_of_lines_that_are_named_are_paired_and_must_be_as_long(tmp_path):
    captions, urls = tmp_path / "captions.txt", tmp_path / "urls.txt"
    captions.write_text("a\nb\n")
    urls.write_text(f"{U(1)}\n{U(2)}\n")
    assert look([captions, urls]).run(tmp_path / "pool").added == 2
    urls.write_text(f"{U(1)}\n")
    with pytest.raises(InputError, match=r"captions.txt' has 2 lines and '.*urls.txt' 1"):
        look(tmp_path)


def test_a_list_of_images_beside_a_table_of_captions_is_no_pair_of_lines(tmp_path):
    files = {"captions.txt": "image,caption\n1.jpg,a\n1.jpg,b\n", "images.txt": "1.jpg\n"} | pictures("1.jpg")
    assert brought_in(files, tmp_path)[0] == ["a", "b"]


REGIONS = [
    {"id": number, "regions": [{"region_id": 1, "phrase": text, "x": 1, "width": 2} for text in texts]}
    for number, texts in ((1, ("a clock", "a man")), (2, ("a shade",)), (3, ("no place",)))
]


def test_phrases_of_visual_genome_are_captions_of_the_images_that_another_table_places(tmp_path):
    places = [{"image_id": n, "url": U(n), "width": 800, "height": 600, "coco_id": None} for n in (1, 2)]
    files = {"image_data.json": json.dumps(places), "region_descriptions.json": json.dumps(REGIONS)}
    found, skipped, _ = brought_in(files, tmp_path)
    assert (found, skipped) == (["a clock", "a man", "a shade"], {"no image and no URL": 1})
    rows = pool_rows(tmp_path, ["url", "image_id", "width"])
    assert rows[:2] == [{"url": U(1), "image_id": "1", "width": 800}] * 2


def test_tables_are_joined_by_ids_of_whatever_table_and_only_where_these_agree(tmp_path):
    said = "ImageID,Caption\n0007,seven\n0008,eight\n"
    files = {"said.csv": said, "images.parquet": pa.table({"image_id": ["0008", "0007"], "OriginalURL": [U(8), U(7)]})}
    assert brought_in(files, tmp_path)[0] == ["seven", "eight"]
    assert [row["url"] for row in pool_rows(tmp_path, ["url"])] == [U(7), U(8)]
    licences = {"said.csv": said, "images.parquet": pa.table({"image_id": ["1", "2"], "OriginalURL": [U(8), U(7)]})}
    assert "REFUSED" in brought_in(licences, tmp_path / "other")[0]


def test_a_list_of_images_too_long_to_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(located, "MOST", 1)
    places = [{"image_id": n, "url": U(n)} for n in (1, 2)]
    files = {"image_data.json": json.dumps(places), "region_descriptions.json": json.dumps(REGIONS)}
    assert "join the two tables by 'image_id' first" in str(brought_in(files, tmp_path))


BY_ID = {
    "regions": ({"a.json": json.dumps(REGIONS[:2])}, ("VG_100K/1.jpg", "VG_100K_2/2.jpg"), ["a clock", "a man", "a shade"]),
    "COCO results": (
        {"results/a.json": json.dumps([{"image_id": 42, "caption": "x", "id": 1}, {"image_id": 7, "caption": "y", "id": 2}])},
        ("val2014/COCO_val2014_000000000042.jpg", "val2014/COCO_val2014_000000000007.jpg"), ["x", "y"],
    ),
    "localized narratives": (
        {"a.jsonl": '{"image_id": "0ab", "caption": "x"}\n{"image_id": "gone", "caption": "y"}\n'}, ("train/0ab.jpg",), ["x"],
    ),
    "kohya": (
        {"meta.json": json.dumps({"d/01": {"caption": "x", "tags": "t"}, "d/02": {"tags": "1girl, solo"}})},
        ("d/01.png", "d/02.jpg"), ["x", "1girl, solo"],
    ),
    "names without endings": ({"a.csv": "image,text\n01,x\n02,y\n"}, ("pics/01.jpg", "pics/02.png"), ["x", "y"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_ID)
def test_images_are_found_by_their_ids(tmp_path, name):
    table, images, texts = BY_ID[name]
    assert brought_in(table | pictures(*images), tmp_path)[0] == texts
    places = [row["image"].removeprefix(f"{tmp_path}/source/") for row in pool_rows(tmp_path, ["image"])]
    assert list(dict.fromkeys(places)) == list(images)


def test_an_id_that_two_images_have_is_none_and_urls_are_not_given_images_by_chance(tmp_path):
    files = {"a.csv": "image_id,caption\n1,x\n2,y\n3,z\n"} | pictures("a/1.jpg", "b/1.jpg", "a/2.jpg", "a/3.jpg")
    found, skipped, _ = brought_in(files, tmp_path)
    assert (found, sum(skipped.values())) == (["y", "z"], 1)
    files = {"a.csv": f"id,caption,url\n1,x,{U(1)}\n"} | pictures("1.jpg")
    brought_in(files, tmp_path / "urls")
    assert pool_rows(tmp_path / "urls", ["image"]) == [{"image": None}]


def test_captions_that_vizwiz_rejects_are_counted(tmp_path):
    said = [
        ("a dog", {}),
        ("spam", {"is_rejected": True}),
        ("too blurred", {"is_rejected": False, "is_precanned": True}),
    ]
    notes = [{"image_id": 1, "id": n, "caption": text, **marks} for n, (text, marks) in enumerate(said)]
    file = json.dumps({"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": notes})
    found, skipped, _ = brought_in({"train.json": file} | pictures("1.jpg"), tmp_path)
    assert found == ["a dog"]
    assert skipped == {"annotation is marked is_rejected": 1, "annotation is marked is_precanned": 1}


KEYS = ["000000000", "000000001", "000000002"]
STATUS = pa.table({
    "url": [U(1), U(2), U(3)], "caption": ["a dog", "gone", "odd"], "key": KEYS,
    "status": ["success", "failed_to_download", "failed_to_resize"],
})  # fmt: skip
LISTED = json.dumps({"url": U(1), "caption": "a dog", "key": KEYS[0], "status": "success"})
DOWNLOADS = {
    "shards": {"00000.tar": tar([(f"{KEYS[0]}.jpg", image(1, "JPEG")), (f"{KEYS[0]}.json", LISTED.encode())])},
    "files": {f"00000/{KEYS[0]}.jpg": image(1, "JPEG"), f"00000/{KEYS[0]}.txt": "a dog", f"00000/{KEYS[0]}.json": LISTED},
    "files without texts": {f"00000/{KEYS[0]}.jpg": image(1, "JPEG")},
}  # fmt: skip


@pytest.mark.parametrize("form", DOWNLOADS)
def test_what_img2dataset_could_not_download_is_counted(tmp_path, form):
    found, skipped, _ = brought_in(DOWNLOADS[form] | {"00000.parquet": STATUS, "00000_stats.json": "{}"}, tmp_path)
    assert found == ["a dog"]
    assert sorted(skipped.values()) == [1, 1]
    assert all("was not downloaded" in reason for reason in skipped)


def test_its_table_alone_gives_urls_and_says_which_were_not_there(tmp_path):
    found, skipped, notes = brought_in({"00000.parquet": STATUS}, tmp_path)
    assert (found, skipped) == (["a dog", "gone", "odd"], {})
    assert "could not download 2 of the images; they come in by URL" in notes[0]
    images = pa.array([image(1, "JPEG"), None, None])
    found, skipped, _ = brought_in({"00000.parquet": STATUS.append_column("jpg", images)}, tmp_path / "inside")
    assert (found, sum(skipped.values())) == (["a dog"], 2)


REFUSED = {
    "CVAT": ({"annotations.xml": "<annotations/>"} | pictures("1.jpg"), "'annotations.xml' is XML of boxes and labels"),
    "XML alone": ({"a.xml": '<?xml version="1.0"?><annotations/>'}, "which are no captions"),
    "TFRecord": ({"a.tfrecord-00000-of-00002": b"\n\0,"}, "TFRecord, which is not read; make webdataset"),
    "LMDB": ({"data.mdb": b"\0", "lock.mdb": b"\0"}, "LMDB, which is not read"),
    "MDS": ({"index.json": '{"shards": [{"format": "mds", "raw_data": {}}], "version": 2}', "s.mds": b""}, "index of MDS shards"),
    "wids index alone": ({"index.json": '{"wids_version": 1, "shardlist": [{"url": "0.tar"}]}'}, "index of shards; give their folder"),
    "pickle": ({"a.pkl": b"\x80\x04"}, "never opened because it can run code"),
    "spreadsheet": ({"a.xlsx": b"PK\x03\x04"}, "save it as CSV"),
    "spreadsheet named CSV": ({"a.csv": b"PK\x03\x04 and more, and more"}, "it is a zip archive or a spreadsheet"),
    "error page": ({"a.csv": "<!DOCTYPE html>\n<html>404, not found</html>\n"}, "it is an HTML page"),
    "pointer of Git LFS": ({"a.parquet": "version https://git-lfs.github.com/spec/v1\noid x\n"}, "git lfs pull"),
    "shard that is one": ({"0.tar": "version https://git-lfs.github.com/spec/v1\noid x\n"}, "git lfs pull"),
    "empty JSON": ({"a.json": "\n"}, "it is empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_holds_no_pairs_is_refused_in_one_line_that_says_why(tmp_path, name):
    files, says = REFUSED[name]
    found = brought_in(files, tmp_path)[0]
    assert says in found
    assert "\n" not in found


def test_what_cannot_be_read_beside_a_table_is_counted(tmp_path):
    files = {"a.csv": f"caption,url\na,{U(1)}\n", "more.zip": b"PK\x03\x04", "boxes.xml": "<x/>"}
    found, skipped, _ = brought_in(files, tmp_path)
    assert (found, sum(skipped.values())) == (["a"], 2)


def test_what_a_map_left_beside_a_saved_dataset_is_not_read(tmp_path):
    files = {}
    for name, text in (("data-00000-of-00001", "a"), ("cache-0a1b2c3d", "changed"), ("indices", "again")):
        sink = pa.BufferOutputStream()
        rows = pa.table({"text": [text], "url": [U(1)]})
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        files[f"train/{name}.arrow"] = sink.getvalue().to_pybytes()
    assert brought_in(files | {"train/state.json": "{}", "train/dataset_info.json": "{}"}, tmp_path)[:2] == (["a"], {})


def test_images_that_are_written_out_in_text(tmp_path):
    written = [base64.b64encode(image(n, form)).decode() for n, form in enumerate(("PNG", "JPEG", "WEBP"))]
    table = f"7\ta dog\t{written[0]}\n8\ta cat\t{written[1]}\n9\ta broken one\t{written[1][:200]}\n"
    found, skipped, _ = brought_in({"a.tsv": table}, tmp_path)
    assert (found, skipped) == (["a dog", "a cat"], {"image can't be decoded": 1})
    lines = [{"text": "a", "image": f"data:image/png;base64,{written[0]}"}, {"text": "b", "image": written[2]}]
    assert brought_in({"a.jsonl": "\n".join(map(json.dumps, lines))}, tmp_path / "lines")[0] == ["a", "b"]


def test_texts_in_a_folder_of_their_own(tmp_path):
    files = pictures("images/1.jpg", "images/2.jpg", "a/3.jpg", "b/3.jpg")
    texts = {"captions/1.txt": "one", "captions/2.txt": "two", "captions/3.txt": "which?", "LICENSE.txt": "free"}
    assert brought_in(files | texts, tmp_path)[0] == ["one", "two"]


def test_texts_that_all_have_several_lines_are_captions_each(tmp_path):
    sentences = {"Sentences/1.txt": "[/EN#1/people A dog] runs\nb\nc\n", "Sentences/2.txt": "d\ne\nf"}
    files = pictures("flickr/1.jpg", "flickr/2.jpg")
    assert brought_in(sentences | files, tmp_path)[0] == ["A dog runs", "b", "c", "d", "e", "f"]
    uneven = {"1.txt": "one text\nof\nlines", "2.txt": "d"} | pictures("1.jpg", "2.jpg")
    assert brought_in(uneven, tmp_path / "uneven")[0] == ["one text\nof\nlines", "d"]


def test_a_model_s_answer_in_the_cauldron_s_form_and_numbers_that_are_none(tmp_path):
    turns = [
        [{"user": "What?", "assistant": "a dog"}],
        [{"user": "q", "assistant": "a"}, {"user": "q", "assistant": "b"}],
    ]
    found, skipped, _ = brought_in({"a.parquet": pa.table({"texts": turns, "url": [U(1), U(2)]})}, tmp_path)
    assert (found, skipped) == (["a dog"], {"no caption": 1})
    numbers = pa.table({"text": [float("nan"), 2.5], "url": [U(1), U(2)]})
    found, skipped, _ = brought_in({"a.parquet": numbers}, tmp_path / "numbers")
    assert (found, skipped) == (["2.5"], {"no caption": 1})


def test_names_spelled_otherwise_on_this_disk(tmp_path):
    files = pictures(unicodedata.normalize("NFD", "ü.png"), "a.JPG", "1.jpg")
    lfs = {"2.jpg": "version https://git-lfs.github.com/spec/v1\noid x\n"}
    table = unicodedata.normalize("NFC", "image,text\nü.png,one\na.jpg,two\n1.jpg,three\n2.jpg,four\n")
    found, skipped, _ = brought_in({"a.csv": table} | files | lfs, tmp_path)
    assert found == ["one", "two", "three"]
    assert skipped == {"image is a pointer of Git LFS (fetch the files with `git lfs pull`)": 1}


def test_cells_that_show_nothing_and_words_for_none(tmp_path):
    rows = [("\u200b", U(1)), ("\u00a0\u2060", U(2)), ("\u200d👍", U(3)), ("b", "nan"), ("c", "NULL"), ("d", U(4))]
    table = "caption,url,s\n" + "".join(
        f"{text},{url},{s}\n" for (text, url), s in zip(rows, ["inf", "-inf", "nan", "1", "2", "0.5"])
    )
    found, skipped, _ = brought_in({"a.csv.gz": gzip.compress(table.encode())}, tmp_path)
    assert found == ["\u200d👍", "d"]
    assert skipped == {"no caption": 2, "no image and no URL": 2}
    assert [row["s"] for row in pool_rows(tmp_path, ["s"])] == [None, 0.5]


def test_a_record_inside_a_field_by_names_in_any_case(tmp_path):
    line = json.dumps({"url": U(1), "Task2": {"Caption": "a dog in the sun"}, "prompt": "dog --v 4"})
    assert brought_in({"a.jsonl": line}, tmp_path, text="Task2")[0] == ["a dog in the sun"]

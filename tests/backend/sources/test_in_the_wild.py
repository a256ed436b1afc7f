"""Files as people have them: how each comes in, or the one line that says why it does not."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.sources import Options, look

CASES: list[Any] = []


def image(number: int, form: str = "PNG") -> bytes:
    made = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(made, form)
    return made.getvalue()


def case(name: str, files: dict[str, Any], expected: list[str] | Callable[[Any, dict[str, int]], bool]) -> None:
    CASES.append(pytest.param(files, expected, id=name))


def U(n):
    return f"https://a.org/{n}.jpg"


def csvs(rows, d=",", h="caption,url"):
    return "\n".join([h.replace(",", d)] + [d.join(r) for r in rows]) + "\n"


abc = [("a dog", U(1)), ("two cats", U(2)), ("three", U(3))]
T = ["a dog", "two cats", "three"]
case("crlf", {"a.csv": csvs(abc).replace("\n", "\r\n")}, T)
case("cr only", {"a.csv": csvs(abc).replace("\n", "\r")}, T)
case("bom", {"a.csv": "\ufeff" + csvs(abc)}, T)
case("utf16 le bom", {"a.csv": csvs(abc).encode("utf-16")}, T)
case("utf16 be no bom", {"a.csv": csvs(abc).encode("utf-16-be")}, T)
case("latin1", {"a.csv": csvs([("Käse", U(1)), ("Bär", U(2))]).encode("latin-1")}, ["Käse", "Bär"])
case("semicolon, decimal comma", {"a.csv": f"caption;url;score\na dog;{U(1)};0,5\nb;{U(2)};0,7\n"}, ["a dog", "b"])
case("pipe", {"a.csv": csvs(abc, "|")}, T)
case("quoted newline", {"a.csv": f'caption,url\n"two\nlines",{U(1)}\nb,{U(2)}\n'}, ["two\nlines", "b"])
case("backslash escape", {"a.csv": f'caption,url\n"say \\"hi\\", now",{U(1)}\nb,{U(2)}\n'}, ['say "hi", now', "b"])
case("leading blank lines", {"a.csv": "\n\n" + csvs(abc)}, T)
case("blank lines inside", {"a.csv": csvs(abc).replace("\n", "\n\n")}, T)
case(
    "ragged",
    {"a.csv": f"caption,url,x\na dog,{U(1)},1\nshort\nb,{U(2)},1,2,3\nthree,{U(3)},1\n"},
    lambda g, s: g == ["a dog", "three"] and sum(s.values()) == 2,
)
case(
    "unclosed quote",
    {"a.csv": f'caption,url\na dog,{U(1)}\n"never closed,{U(2)}\nthree,{U(3)}\nfour,{U(4)}\n'},
    lambda g, s: "a dog" in g and "three" in g and "four" in g,
)
case(
    "several quotes that are never closed",
    {"a.csv": f'caption,url\n"a,{U(1)}\n"b,{U(2)}\n"c,{U(3)}\nfine,{U(4)}\n'},
    lambda g, s: g == ["fine"] and sum(s.values()) == 3,
)
case("quote inside", {"a.csv": f'caption,url\n5" screen,{U(1)}\nthree,{U(2)}\n'}, ['5" screen', "three"])
case("dup column names", {"a.csv": f"caption,url,x,x\na dog,{U(1)},1,2\n"}, ["a dog"])
case("header only", {"a.csv": "caption,url\n"}, lambda g, s: "REFUSED" in g)
case("spaces in header", {"a.csv": f" caption , url \na dog, {U(1)}\n"}, ["a dog"])
case(
    "null words",
    {"a.csv": csvs([("None", U(1)), ("nan", U(2)), ("NULL", U(3)), ("NA", U(4)), ("", U(5))])},
    ["None", "nan", "NULL", "NA"],
)
case(
    "bool and date captions",
    {
        "a.csv": csvs(
            [("true", U(1)), ("2020-01-02", U(2)), ("12:30", U(3)), ("+5", U(4)), ("1,5".replace(",", "."), U(5))]
        )
    },
    ["true", "2020-01-02", "12:30", "+5", "1.5"],
)
case("gz", {"a.csv.gz": gzip.compress(csvs(abc).encode())}, T)
case("gz named csv", {"a.csv": gzip.compress(csvs(abc).encode())}, T)
case("nul in cell", {"a.csv": f"caption,url\na\0b,{U(1)}\nthree,{U(2)}\n"}, lambda g, s: "three" in g)
case("no header", {"a.csv": "\n".join(f"{c},{u}" for c, u in abc)}, T)
case("single quotes", {"a.csv": f"caption,url\n'a dog, brown',{U(1)}\nb,{U(2)}\n"}, lambda g, s: "b" in g)
case("comment line", {"a.csv": "# made by me\n" + csvs(abc)}, T)
case("excel sep line", {"a.csv": "sep=;\n" + csvs(abc, ";")}, T)
case("index column", {"a.csv": f",caption,url\n0,a dog,{U(1)}\n1,b,{U(2)}\n"}, ["a dog", "b"])


# json
def J(rows):
    return "".join(json.dumps(r) + "\n" for r in rows)


rows = [{"caption": c, "url": u} for c, u in abc]
case("jsonl", {"a.jsonl": J(rows)}, T)
case("jsonl bom crlf blank", {"a.jsonl": "\ufeff" + J(rows).replace("\n", "\r\n\r\n")}, T)
case(
    "jsonl NaN",
    {
        "a.jsonl": J(
            [
                {"caption": "a dog", "url": U(1), "s": float("nan")},
                {"caption": "b", "url": U(2), "s": 1.5},
                {"caption": "c", "url": U(3), "s": float("inf")},
            ]
        )
    },
    ["a dog", "b", "c"],
)
case(
    "json array NaN",
    {
        "a.json": json.dumps(
            [{"caption": "a dog", "url": U(1), "s": float("nan")}, {"caption": "b", "url": U(2), "s": 1}]
        )
    },
    ["a dog", "b"],
)
case(
    "jsonl bad line",
    {"a.jsonl": J(rows[:1]) + '{"caption": "broken\n' + J(rows[1:])},
    lambda g, s: g == T and sum(s.values()) == 1,
)
case(
    "jsonl single quotes",
    {"a.jsonl": f"{{'caption': 'a dog', 'url': '{U(1)}'}}\n"},
    lambda g, s: "REFUSED" in g or g == ["a dog"],
)
case("jsonl trailing commas", {"a.jsonl": J(rows).replace("}\n", "},\n")}, T)
case("json pretty array", {"a.json": json.dumps(rows, indent=2)}, T)
case("json lines in .json", {"a.json": J(rows)}, T)
case("json concatenated objects pretty", {"a.json": "\n".join(json.dumps(r, indent=1) for r in rows)}, T)
case(
    "json numbers",
    {
        "a.jsonl": f'{{"caption": 3.10, "url": "{U(1)}"}}\n{{"caption": 1e5, "url": "{U(2)}"}}\n{{"caption": 7, "url": "{U(3)}"}}\n'
    },
    ["3.10", "1e5", "7"],
)
case(
    "surrogate",
    {"a.jsonl": f'{{"caption": "x \\ud800 y", "url": "{U(1)}"}}\n{{"caption":"b","url":"{U(2)}"}}\n'},
    lambda g, s: "b" in g,
)
case("list captions", {"a.jsonl": J([{"captions": ["a", "b"], "url": U(1)}])}, ["a", "b"])
case("late key", {"a.jsonl": J([{"url": U(1)}, {"url": U(2), "caption": "late"}])}, ["late"])
case("nested text", {"a.jsonl": J([{"caption": {"en": "hello", "de": "hallo"}, "url": U(1)}])}, ["hello"])
case("data wrapper", {"a.json": json.dumps({"data": rows, "version": 1})}, T)
case(
    "dict by id",
    {"a.json": json.dumps({"x1": {"caption": "a dog", "url": U(1)}, "x2": {"caption": "b", "url": U(2)}})},
    ["a dog", "b"],
)
case(
    "llava conversations",
    {
        "a.json": json.dumps(
            [
                {
                    "id": "1",
                    "image": "1.png",
                    "conversations": [
                        {"from": "human", "value": "<image>\nDescribe"},
                        {"from": "gpt", "value": "a dog"},
                    ],
                }
            ]
        ),
        "1.png": image(1),
    },
    lambda g, s: True,
)
case("huge int", {"a.jsonl": '{{"caption":"a","url":"{}","n":{}}}\n'.format(U(1), "9" * 40)}, ["a"])


# parquet
def P(**k):
    return {"a.parquet": pa.table(k)}


u3 = [U(1), U(2), U(3)]
case("pq dict", P(text=pa.array(T).dictionary_encode(), url=u3), T)
case("pq large", P(text=pa.array(T, pa.large_string()), url=u3), T)
case("pq binary", P(text=pa.array([t.encode() for t in T]), url=u3), T)
case("pq int captions", P(text=[1, 2, 3], url=u3), ["1", "2", "3"])
case(
    "pq decimal/timestamp/extra",
    {
        "a.parquet": pa.table(
            {
                "text": T,
                "url": u3,
                "d": pa.array([1, 2, 3]).cast(pa.decimal128(30, 2)),
                "t": pa.array([1, 2, 3], pa.timestamp("ns")),
                "m": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int32())),
                "du": pa.array([1, 2, 3], pa.duration("s")),
                "fb": pa.array([b"ab", b"cd", b"ef"], pa.binary(2)),
                "nul": pa.nulls(3),
            }
        )
    },
    T,
)
case("pq list struct", P(text=[[{"raw": "a", "n": 1}, {"raw": "b", "n": 2}]], url=[U(1)]), ["a", "b"])
case(
    "pq zero rows",
    {"a.parquet": pa.table({"text": pa.array([], pa.string()), "url": pa.array([], pa.string())})},
    lambda g, s: "REFUSED" in g,
)
case("pq uint64 id", P(id=pa.array([2**63 + 5, 1, 2], pa.uint64()), text=T, url=u3), T)
case(
    "pq hive",
    {
        "lang=en/a.parquet": pa.table({"text": T[:1], "url": u3[:1]}),
        "lang=de/b.parquet": pa.table({"text": T[1:], "url": u3[1:]}),
    },
    lambda g, s: sorted(g) == sorted(T),
)
case(
    "pq image struct list",
    P(image=[{"bytes": image(1), "path": "x.png"}, {"bytes": None, "path": "2.png"}], text=["a", "b"])
    | {"2.png": image(2)},
    ["a", "b"],
)
case("captions only + embedding", P(text=T, emb=pa.array([[0.1] * 32] * 3)), lambda g, s: g == T or "REFUSED" in g)
# files
case(
    "image names odd",
    {
        "metadata.csv": "file_name,text\nmy photo.png,a\ncafé.png,b\nsub/dir/x.PNG,c\n100%.png,d\n",
        "my photo.png": image(1),
        "café.png": image(2),
        "sub/dir/x.PNG": image(3),
        "100%.png": image(4),
    },
    ["a", "b", "c", "d"],
)
case(
    "paths: windows, file://, ./, %20",
    {
        "m.csv": "image,text\nsub\\x.png,a\n./y.png,b\nmy%20z.png,c\n",
        "sub/x.png": image(1),
        "y.png": image(2),
        "my z.png": image(3),
    },
    ["a", "b", "c"],
)
case(
    "txt beside",
    {"x/1.png": image(1), "x/1.txt": "a dog", "x/2.jpg": image(2, "JPEG"), "x/2.txt": "two\n", "y/3.png": image(3)},
    lambda g, s: sorted(g) == ["a dog", "two"],
)
case(
    "caption/json beside",
    {
        "1.png": image(1),
        "1.json": json.dumps({"caption": "a dog"}),
        "2.png": image(2),
        "2.json": json.dumps({"caption": "b"}),
    },
    lambda g, s: sorted(g) == ["a dog", "b"],
)
case(".caption beside", {"1.png": image(1), "1.caption": "a dog"}, ["a dog"])
case("class folders no captions", {"dog/1.png": image(1), "cat/2.png": image(2)}, lambda g, s: "REFUSED" in g)
case(
    "flickr8k token",
    {
        "Flickr8k.token.txt": "1.jpg#0\ta dog\n1.jpg#1\tbrown dog\n2.jpg#0\tcat\n",
        "1.jpg": image(1, "JPEG"),
        "2.jpg": image(2, "JPEG"),
    },
    lambda g, s: sorted(g) == ["a dog", "brown dog", "cat"],
)
case(
    "flickr30k csv",
    {
        "results.csv": "image_name| comment_number| comment\n1.jpg| 0| a dog .\n1.jpg| 1| b .\n",
        "1.jpg": image(1, "JPEG"),
    },
    lambda g, s: sorted(g) == ["a dog .", "b ."],
)
case(
    "captions.txt kaggle",
    {"captions.txt": "image,caption\n1.jpg,a dog\n1.jpg,b\n", "Images/1.jpg": image(1, "JPEG")},
    lambda g, s: sorted(g) == ["a dog", "b"],
)
case(
    "CC3M tsv",
    {"Train-GCC.tsv": 'a dog runs\thttps://a.org/1.jpg\ntwo "cats"\thttps://a.org/2.jpg\n'},
    ["a dog runs", 'two "cats"'],
)
case(
    "SBU two txts",
    {
        "SBU_captioned_photo_dataset_urls.txt": "https://a.org/1.jpg\n",
        "SBU_captioned_photo_dataset_captions.txt": "a dog\n",
    },
    lambda g, s: True,
)


def tar(members):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w") as t:
        for n, c in members:
            i = tarfile.TarInfo(n)
            i.size = len(c)
            t.addfile(i, io.BytesIO(c))
    return b.getvalue()


case("tar nested upper", {"0.tar": tar([("./d/1.JPG", image(1, "JPEG")), ("./d/1.TXT", b"a dog")])}, ["a dog"])
case(
    "tar json caption + text ext",
    {
        "0.tar": tar(
            [("1.png", image(1)), ("1.json", b'{"text":"a dog","s":NaN}'), ("2.png", image(2)), ("2.text", b"b")]
        )
    },
    ["a dog", "b"],
)
case("tar dots", {"0.tar": tar([("a.b/1.c.png", image(1)), ("a.b/1.c.txt", b"a dog")])}, lambda g, s: True)
case("tar cls only", {"0.tar": tar([("1.png", image(1)), ("1.cls", b"3")])}, lambda g, s: "REFUSED" in g)
case(
    "tar in nested dirs",
    {
        "s/00/0.tar": tar([("1.png", image(1)), ("1.txt", b"a dog")]),
        "s/01/0.tar": tar([("1.png", image(2)), ("1.txt", b"b")]),
    },
    lambda g, s: sorted(g) == ["a dog", "b"],
)
case(
    "tar utf16 caption",
    {
        "0.tar": tar(
            [
                ("1.png", image(1)),
                ("1.txt", "a dog".encode("utf-16")),
                ("2.png", image(2)),
                ("2.txt", "\ufeffb".encode()),
            ]
        )
    },
    lambda g, s: "b" in g,
)
case(
    "tar caption list json",
    {"0.tar": tar([("1.png", image(1)), ("1.json", json.dumps({"captions": ["x", "y"]}).encode())])},
    ["x", "y"],
)
case(
    "img2dataset files format",
    {
        "00000/000000000.jpg": image(1, "JPEG"),
        "00000/000000000.txt": "a dog",
        "00000/000000000.json": json.dumps({"url": U(1), "caption": "a dog", "status": "success"}),
        "00000.parquet": pa.table({"url": [U(1)], "caption": ["a dog"], "key": ["000000000"], "status": ["success"]}),
    },
    ["a dog"],
)
case(
    "img2dataset wds",
    {
        "00000.tar": tar(
            [
                ("000000000.jpg", image(1, "JPEG")),
                ("000000000.txt", b"a dog"),
                ("000000000.json", json.dumps({"url": U(1), "caption": "a dog", "sha256": "x"}).encode()),
            ]
        ),
        "00000.parquet": pa.table(
            {"url": [U(1), U(2)], "caption": ["a dog", "failed"], "status": ["success", "failed_to_download"]}
        ),
        "00000_stats.json": '{"count":2}',
    },
    ["a dog"],
)

two = {"img/1.png": image(1), "img/2.png": image(2)}
case(
    "data-juicer: an image in a list, its place and the end marked in the caption",
    two
    | {
        "a.jsonl": "".join(
            json.dumps({"text": f"<__dj__image> {text} <|__dj__eoc|>", "images": [f"img/{n}.png"]}) + "\n"
            for n, text in enumerate(["a dog", "a cat"], 1)
        )
    },
    ["a dog", "a cat"],
)
case(
    "several images in a row are none",
    two
    | {"a.jsonl": '{"text": "both", "images": ["img/1.png", "img/2.png"]}\n{"text": "one", "images": ["img/2.png"]}\n'},
    lambda g, s: g == ["one"] and s == {"no image and no URL": 1},
)
case(
    "parquet: images and URLs in lists of one",
    {
        "a.parquet": pa.table(
            {
                "texts": [["a dog"], ["a cat"], ["both"], ["none"]],
                "images": [[{"bytes": image(n), "path": None}] * n for n in (1, 1, 2, 0)],
                "urls": [[U(1)], [], [], []],
            }
        )
    },
    lambda g, s: g == ["a dog", "a cat"] and s == {"no image and no URL": 2},
)
case(
    "FiftyOne: captions as labels",
    two
    | {
        "samples.json": json.dumps(
            {
                "samples": [
                    {
                        "filepath": f"img/{n}.png",
                        "tags": ["train"],
                        "caption": {"_cls": "Classification", "label": text},
                    }
                    for n, text in enumerate(["a dog", "a cat"], 1)
                ]
            }
        )
    },
    ["a dog", "a cat"],
)
case(
    "records by the path of their image",
    two | {"meta.json": json.dumps({f"img/{n}.png": {"caption": f"number {n}", "tags": "x"} for n in (1, 2)})},
    ["number 1", "number 2"],
)
case("an archive", {"all.zip": b"PK"}, lambda g, s: "'all.zip' is an archive; unpack it" in g)

one = {"1.png": image(1)}
case(
    "single quotes around cells", {"a.csv": f"caption,url\n'a dog, brown',{U(1)}\n'b',{U(2)}\n"}, ["a dog, brown", "b"]
)
for encoding, text in (
    ("gb18030", "一只狗在跑"),
    ("shift_jis", "犬が走る"),
    ("cp1251", "собака бежит"),
    ("mac-roman", "Käse über"),
):
    case(
        f"{encoding} is no Western text and is not guessed",
        {"a.csv": csvs([(text, U(1))]).encode(encoding)},
        lambda g, s: "name its --encoding" in g,
    )
case("names in camel case", {"a.csv": f"imageUrl,altText,imageId\n{U(1)},a dog,7\n"}, ["a dog"])
case("the only column of captions", {"a.csv": f"url,blip_caption,caption_id\n{U(1)},a dog,7\n"}, ["a dog"])
case("two columns of captions", {"a.csv": f"url,re_caption,org_caption\n{U(1)},a dog,b\n"}, lambda g, s: "--text" in g)
case("parquet named csv", {"a.csv": pa.table({"text": T, "url": u3})}, T)
case("jsonlines", {"a.jsonlines": J(rows)}, T)
case("one line with a list in it", {"a.jsonl": J([{"caption": "a dog", "url": U(1), "tags": [{"x": 1}]}])}, ["a dog"])
case(
    "one object with a list in it",
    {"a.json": json.dumps({"caption": "a dog", "url": U(1), "tags": [{"x": 1}]})},
    ["a dog"],
)
case(
    "a record that names the image",
    {"a.jsonl": J([{"image": {"url": U(1), "width": 3}, "caption": "a dog"}, {"image": {"width": 3}, "caption": "b"}])},
    lambda g, s: g == ["a dog"] and s == {"no image and no URL": 1},
)
case(
    "a model's only answer is a caption, several are not",
    one
    | {
        "a.json": json.dumps(
            [
                {
                    "image": "1.png",
                    "conversations": [turn for said in texts for turn in ({"from": "human", "value": "<image>"}, said)],
                }
                for texts in ([{"from": "gpt", "value": "a dog"}], [{"from": "gpt", "value": "red"}] * 2)
            ]
        )
    },
    lambda g, s: g == ["a dog"] and s == {"no caption": 1},
)
annotated = {"images": [{"id": 1, "file_name": "1.png"}], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]}
case(
    "COCO's boxes beside its captions",
    one
    | {
        "captions.json": json.dumps(annotated | {"annotations": [{"image_id": 1, "caption": "a dog"}]}),
        "instances.json": json.dumps(annotated),
    },
    lambda g, s: g == ["a dog"] and s == {"file left out: its annotations hold no captions": 1},
)
case(
    "lemmas beside captions",
    {"F.token.txt": "1.png#0\ttwo dogs\n", "F.lemma.token.txt": "1.png#0\ttwo dog\n"} | one,
    lambda g, s: g == ["two dogs"] and s == {"file left out: lemmas, no captions": 1},
)
case("a name with a text is no image", {"m.json": '{"name": "x"}'}, lambda g, s: "no column of images" in g)
case(
    "texts of other encodings beside images",
    {f"{n}.png": image(n) for n in range(3)}
    | {"0.txt": "Käse".encode("latin-1"), "1.txt": "vier ü".encode("utf-16"), "2.txt": "\ufeffdrei"},
    lambda g, s: (
        sorted(g) == ["drei", "vier ü"] and s == {"caption is neither UTF-8 nor UTF-16 (name its --encoding)": 1}
    ),
)
case("boxes beside images", one | {"1.txt": "0 0.5 0.5 0.2 0.2\n"}, lambda g, s: "boxes of a detector" in g)
case("numbers that are no boxes", one | {"1.txt": "1 " + "0.123456 " * 200 + "x"}, lambda g, s: g and not s)
case("texts named after the whole image", one | {"1.png.txt": "a dog"}, ["a dog"])
case("a JSON list beside an image", one | {"1.json": '["a", "b"]'}, ["a", "b"])
case(
    "a table beside images and their texts",
    one | {"1.txt": "a dog", "metadata.csv": "file_name,text\n1.png,told\n"},
    lambda g, s: g == ["told"] and sum(s.values()) == 1,
)
case("a table of no pairs beside images and their texts", one | {"1.txt": "a dog", "x.csv": "a,b\n1,2\n"}, ["a dog"])
case(
    "an image that is missing is told, its pair kept by URL",
    {"a.csv": f"image,url,text\nx.png,{U(1)},a dog\n"},
    lambda g, s: g == ["a dog"] and s == {"image file missing or unreadable (the pair is kept with its URL)": 1},
)
case("paths of another machine", {"m.csv": "image,text\n/home/me/x/img/1.png,a\n", "img/1.png": image(1)}, ["a"])
case(
    "paths of another machine, of which a folder is missing",
    {"m.csv": "image,text\n" + "".join(f"/data/{s}/1.png,{s}\n" for s in ("train", "val")), "train/1.png": image(1)},
    ["train"],
)
case(
    "an array and records beside a table",
    {"a.csv": csvs(abc), "a.npy": b"x", "0.tfrecord": b"x"},
    lambda g, s: g == T and sum(s.values()) == 2,
)
case(
    "fields of a shard's JSON in upper case",
    {"0.tar": tar([("1.png", image(1)), ("1.json", json.dumps({"Caption": "a dog", "URL": U(1), "ID": 7}).encode())])},
    ["a dog"],
)
case(
    "a list of records in a shard",
    {"0.tar": tar([("1.png", image(1)), ("1.json", b'[{"caption": "x"}, "y"]')])},
    ["x", "y"],
)


def brought_in(files: dict[str, Any], room: Path, **options: Any) -> tuple[Any, dict[str, int], list[str]]:
    """The pool's captions, or the refusal; what was skipped; and the report's notes."""
    for name, content in files.items():
        path = room / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pa.Table):
            pq.write_table(content, path)
        else:
            Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        report = look(str(room / "source"), Options(**options)).run(room / "pool")
    except InputError as error:
        assert not (room / "pool").exists()
        return f"REFUSED {error}", {}, []
    pool = Pool.open(room / "pool")
    return pool.take(range(len(pool)), ["text"])["text"].to_pylist(), dict(report.skipped), report.notes


@pytest.mark.parametrize(("files", "expected"), CASES)
def test_it_comes_in_as_it_should(files, expected, tmp_path):
    found, skipped, _ = brought_in(files, tmp_path)
    if callable(expected):
        assert expected(found, skipped), (found, skipped)
    else:
        assert found == expected, skipped


@pytest.mark.parametrize("name", ["pairs", "pairs.dat", "pairs.txt"])
def test_a_table_that_is_named_may_end_in_anything(tmp_path, name):
    (tmp_path / name).write_text(csvs(abc, "|"))
    assert [row["text"] for row in look(tmp_path / name).preview] == T

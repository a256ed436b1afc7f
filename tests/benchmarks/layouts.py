"""Layouts that people have on disk: each is made, imported, exported and imported again; the table is assets/docs/layouts.md.

python tests/benchmarks/layouts.py [NAME…]     (some by name: prints their rows and writes nothing)
"""

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
from PIL import Image

from poolscope.export import export_dataset, export_shards, export_table
from poolscope.pool import Pool
from poolscope.recipe import Recipe, select
from poolscope.sources import Options, look

PAGE = Path(__file__).resolve().parents[2] / "assets" / "docs" / "layouts.md"
TEXTS = ["a red bicycle", "two cats; on a sofa, asleep", "Grüße aus Köln", "3.10", 'the "quoted" one']
TWO = [text for one in TEXTS for text in (one, f"again: {one}")]
LAYOUTS: dict[str, tuple[Callable[[Path], Any], dict[str, Any], list[str]]] = {}
Made = Callable[[Path], Any]


def layout(title: str, texts: list[str] = TEXTS, **options: Any) -> Callable[[Made], Made]:
    """Registers a function that makes a layout in a folder and may return what to import instead of the folder."""

    def register(make: Made) -> Made:
        LAYOUTS[title] = make, options, texts
        return make

    return register


def image(number: int, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (24 + number, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, form)
    return out.getvalue()


def images(folder: Path, form: str = "PNG") -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:03d}.{form.lower()}" for number in range(len(TEXTS))]
    for number, name in enumerate(names):
        (folder / name).write_bytes(image(number, form))
    return names


def urls() -> list[str]:
    return [f"https://example.org/{number}.jpg?w=1&h=2" for number in range(len(TEXTS))]


def quoted(cell: str, mark: str = '"') -> str:
    return mark + cell.replace('"', '""') + mark


def csv_text(names: list[str], head: str = "file_name,text", separator: str = ",", end: str = "\n") -> str:
    return end.join([head, *(f"{name}{separator}{quoted(text)}" for name, text in zip(names, TEXTS)), ""])


def tar(path: Path, samples: list[dict[str, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as out:
        for number, sample in enumerate(samples):
            for suffix, content in sample.items():
                member = tarfile.TarInfo(f"{number:09d}.{suffix}")
                member.size = len(content)
                out.addfile(member, io.BytesIO(content))
    return path


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


# --- text tables --------------------------------------------------------------------------------------------------


@layout("CSV, image files beside it")
def _(room: Path) -> None:
    (room / "pairs.csv").write_text(csv_text(images(room)))


@layout("CSV of URLs (Conceptual Captions: TSV without a header)")
def _(room: Path) -> None:
    (room / "Train_GCC-training.tsv").write_text("".join(f"{t}\t{u}\n" for t, u in zip(TEXTS, urls())))


@layout("CSV with semicolons, Windows-1252, CRLF (Excel)", encoding="cp1252")
def _(room: Path) -> None:
    text = csv_text(images(room / "Bilder"), "Bild;Caption", ";", "\r\n").replace("Bild;", "Image;")
    (room / "export.csv").write_bytes(text.encode("cp1252"))


@layout("CSV in UTF-16 with a byte order mark")
def _(room: Path) -> None:
    (room / "pairs.csv").write_bytes(csv_text(images(room)).encode("utf-16"))


@layout("CSV, gzip")
def _(room: Path) -> None:
    (room / "pairs.csv.gz").write_bytes(gzip.compress(csv_text(images(room)).encode()))


@layout("CSV, bzip2")
def _(room: Path) -> None:
    (room / "pairs.csv.bz2").write_bytes(bz2.compress(csv_text(images(room)).encode()))


@layout("TSV, xz")
def _(room: Path) -> None:
    rows = "".join(f"{name}\t{text}\n" for name, text in zip(images(room), TEXTS))
    (room / "pairs.tsv.xz").write_bytes(lzma.compress(("filepath\ttitle\n" + rows).encode()))


@layout("several CSVs with different columns, by a pattern")
def _(room: Path) -> str:
    names = images(room)
    for number, (name, text) in enumerate(zip(names, TEXTS)):
        (room / f"part-{number}.csv").write_text(f"image,caption,extra{number}\n{name},{quoted(text)},{number}\n")
    return f"{room}/part-*.csv"


@layout("nested folders, by a brace pattern")
def _(room: Path) -> str:
    for number, (name, text) in enumerate(zip(images(room / "img"), TEXTS)):
        (room / str(number)).mkdir()
        (room / str(number) / "t.csv").write_text(f"path,caption\n{room}/img/{name},{quoted(text)}\n")
    return f"{room}/{{0..{len(TEXTS) - 1}}}/t.csv"


@layout("captions in numbered columns (caption1, caption2)", TWO)
def _(room: Path) -> None:
    rows = [f"{name},{quoted(TWO[2 * n])},{quoted(TWO[2 * n + 1])}\n" for n, name in enumerate(images(room))]
    (room / "pairs.csv").write_text("image,caption1,caption2\n" + "".join(rows))


@layout("SBU: URLs and captions in two files, line by line")
def _(room: Path) -> None:
    (room / "SBU_captioned_photo_dataset_urls.txt").write_text("".join(f"{url}\n" for url in urls()))
    (room / "SBU_captioned_photo_dataset_captions.txt").write_text("".join(f"{text}\n" for text in TEXTS))


@layout("images in Base64")
def _(room: Path) -> None:
    lines(room / "a.jsonl", [
        {"image": base64.b64encode(image(n)).decode(), "caption": text} for n, text in enumerate(TEXTS)
    ])  # fmt: skip


# --- JSON ---------------------------------------------------------------------------------------------------------


@layout("JSON lines of URLs, keys that change")
def _(room: Path) -> None:
    lines(room / "a.jsonl", [{"url": u, "caption": t, f"k{n}": n} for n, (u, t) in enumerate(zip(urls(), TEXTS))])


@layout("JSON array of records")
def _(room: Path) -> None:
    rows = [{"image": name, "caption": text} for name, text in zip(images(room), TEXTS)]
    (room / "annotations.json").write_text(json.dumps(rows))


@layout("JSON object of arrays")
def _(room: Path) -> None:
    (room / "t.json").write_text(json.dumps({"image": images(room), "text": TEXTS}))


@layout("COCO captions", TWO)
def _(room: Path) -> None:
    named = [{"id": 100 + n, "file_name": name, "width": 32} for n, name in enumerate(images(room / "val2017"))]
    notes = [{"id": n, "image_id": 100 + n // 2, "caption": text} for n, text in enumerate(TWO)]
    (room / "captions_val2017.json").write_text(json.dumps({"info": {}, "images": named, "annotations": notes}))


@layout("Karpathy split", TWO)
def _(room: Path) -> None:
    rows = [
        {"filename": name, "filepath": "val2014", "split": "test", "cocoid": n,
         "sentences": [{"raw": text, "tokens": text.split()} for text in TWO[2 * n : 2 * n + 2]]}
        for n, name in enumerate(images(room / "val2014"))
    ]  # fmt: skip
    (room / "dataset_coco.json").write_text(json.dumps({"images": rows, "dataset": "coco"}))


@layout("Flickr8k tokens", TWO)
def _(room: Path) -> None:
    names = images(room / "Images", "JPEG")
    rows = [f"{names[n // 2]}#{n % 2}\t{text}\n" for n, text in enumerate(TWO)]
    (room / "Flickr8k.token.txt").write_text("".join(rows))


@layout("Flickr30k results, separated by pipes", TWO)
def _(room: Path) -> None:
    names = images(room / "flickr30k_images", "JPEG")
    rows = [f"{names[n // 2]}| {n % 2}| {text}\n" for n, text in enumerate(TWO)]
    (room / "results.csv").write_text("image_name| comment_number| comment\n" + "".join(rows))


@layout("Visual Genome's regions, with image_data.json", TWO)
def _(room: Path) -> None:
    phrases = [[{"phrase": text} for text in TWO[2 * n : 2 * n + 2]] for n in range(len(TEXTS))]
    regions = [{"id": n, "regions": those} for n, those in enumerate(phrases, start=1)]
    (room / "region_descriptions.json").write_text(json.dumps(regions))
    places = [{"image_id": n, "url": url} for n, url in enumerate(urls(), start=1)]
    (room / "image_data.json").write_text(json.dumps(places))


@layout("kohya's metadata, names without endings")
def _(room: Path) -> None:
    rows = {f"img/{Path(name).stem}": {"caption": text} for name, text in zip(images(room / "img"), TEXTS)}
    (room / "meta.json").write_text(json.dumps(rows))


# --- parquet and Arrow --------------------------------------------------------------------------------------------


@layout("parquet of URLs (LAION)")
def _(room: Path) -> None:
    table = {
        "URL": urls(),
        "TEXT": TEXTS,
        "WIDTH": [640] * 5,
        "similarity": np.linspace(0, 1, 5),
        "NSFW": ["UNLIKELY"] * 5,
    }
    pq.write_table(pa.table(table), room / "part-00000.parquet")


@layout("parquet with images as bytes (Hugging Face)")
def _(room: Path) -> None:
    cells = [{"bytes": image(n), "path": f"{n}.png"} for n in range(len(TEXTS))]
    (room / "data").mkdir()
    pq.write_table(pa.table({"image": cells, "text": TEXTS}), room / "data" / "train-00000-of-00001.parquet")


@layout("parquet, a list of captions a row", TWO)
def _(room: Path) -> None:
    both = [TWO[2 * n : 2 * n + 2] for n in range(len(TEXTS))]
    pq.write_table(pa.table({"image": images(room), "captions": both}), room / "t.parquet")


@layout("parquet: dictionaries, large strings, decimals, times, nested")
def _(room: Path) -> None:
    import datetime
    import decimal

    table = {
        "image": pa.array(images(room)).dictionary_encode(), "text": pa.array(TEXTS, pa.large_utf8()),
        "price": pa.array([decimal.Decimal("3.10")] * 5), "at": [datetime.datetime(2024, 2, 29)] * 5,
        "about": [{"a": [1, 2]}] * 5,
    }  # fmt: skip
    pq.write_table(pa.table(table), room / "t.parquet")


@layout("hive folders of parquet")
def _(room: Path) -> None:
    for n, (url, text) in enumerate(zip(urls(), TEXTS)):
        part = room / f"lang={'de%2FAT' if n % 2 else 'en'}"
        part.mkdir(exist_ok=True)
        pq.write_table(pa.table({"url": [url], "text": [text]}), part / f"{n}.parquet")


@layout("Feather")
def _(room: Path) -> None:
    pyarrow.feather.write_feather(pa.table({"image_path": images(room), "sentence": TEXTS}), room / "t.feather")


@layout("Arrow stream (Hugging Face `save_to_disk`)")
def _(room: Path) -> None:
    table = pa.table({"image": [{"bytes": image(n), "path": None} for n in range(5)], "text": TEXTS})
    with (
        pa.OSFile(str(room / "data-00000-of-00001.arrow"), "wb") as out,
        pa.ipc.new_stream(out, table.schema) as stream,
    ):
        stream.write_table(table)
    (room / "dataset_info.json").write_text("{}")
    (room / "state.json").write_text("{}")


# --- folders ------------------------------------------------------------------------------------------------------


@layout("image folder with metadata.jsonl (Hugging Face)")
def _(room: Path) -> None:
    lines(room / "metadata.jsonl", [{"file_name": n, "text": t} for n, t in zip(images(room), TEXTS)])


@layout("a .txt beside each image")
def _(room: Path) -> None:
    for name, text in zip(images(room / "deep" / "er", "WEBP"), TEXTS):
        (room / "deep" / "er" / name).with_suffix(".txt").write_text(text + "\n")


@layout("img2dataset, output format `files`")
def _(room: Path) -> None:
    for name, text in zip(images(room / "00000"), TEXTS):
        (room / "00000" / name).with_suffix(".txt").write_text(text)
        (room / "00000" / name).with_suffix(".json").write_text(json.dumps({"caption": text, "key": name[:3]}))
    pq.write_table(pa.table({"caption": TEXTS}), room / "00000.parquet")
    (room / "00000_stats.json").write_text("{}")


@layout("clip-retrieval: metadata and img_emb, text_emb")
def _(room: Path) -> None:
    (room / "metadata").mkdir()
    pq.write_table(pa.table({"caption": TEXTS, "url": urls()}), room / "metadata" / "metadata_0.parquet")
    for side in ("img", "text"):
        (room / f"{side}_emb").mkdir()
        np.save(room / f"{side}_emb" / f"{side}_emb_0.npy", np.random.default_rng(0).normal(size=(5, 8)).astype("f2"))


# --- webdataset ---------------------------------------------------------------------------------------------------


@layout("img2dataset, webdataset with parquet beside")
def _(room: Path) -> None:
    tar(room / "00000.tar", [
        {"jpg": image(n, "JPEG"), "json": json.dumps({"caption": t, "similarity": 0.3, "url": urls()[n]}).encode(), "txt": t.encode()}
        for n, t in enumerate(TEXTS)
    ])  # fmt: skip
    pq.write_table(pa.table({"caption": TEXTS}), room / "00000.parquet")


@layout("webdataset, captions in JSON only", TWO)
def _(room: Path) -> str:
    samples = [
        {"webp": image(n, "WEBP"), "json": json.dumps({"captions": TWO[2 * n : 2 * n + 2]}).encode()} for n in range(5)
    ]
    return str(tar(room / "a.tar", samples))


@layout("webdataset, members by option", image_key="input.png", caption_key="words")
def _(room: Path) -> str:
    return str(
        tar(
            room / "a.tar",
            [{"input.png": image(n), "mask.png": image(9), "words": t.encode()} for n, t in enumerate(TEXTS)],
        )
    )


@layout("webdataset, several shards by a brace pattern")
def _(room: Path) -> str:
    for n, text in enumerate(TEXTS):
        tar(room / f"{n:05d}.tar", [{"png": image(n), "txt": text.encode()}])
    return f"{room}/{{00000..0000{len(TEXTS) - 1}}}.tar"


# --- DataComp -----------------------------------------------------------------------------------------------------


@layout("DataComp metadata")
def _(room: Path) -> None:
    table = {
        "uid": [f"{n:032x}" for n in range(1, 6)], "url": urls(), "text": TEXTS, "original_width": [640] * 5,
        "original_height": [480] * 5, "clip_b32_similarity_score": np.float32([0.1, 0.2, 0.3, 0.25, 0.05]),
    }  # fmt: skip
    pq.write_table(pa.table(table), room / "0000.parquet")


def pairs(pool: Pool) -> list[tuple[str, str]]:
    return sorted((row["uid"], row["text"]) for row in pool.take(range(len(pool)), ["uid", "text"]).to_pylist())


def exported(pool: Pool, number: int, room: Path) -> list[tuple[str, Path]]:
    """The pool as a table and, if it has images, as shards or a dataset; the forms take turns."""
    everything, columns = (
        select(Recipe(name="all"), pool),
        ["uid", "text", "url", "image", "image_offset", "image_bytes"],
    )
    form = ("parquet", "csv", "jsonl")[number % 3]
    export_table(
        pool,
        everything,
        room / f"out.{form}",
        columns=[name for name in columns if name == "uid" or name in pool.columns],
    )
    done = [(form, room / f"out.{form}")]
    if pool.image(0) is not None:
        name = ("shards", "image folder", "dataset in parquet")[number % 3]
        if name == "shards":
            export_shards(pool, everything, room / "out", shard_size=100)
        else:
            export_dataset(pool, everything, room / "out", **({"form": "parquet"} if "parquet" in name else {}))
        done.append((name, room / "out"))
    return done


def row(number: int, title: str) -> str:
    """A line of the table. Raises AssertionError where a pair is missing, wrong, or another after its export."""
    make, options, texts = LAYOUTS[title]
    with tempfile.TemporaryDirectory() as name, chdir(name):
        room = Path(name)
        (room / "in").mkdir()
        source = make(room / "in") or room / "in"
        plan = look(source, Options(**options))
        report = plan.run(room / "pool")
        pool = Pool.open(room / "pool")
        assert sorted(text for _, text in pairs(pool)) == sorted(texts), (title, pairs(pool), report)
        shown = sum(content is not None for content in pool.images(range(len(pool))))
        forms = []
        for form, path in exported(pool, number, room):
            look(path).run(room / f"again-{len(forms)}")
            assert pairs(Pool.open(room / f"again-{len(forms)}")) == pairs(pool), (title, form)
            forms.append(form)
        has = f"{shown} images" if shown else "URLs"
        said = " ".join(f"`--{name.replace('_', '-')} {value}`" for name, value in options.items())
        return f"| {title}{': ' if said else ''}{said} | {plan.kind} | {len(pool)}, {has} | {', '.join(forms)} |"


def main() -> None:
    os.environ.setdefault("POOLSCOPE_HOME", tempfile.mkdtemp())
    chosen = sys.argv[1:] or list(LAYOUTS)
    rows = [row(number, title) for number, title in enumerate(chosen)]
    head = [
        "<!-- Written by tests/benchmarks/layouts.py, which makes, imports and exports each. -->", "", "# Layouts", "",
        f"{len(rows)} layouts that people have on disk. Each was made, imported by `poolscope import`, exported in the forms "
        "named, and imported again from each of them to the same uids and captions.", "",
        "| layout | taken for | pairs | exported and imported again as |", "|---|---|---|---|",
    ]  # fmt: skip
    print("\n".join(rows))
    if not sys.argv[1:]:
        PAGE.write_text("\n".join([*head, *rows, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Writes the demo's pairs: one parquet of captions and places, the thumbnails once each in a stored zip."""

import hashlib
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .. import files
from .image import SourceImage, unit_hash

PLANTED = 0.095
COMMON = 3  # a caption seen more often says too little for its swap to be wrong
SCHEMA = pa.schema(
    {
        "uid": pa.string(), "text": pa.string(), "url": pa.string(), "width": pa.int32(), "height": pa.int32(),
        "sha256": pa.string(), "image": pa.string(), "image_offset": pa.int64(), "image_bytes": pa.int64(),
        "source": pa.string(), "title": pa.string(), "caption_language": pa.string(), "keywords": pa.string(),
        "planted": pa.bool_(), "group": pa.string(),
    }
)  # fmt: skip


def uid(url: str, text: str) -> str:
    """32 hex digits: BLAKE2b-128 of source path and caption."""
    return hashlib.blake2b(f"{url}\n{text}".encode(), digest_size=16).hexdigest()


def store_thumbnails(images: Sequence[SourceImage], path: Path) -> dict[str, tuple[int, int]]:
    """Writes each image once, uncompressed, to the zip `path`; digest -> (offset, size) of its WebP bytes."""
    unique = {picture.sha256: picture for picture in images}
    places: dict[str, tuple[int, int]] = {}
    with files.replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for number, (sha256, picture) in enumerate(unique.items()):
            entry = zipfile.ZipInfo(f"{number:05d}.webp", (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, picture.thumbnail)
            start = entry.header_offset + len(entry.FileHeader())
            places[sha256] = (start, len(picture.thumbnail))
    return places


def table(images: Sequence[SourceImage], places: dict[str, tuple[int, int]], *, image: str) -> pa.Table:
    """Every caption of every image as one pair, in an order given by a hash; some captions swapped on purpose."""
    rows: list[dict[str, Any]] = [
        {
            "text": caption.text, "url": picture.url, "width": picture.width, "height": picture.height,
            "sha256": picture.sha256, "image": image, "image_offset": places[picture.sha256][0],
            "image_bytes": places[picture.sha256][1], "source": picture.source, "title": picture.title,
            "caption_language": caption.language, "keywords": picture.keywords, "planted": False,
            "group": picture.group,
        }
        for picture in images
        for caption in picture.captions
    ]  # fmt: skip
    plant(rows)
    for row in rows:
        row["uid"] = uid(row["url"], row["text"])
    rows = list({row["uid"]: row for row in rows}.values())
    rows.sort(key=lambda row: row["uid"])
    return pa.Table.from_pylist(rows, SCHEMA)


def plant(rows: list[dict[str, Any]]) -> None:
    """Swaps the captions (text and language) of a hashed sample of pairs, and marks them `planted`."""
    common = Counter(row["text"] for row in rows)
    own: dict[str, set[str]] = {}
    for row in rows:
        own.setdefault(row["sha256"], set()).add(row["text"])
    chosen = [row for row in rows if common[row["text"]] <= COMMON]
    chosen.sort(key=lambda row: unit_hash("planted", row["url"], row["text"]))
    chosen = chosen[: int(PLANTED * len(rows))]
    captions = [(row["text"], row["caption_language"]) for row in chosen]
    captions = captions[1:] + captions[:1]
    for row, (text, language) in zip(chosen, captions):
        if text not in own[row["sha256"]]:
            row["text"], row["caption_language"], row["planted"] = text, language, True


def write(images: Sequence[SourceImage], directory: Path) -> pa.Table:
    """Writes `thumbnails.zip` and `pairs.parquet` into `directory`; the table."""
    places = store_thumbnails(images, directory / "thumbnails.zip")
    pairs = table(images, places, image="thumbnails.zip")
    with files.replacing(directory / "pairs.parquet") as part:
        pq.write_table(pairs, part, compression="zstd", compression_level=19)
    return pairs

"""Turning datasets that are not published as tars into the layout that tasks have."""

import ast
import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tarfile import TarInfo
from tarfile import open as open_tar

from ... import files
from ...errors import InputError
from .datacomp import folder

PER_TAR = 1000
Member = tuple[str, dict[str, bytes]]


def retrieval(key: str, tables: Sequence[Path | str], tasks_dir: Path | str) -> Path:
    """Writes a retrieval task from parquet files with an `image` ({"bytes"} or bytes) and a `caption` (list) column,
    as Flickr 1k and MSCOCO 5k are exported by their hosts; returns the task's directory."""
    import pyarrow.parquet as pq

    def members() -> Iterator[Member]:
        number = 0
        for table in tables:
            try:
                opened = pq.ParquetFile(str(table))
            except (OSError, ValueError) as error:
                raise InputError(f"{str(table)!r} is not a parquet file: {error}") from error
            if not {"image", "caption"} <= set(opened.schema_arrow.names):
                raise InputError(f"{str(table)!r} has no columns image and caption; it has {opened.schema_arrow.names}")
            for batch in opened.iter_batches(64, columns=["image", "caption"]):
                for row in batch.to_pylist():
                    image = row["image"]["bytes"] if isinstance(row["image"], dict) else row["image"]
                    captions = row["caption"] if isinstance(row["caption"], list) else [row["caption"]]
                    text = "\n".join(" ".join(str(caption).split()) for caption in captions)
                    yield f"{number:08d}", {_end(image): image, "txt": text.encode()}
                    number += 1

    return write_shards(_fresh(Path(tasks_dir) / folder(key)), members())


def winogavil(table: Path | str, images: Path | str, tasks_dir: Path | str) -> Path:
    """Writes WinoGAViL from its CSV (`cue`, `candidates`, `associations`) and its zip (or directory) of images."""
    root = _fresh(Path(tasks_dir) / folder("misc/winogavil"))
    lines = []
    with Path(table).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not {"cue", "candidates", "associations"} <= set(row):
                raise InputError(f"{str(table)!r} has no columns cue, candidates, associations; it has {list(row)}")
            lines.append(json.dumps({"cue": row["cue"], "candidates": _list(row["candidates"]),
                                     "associations": _list(row["associations"])}))  # fmt: skip
    write_shards(root, ((name, {_end(content): content}) for name, content in _images(Path(images))))
    files.write_text(root / "test" / "instances.jsonl", "".join(f"{line}\n" for line in lines))
    return root


def _fresh(root: Path) -> Path:
    """The directory of a task to be made; what an interrupted attempt left in it may be replaced, a whole task not."""
    if (root / "test" / "nshards.txt").exists():
        raise InputError(f"the task at {str(root)!r} is whole already; remove that directory to make it again.")
    return root


def _list(text: str) -> list[str]:
    try:
        return [str(item) for item in ast.literal_eval(text)]
    except (ValueError, SyntaxError) as error:
        raise InputError(f"{text[:60]!r} is not a list of image names") from error


def _images(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
                yield path.name.partition(".")[0], path.read_bytes()
        return
    try:
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if Path(name).suffix.lower() in (".jpg", ".jpeg", ".png", ".webp") and "__MACOSX" not in name:
                    yield Path(name).name.partition(".")[0], archive.read(name)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{str(source)!r} is neither a directory nor a zip of images: {error}") from error


def _end(picture: bytes) -> str:
    if picture.startswith(b"\x89PNG"):
        return "png"
    return "webp" if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP" else "jpg"


def write_shards(root: Path, members: Iterable[Member], split: str = "test") -> Path:
    """Tars of at most 1000 samples in the folder of the split, then `nshards.txt`, which makes the task count as present."""
    number, rest = 0, iter(members)
    (root / split).mkdir(parents=True, exist_ok=True)
    while part := list(islice(rest, PER_TAR)):
        with open_tar(root / split / f"{number}.tar", "w") as tar:
            for key, contents in part:
                for end, content in contents.items():
                    entry = TarInfo(f"{key}.{end}")
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
        number += 1
    if not number:
        raise InputError(f"no example was found for {root.name}; check the files that were given")
    files.write_text(root / split / "nshards.txt", f"{number}\n")
    return root

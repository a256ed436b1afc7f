"""Examples for a task of one's own: images with a class or with captions, from folders or from a table of any kind."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ...errors import InputError
from ...pool.decoding import EXTENSIONS
from ...sources import roles
from ...sources.find import TABLES, WORDS
from ...sources.members import decoded
from ...sources.npz import Damaged
from ...sources.options import Options
from ...sources.places import only, resolved
from ...sources.table import Table, open_pairs, sampled
from ...sources.texts import fields_of, written
from ...sources.values import FALSE, TRUE

LABEL = ("label", "labels", "class", "classname", "category", "class_name", "label_name", "target", "cls")
SPLIT_COLUMNS = ("split", "subset", "partition")
FLAGS = {"istrain": "train", "istraining": "train", "train": "train", "istest": "test", "test": "test"}
SPLIT_WORDS = {
    "test": ("test", "testing"), "val": ("val", "valid", "validation", "dev"),
    "train": ("train", "training", "restval"),
}  # fmt: skip
ROWS = 256
LONG = 3  # words of a class; what is longer in most rows of a table without names is a caption
_SUFFIXES = {f".{ending}" for ending in EXTENSIONS.values()} | {".jpeg", ".tif", ".jfif"}
_SPLITS = ("test", "val", "validation", "valid")


@dataclass(frozen=True)
class Example:
    """An image file with its class, or with its captions, and the split that a table puts it in: train, test, val or a word
    of the table's own."""

    path: Path
    label: str = ""
    captions: tuple[str, ...] = ()
    split: str = ""


def examples_of(source: Path, room: Path) -> Iterator[Example | str]:
    """Examples, or the reason why one can't be used; images that a table holds are written to `room`."""
    if source.is_file():
        return _of_table(source, room)
    part = next((source / name for name in _SPLITS if (source / name).is_dir()), source)
    folders = sorted(child for child in part.iterdir() if child.is_dir() and not child.name.startswith("."))
    tables = sorted(path for path in part.iterdir() if path.suffix.lower() in TABLES)
    named = [path for path in tables if path.stem.lower() in ("metadata", "labels", "captions", "annotations")]
    if any(is_image(path) for folder in folders for path in folder.iterdir()):
        return _of_folders(folders)  # whatever table lies beside them
    captioned = any(is_image(path) and _words_beside(path) for path in part.rglob("*"))
    if named or (len(tables) == 1 and not captioned):
        return _of_table((named or tables)[0], room)
    return _of_captions(part)


def is_image(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in _SUFFIXES


def _of_folders(folders: Sequence[Path]) -> Iterator[Example | str]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield Example(path, folder.name)


def _of_captions(folder: Path) -> Iterator[Example | str]:
    for path in sorted(folder.rglob("*")):
        beside = _words_beside(path)
        if is_image(path) and beside is not None:
            text = decoded(beside.read_bytes())
            if text is None:
                yield "caption is neither UTF-8 nor UTF-16"
                continue
            yield Example(path, captions=tuple(one.strip() for one in text.splitlines() if one.strip()))


def _words_beside(image: Path) -> Path | None:
    return next((text for ending in WORDS if (text := image.with_suffix(ending)).is_file()), None)


def _of_table(path: Path, room: Path) -> Iterator[Example | str]:
    if not any(path.name.lower().endswith((suffix, f"{suffix}.gz", f"{suffix}.zst")) for suffix in (*TABLES, ".txt")):
        raise InputError(
            f"{path.name} is no table; give a CSV, JSON lines or parquet with an image and a label (or caption) column, "
            "or a folder."
        )
    try:
        table = open_pairs(str(path), Options())
        image, label, caption = _columns(path, table)
        split = _split_column(table.schema.names)
        classes = _class_names(path, label)
        captions_of: dict[tuple[Path, str], list[str]] = {}
        for number, row in enumerate(row for batch in table.batches(ROWS) for row in batch.to_pylist()):
            place = _place(only(row[image]), path.parent, room / str(number))
            text = _text(row[label], classes) if label else ""
            captions = _captions(row[caption]) if caption and not label else []
            part = _split(row[split], roles.plain(split)) if split else ""
            if place is None or not (text or captions):
                yield "row without an image or a label"
            elif label:
                yield Example(place, text, split=part)
            else:
                captions_of.setdefault((place, part), []).extend(captions)
        for (place, part), captions in captions_of.items():
            yield Example(place, captions=tuple(captions), split=part)
        yield from (why for _, why in table.rejected)
    except Damaged as error:
        raise InputError(f"{path.name}: {error}.") from None


def _columns(path: Path, table: Table) -> tuple[str, str | None, str | None]:
    """The columns of the image, the class and the caption."""
    sample, names = sampled(table), table.schema.names
    if not table.named:
        given = roles.by_content(sample, {}, captions=True)
        if "image" in given and "text" in given:
            long = sum(len(str(row[given["text"]]).split()) > LONG for row in sample) > len(sample) / 2
            return given["image"], None if long else given["text"], given["text"] if long else None
        rest = [name for name in names if name != given.get("image")]
        if "image" in given and len(rest) == 1:
            return given["image"], rest[0], None
    by_name = {roles.plain(name): name for name in reversed(names)}
    image, label, caption = (
        next((by_name[roles.plain(one)] for one in usual if roles.plain(one) in by_name), None)
        for usual in (roles.USUAL["image"], LABEL, roles.USUAL["text"])
    )
    if image is None or (label is None and caption is None):
        raise InputError(
            f"{path.name} needs a column image and a column label (or caption); it has: {', '.join(names) or 'none'}."
        )
    return image, label, caption


def _split_column(names: Sequence[str]) -> str | None:
    by_name = {roles.plain(name): name for name in reversed(names)}
    return next((by_name[one] for one in (*SPLIT_COLUMNS, *FLAGS) if one in by_name), None)


def _split(value: Any, column: str) -> str:
    """The split that a cell names, or, in a column such as `is_train`, answers for."""
    word = str(value).strip().lower() if value is not None else ""
    if column in FLAGS:
        other = {"train": "test", "test": "train"}[FLAGS[column]]
        return FLAGS[column] if word in TRUE else other if word in FALSE else ""
    return next((split for split, words in SPLIT_WORDS.items() if word in words), word)


def _class_names(path: Path, label: str | None) -> Sequence[str]:
    """The names of the classes, in the order of their numbers, where a parquet of Hugging Face's datasets has them."""
    if path.suffix.lower() not in (".parquet", ".pq"):
        return ()
    about = (pq.read_schema(path).metadata or {}).get(b"huggingface", b"{}")
    try:
        names = json.loads(about)["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):
        return ()
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else ()


def _place(value: Any, base: Path, held: Path) -> Path | None:
    """The image file of a cell: named by it, or written to `held` if the cell holds its bytes."""
    if isinstance(value, Mapping):
        content = next((one for one in value.values() if isinstance(one, bytes) and one), None)
        value = content or next((one for one in value.values() if isinstance(one, str) and one), None)
    if isinstance(value, bytes):
        held.write_bytes(value)
        return held
    return Path(resolved(value, str(base))) if isinstance(value, str) and value.strip() else None


def _text(value: Any, classes: Sequence[str]) -> str:
    """A class as text, by its name if it is the number of one that has."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(classes):
        return classes[value]
    return "" if value is None else str(value).strip()


def _captions(value: Any) -> list[str]:
    texts = written(value) if isinstance(value, str) else fields_of(value)
    return [text.strip() for text in texts if text.strip()]

"""Sidecars: a folder of images with a text file or a JSON of the same name beside each."""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError
from .captions import LONGEST_CAPTION
from .fields import CAPTIONS, captions, parse
from .find import IMAGES
from .members import decoded
from .places import Nearby

UNREAD = "caption is neither UTF-8 nor UTF-16 (name its --encoding)"
BOXES = "text beside the image is boxes of a detector, no caption"
LOOKED = 50  # files by whose lines it is known whether each is a caption
SEVERAL = 3  # lines, at least, of such a file
_ENTITY = re.compile(r"\[/EN#\d+\S* ([^\]]*)\]")  # how Flickr30k Entities marks phrases
_BOX = re.compile(r"\d+(\s+-?\d*\.\d+){4,}")  # one a line, so that no text takes long to match


def rows(files: Sequence[str], root: str, encoding: str | None = None) -> Iterator[dict[str, Any] | str]:
    """A row for each file: the caption that it is or holds, the image of the same name, beside it or elsewhere below
    `root`, and what its JSON adds; or the reason why there is none."""
    nearby = Nearby(root)
    several = _a_caption_a_line(files, encoding)
    for file in files:
        stem, end = os.path.splitext(file)
        places = (stem, *(one for end in IMAGES for one in (stem + end, stem + end.upper())))
        image = next((one for one in places if os.path.isfile(one)), "") or nearby.find(os.path.basename(stem))
        about = _about(f"{stem}.json")
        text: Any = _read(file, encoding)
        if end.lower() == ".json":
            text, field = captions(about)
            about = {name: value for name, value in about.items() if name.lower() != field}
        elif text is None or _is_boxes(text):
            yield UNREAD if text is None else BOXES
            continue
        elif several:
            text = [line.strip() for line in text.split("\n") if line.strip()]
        kept = {name: value for name, value in about.items() if name.lower() not in {"image", *CAPTIONS}}
        yield {"text": text.strip() if isinstance(text, str) else text, "image": image or "", **kept}


def _a_caption_a_line(files: Sequence[str], encoding: str | None) -> bool:
    """Whether texts have several lines and all as many, as those of CUB and of Flickr30k Entities do."""
    texts = [_read(file, encoding) or "" for file in files[:LOOKED] if not file.lower().endswith(".json")]
    counts = {sum(bool(line.strip()) for line in text.split("\n")) for text in texts if not _is_boxes(text)}
    return len(texts) > 1 and len(counts) == 1 and counts.pop() >= SEVERAL


def _is_boxes(text: str) -> bool:
    lines = text.split("\n")
    return any(map(str.strip, lines)) and all(_BOX.fullmatch(line.strip()) for line in lines if line.strip())


def _read(file: str, encoding: str | None = None) -> str | None:
    with open(file, "rb") as handle:
        content = handle.read(8 * LONGEST_CAPTION)
    try:
        text = decoded(content) if encoding is None else content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    return _ENTITY.sub(r"\1", text) if text and "[/EN#" in text else text


def _about(file: str) -> dict[str, Any]:
    """The fields of a JSON file, or the captions that it lists; none if it is missing or holds anything else."""
    try:
        fields = parse((_read(file) or "").encode())
    except (OSError, ValueError, RecursionError):
        return {}
    if isinstance(fields, list):
        return {"captions": fields}
    return fields if isinstance(fields, dict) else {}


@contextmanager
def listed(files: Sequence[str], root: str, encoding: str | None = None) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """The rows as a table of JSON lines that lives as long as the block, and the files that make none, by the reason.

    Raises InputError if none makes a row.
    """
    wrong: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="poolscope-") as room:
        path = Path(room) / "captions.jsonl"
        with path.open("w", encoding="utf-8") as out:
            for file, row in zip(files, rows(files, root, encoding)):
                if isinstance(row, str):
                    wrong.setdefault(row, []).append(os.path.basename(file))
                else:
                    out.write(json.dumps(row) + "\n")
        if not path.stat().st_size:
            why = ", ".join(f"{reason}: {len(names):,}" for reason, names in wrong.items())
            raise InputError(f"no text file gives a caption ({why}).")
        yield str(path), wrong

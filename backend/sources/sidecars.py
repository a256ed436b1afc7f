"""Sidecars: a folder of images with a text file or a JSON of the same name beside each."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .captions import LONGEST_CAPTION
from .fields import CAPTIONS, captions, parse
from .find import IMAGES


def rows(files: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row for each file: the caption that it is or holds, the image of the same name, and what its JSON adds."""
    for file in files:
        stem, end = os.path.splitext(file)
        image = next((one for end in IMAGES for one in (stem + end, stem + end.upper()) if os.path.isfile(one)), "")
        about = _about(f"{stem}.json")
        text: Any = _read(file).strip()
        if end.lower() == ".json":
            text, said = captions(about)
            about = {name: value for name, value in about.items() if name.lower() != said}
        kept = {name: value for name, value in about.items() if name.lower() not in {"image", *CAPTIONS}}
        yield {"text": text, "image": image, **kept}


def _read(file: str) -> str:
    with open(file, "rb") as handle:
        return handle.read(8 * LONGEST_CAPTION).decode("utf-8-sig", "replace")


def _about(file: str) -> dict[str, Any]:
    """The fields of a JSON file; none if it is missing or holds no object."""
    try:
        fields = parse(_read(file).encode())
    except (OSError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


@contextmanager
def listed(files: Sequence[str]) -> Iterator[str]:
    """The rows as a table of JSON lines that lives as long as the block."""
    with tempfile.TemporaryDirectory(prefix="poolscope-") as room:
        path = Path(room) / "captions.jsonl"
        with path.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows(files))
        yield str(path)

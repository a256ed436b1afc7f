"""Sidecars: a folder of images with a text file of the same name beside each."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .captions import LONGEST_CAPTION
from .find import IMAGES


def rows(files: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row for each text file: its caption, and the image of the same name."""
    for file in files:
        stem = os.path.splitext(file)[0]
        image = next((one for end in IMAGES for one in (stem + end, stem + end.upper()) if os.path.isfile(one)), "")
        with open(file, "rb") as handle:
            text = handle.read(8 * LONGEST_CAPTION).decode("utf-8-sig", "replace").strip()
        yield {"text": text, "image": image}


@contextmanager
def listed(files: Sequence[str]) -> Iterator[str]:
    """The rows as a table of JSON lines that lives as long as the block."""
    with tempfile.TemporaryDirectory(prefix="poolscope-") as room:
        path = Path(room) / "captions.jsonl"
        with path.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows(files))
        yield str(path)

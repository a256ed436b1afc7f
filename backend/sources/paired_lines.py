"""Paired lines: captions in one text file and their URLs or image files in another, line by line (SBU)."""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from ..errors import InputError
from .npz import Damaged
from .options import Options
from .places import base_of, resolved
from .roles import EXTENSIONS, IMAGE
from .staged import BROKEN, Staged

LOOKED = 50  # lines by which a file is known
_SIDE = re.compile(
    r"[\W_]*(captions?|texts?|sentences?|urls?|links?|filenames?|images?|imgs?|paths?|files?|names?)(?![a-z])", re.I
)
_PLACE = re.compile(r"https?://\S+", re.I)
_HAS_PLACE = re.compile(rf"https?://|{EXTENSIONS}\b", re.I)


def pairs(files: Sequence[str], options: Options) -> list[tuple[str, str]]:
    """The pairs of local `.txt` files, captions and places, of one folder and of names that differ in these words only.

    Raises InputError where such a pair has different numbers of lines.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    for path in files:
        folder, name = os.path.split(path)
        if name.lower().endswith(".txt") and "://" not in path and _SIDE.search(name):
            alike.setdefault((folder, _SIDE.sub("", name).lower()), []).append(path)
    found = []
    for two in (two for two in alike.values() if len(two) == 2):
        sides = [_side(path, options) for path in two]
        if sorted(sides) == ["captions", "places"]:
            captions, places = two if sides[0] == "captions" else two[::-1]
            _check(captions, places, options)
            found.append((captions, places))
    return found


def rows(captions: str, places: str, options: Options) -> Iterator[dict[str, str]]:
    """A row for each line."""
    base = base_of(list(islice(_lines(places, options), LOOKED)), options.images, places)
    for text, place in zip(_lines(captions, options), _lines(places, options)):
        web = bool(_PLACE.fullmatch(place))
        yield {"text": text, "image": "" if web or not place else resolved(place, base), "url": place if web else ""}


@contextmanager
def listed(captions: str, places: str, options: Options) -> Iterator[str]:
    """The rows as a table of JSON lines that lives as long as the block."""
    with tempfile.TemporaryDirectory(prefix="poolscope-") as room:
        path = Path(room) / Path(captions).with_suffix(".jsonl").name
        with path.open("w", encoding="utf-8") as out:
            for row in rows(captions, places, options):
                out.write(json.dumps(row) + "\n")
        yield str(path)


def _lines(path: str, options: Options) -> Iterator[str]:
    staged = Staged(path, options.encoding)
    with open(staged.path, encoding="utf-8-sig", errors="replace") as handle:
        for line in handle:
            yield line.strip()


def _side(path: str, options: Options) -> str:
    """Whether the lines of a file are `captions` or `places`, URLs or image files; empty for a file of anything else."""
    try:
        lines = [line for line in islice(_lines(path, options), LOOKED) if line]
    except (Damaged, *BROKEN):
        return ""
    places = sum(bool(_PLACE.fullmatch(one) or IMAGE.search(one)) for one in lines)
    linked = sum(bool(_HAS_PLACE.search(one)) for one in lines)
    return "places" if 2 * places > len(lines) else "captions" if lines and 10 * linked <= len(lines) else ""


def _check(captions: str, places: str, options: Options) -> None:
    (caption_lines, filled), (place_lines, there) = (_counted(path, options) for path in (captions, places))
    if caption_lines != place_lines and filled != there:
        raise InputError(
            f"{captions!r} has {caption_lines:,} lines and {places!r} {place_lines:,}; they are paired line by line, so both must have "
            "as many."
        )


def _counted(path: str, options: Options) -> tuple[int, int]:
    """How many lines a file has, and how many up to the last that isn't empty."""
    count = filled = 0
    for count, line in enumerate(_lines(path, options), start=1):
        filled = count if line else filled
    return count, filled

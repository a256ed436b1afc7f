"""Places of images: what a cell of a table says about where its image is."""

import base64
import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..pool.images import LARGEST_FILE
from .arrow_table import holds_bytes
from .captions import as_text, edges
from .find import IMAGES
from .roles import WRITTEN_OUT
from .staged import LFS

MISSING = "image file missing or unreadable"
NONE = "no image and no URL"
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*://", re.I)
_WEB = re.compile(r"^https?://", re.I)
_NAMING = ("path", "file_name", "filename", "filepath", "file", "url", "src", "href", "uri", "image")
LOOKED = 64  # values by which a column is known
_PADDED = re.compile(r"(?:COCO_\w+_)?0*(\d+)")
MOST_NEARBY = 2_000_000  # files looked at
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class Image:
    """An image that was looked at: its place, hash and size in pixels; or the `problem` why it can't be used.

    `offset` and `size`: the bytes of `path` that it takes, where it was written into a tar.
    """

    path: str
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    problem: str = ""
    offset: int | None = None
    size: int | None = None


def is_web(value: str) -> bool:
    return bool(_WEB.match(value))


def only(value: Any) -> Any:
    """The image of a cell that lists one or is a record that names one, also as JSON; None for a list of several; any
    other cell as it is."""
    listed = value
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            listed = json.loads(value)
        except (ValueError, RecursionError):
            return value
        if isinstance(listed, dict):
            return _named(listed)
        if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], dict):
            return _named(listed[0])
    if not isinstance(listed, list) or not all(isinstance(one, (str, bytes, dict)) for one in listed):
        return value
    return listed[0] if len(listed) == 1 else None


def _named(record: dict[str, Any]) -> str | None:
    """The place that a record of an image gives."""
    return next((place for name in _NAMING if isinstance(place := record.get(name), str) and place), None)


def alone(column: pa.Array) -> pa.Array:
    """A column of cells of images with `only` done to each."""
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        one = pc.fill_null(pc.equal(pc.list_value_length(column), 1), False).to_numpy(zero_copy_only=False)
        places = pa.array(np.cumsum(one) - 1, mask=~one)
        return column.filter(pa.array(one)).flatten().take(places)
    text = None if holds_bytes(column.type) else as_text(column)
    if text is None or not np.isin(edges(text)[0], (ord("["), ord("{"))).any():
        return column
    return pa.array(map(only, text.to_pylist()), pa.utf8())


def written_out(values: pa.Array | None) -> pa.Array | None:
    """The images of a column of text that are written out in Base64, as binary; null where a value is none. None for a
    column of anything else."""
    if values is None or not any(WRITTEN_OUT.match(one or "") for one in values.slice(0, LOOKED).to_pylist()):
        return None
    return pa.array(map(_decoded, values.to_pylist()), pa.binary())


def _decoded(value: str | None) -> bytes | None:
    if not value or not WRITTEN_OUT.match(value):
        return None
    try:
        return base64.b64decode(value.rpartition(",")[2])
    except ValueError:
        return None


def resolved(value: str, base: str, moved: tuple[str, str] = ("", "")) -> str:
    """An absolute path or a URL: relative to `base`; Windows paths and `file://` are read as what they are. `moved`: a
    directory of another machine and the one that it is here."""
    value = value.strip()
    if value.lower().startswith("file:"):
        value = unquote(urlparse(value).path)
        value = value[1:] if _DRIVE.match(value[1:]) else value
    if _SCHEME.match(value):
        return value
    if moved[0] and value.startswith(f"{moved[0]}/") and not os.path.exists(value):
        return os.path.join(moved[1], value[len(moved[0]) + 1 :])
    if "\\" in value and not os.path.exists(os.path.join(base, value)):
        value = value.replace("\\", "/")
    if _DRIVE.match(value) and os.sep == "/":
        return _tail(value[3:], base)
    if "://" in base:
        return f"{base.rstrip('/')}/{value}"
    path = os.path.normpath(os.path.join(base, value))
    if "%" in value and not os.path.exists(path) and os.path.exists(spelled := os.path.join(base, unquote(value))):
        return os.path.normpath(spelled)
    return path


class Nearby:
    """The images below a folder by their names without ending, and by their number where that is the name, as COCO pads
    it; a name that two of them have is none. Found on first use."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._places: dict[str, str] | None = None

    def find(self, key: str) -> str | None:
        """The image of that name, None if there is none or more than one."""
        if self._places is None:
            self._places = self._listed()
        return self._places.get(key.strip()) or None

    def _listed(self) -> dict[str, str]:
        found: dict[str, str] = {}
        looked = 0
        for folder, folders, files in os.walk(self._folder):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
            for stem, ending in map(os.path.splitext, files):
                if ending.lower() in IMAGES and not stem.startswith("."):
                    number = _PADDED.fullmatch(stem)
                    for key in {stem, number[1] if number else stem}:
                        found[key] = "" if key in found else os.path.join(folder, stem + ending)
            looked += len(files)
            if looked > MOST_NEARBY:
                break
        return found


def placed(value: str, base: str, moved: tuple[str, str], nearby: Nearby | None = None) -> str:
    """`resolved`, or the file that is there in its stead: its name composed of other Unicode letters, without its ending,
    or the image that `nearby` has by that name."""
    path = resolved(value, base, moved)
    if _SCHEME.match(path) or os.path.exists(path):
        return path
    spellings = [] if path.isascii() else [unicodedata.normalize(form, path) for form in ("NFC", "NFD")]
    stem, ending = os.path.splitext(path)
    if ending.lower() in IMAGES:
        spellings += [stem + one for one in (ending.lower(), ending.upper())]
    else:
        spellings += [path + one for ending in IMAGES for one in (ending, ending.upper())]
    there = next((one for one in spellings if os.path.isfile(one)), None)
    return there or (nearby.find(value) if nearby else None) or path


def _tail(path: str, base: str) -> str:
    """The longest end of a path of another machine that exists below `base`; its last name there if none does."""
    parts = [part for part in path.split("/") if part]
    ends = [os.path.join(base, *parts[start:]) for start in range(len(parts))]
    return next((end for end in ends if os.path.isfile(end)), os.path.join(base, parts[-1] if parts else ""))


def base_of(values: Sequence[str], given: str | None, table: str) -> str:
    """The directory that most of the `values` exist below: that of the table, one inside it, or one beside it."""
    if given:
        return given if "://" in given else os.path.abspath(os.path.expanduser(given))
    if "://" in table:
        return table.rsplit("/", 1)[0]
    own = os.path.dirname(os.path.abspath(table))
    wanted = [value for value in values if value and not is_web(value)][:20]
    best, hits = own, _hits(wanted, own)
    if wanted and hits < len(wanted):
        for directory in _near(own):
            matched = _hits(wanted, directory)
            if matched > hits:
                best, hits = directory, matched
    return best


def moved(values: Sequence[str], given: str | None, table: str) -> tuple[str, str]:
    """Where absolute paths of another machine lie here: a directory that most of them are below, and the one that it is
    here; two empty texts if there is none."""
    gone = [one for one in values if one.startswith("/") and not os.path.exists(one)][:20]
    best, most = ("", ""), 0
    if not gone or "://" in table:
        return best
    own = os.path.dirname(os.path.abspath(table))
    here = [os.path.abspath(os.path.expanduser(given))] if given else [own, *_near(own)]
    there = os.path.commonpath([os.path.dirname(one) for one in gone])
    while there != "/":
        for directory in here:
            hits = sum(os.path.isfile(directory + one[len(there) :]) for one in gone)
            if hits and hits >= most:
                best, most = (there, directory), hits
        there = os.path.dirname(there)
    return best


def _hits(values: Sequence[str], base: str) -> int:
    return sum(os.path.isfile(placed(value, base, ("", ""))) for value in values)


def _near(own: str) -> Iterable[str]:
    parent = os.path.dirname(own)
    inside = _folders(own)
    return [*inside, *(deep for one in inside[:20] for deep in _folders(one)), parent, *_folders(parent), os.getcwd()]


def _folders(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))[:100]
    except OSError:
        return []


def looked_at(path: str, offset: int | None, size: int | None, *, check: bool) -> Image:
    """The image at a place; a URL of a store is taken as it is. Without `check` it only has to exist."""
    if _SCHEME.match(path):
        return Image(path)
    if not check and offset is None:
        try:
            known = os.stat(path)
        except (OSError, ValueError):
            return Image(path, problem=MISSING)
        return Image(path) if os.path.isfile(path) and known.st_size else Image(path, problem=MISSING)
    try:
        with open(path, "rb") as handle:
            handle.seek(offset or 0)
            content = handle.read(min(size or LARGEST_FILE + 1, LARGEST_FILE + 1))
    except (OSError, ValueError, OverflowError):
        return Image(path, problem=MISSING)
    return opened(path, content, check=check)


def opened(path: str, content: bytes, *, check: bool) -> Image:
    """The image whose file is `content`."""
    from ..pool.decoding import measure

    if content.startswith(LFS):
        return Image(path, problem="image is a pointer of Git LFS (fetch the files with `git lfs pull`)")
    if len(content) > LARGEST_FILE:
        return Image(path, problem=f"image file larger than {LARGEST_FILE >> 20} MiB")
    width = height = None
    if check:
        try:
            width, height = measure(content)
        except ValueError:
            return Image(path, problem="image can't be decoded")
    return Image(path, hashlib.sha256(content).hexdigest(), width, height)

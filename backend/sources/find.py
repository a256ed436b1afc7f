"""Finding: which files a path, directory, pattern or URL stands for, and of what kind they are."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path

from ..errors import InputError
from .arrow_table import PARQUET
from .remote import file_system
from .staged import suffixes

TEXT = (".csv", ".tsv", ".tab", ".psv")
JSON = (".json", ".jsonl", ".jsonlines", ".ndjson")
ARROW = (*PARQUET, ".arrow", ".feather", ".ipc")
TABLES = (*TEXT, *JSON, *ARROW)
IMAGES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
WORDS = (".txt", ".caption")
TARS = (".tar", ".tgz", ".tbz2", ".txz")
_OF_IMG2DATASET = re.compile(r"\d+_stats\.json")
_OF_CACHE = re.compile(r"(cache-|tmp|indices\b)")
FOREIGN = {
    ".zip": "an archive; unpack it and give the folder", ".7z": "an archive; unpack it and give the folder",
    ".rar": "an archive; unpack it and give the folder",
    ".tfrecord": "TFRecord, which is not read; make webdataset or parquet of it",
    ".mdb": "LMDB, which is not read; make webdataset or parquet of it",
    ".mds": "MDS (streaming), which is not read; make webdataset or parquet of it",
    ".beton": "FFCV, which is not read; make webdataset or parquet of it",
    ".h5": "HDF5, which is not read; make webdataset or parquet of it",
    ".hdf5": "HDF5, which is not read; make webdataset or parquet of it",
    ".xml": "XML of boxes and labels (CVAT, Pascal VOC), which are no captions",
    ".xlsx": "a spreadsheet; save it as CSV", ".xls": "a spreadsheet; save it as CSV",
    ".ods": "a spreadsheet; save it as CSV",
    ".pkl": "a pickle, which is never opened because it can run code; make parquet of it",
    ".pickle": "a pickle, which is never opened because it can run code; make parquet of it",
    ".sqlite": "a database; save its table as CSV", ".db": "a database; save its table as CSV",
}  # fmt: skip
ABOUT = ("dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json", "package.json", "config.json")


@dataclass
class Found:
    """What one given path stands for; `images` and `others` count files that are no source by themselves."""

    given: str
    root: str
    tables: list[str] = field(default_factory=list)
    tars: list[str] = field(default_factory=list)
    sidecars: list[str] = field(default_factory=list)
    images: int = 0
    others: list[str] = field(default_factory=list)


def find(paths: Sequence[str | os.PathLike[str]]) -> list[Found]:
    """What the paths stand for, in their order. Raises InputError where there is nothing."""
    sources = [_one(one) for path in paths for one in _expanded(os.fspath(path))]
    if not sources:
        raise InputError("nothing to import is named; give a file, directory, pattern or URL.")
    return sources


def _expanded(path: str) -> list[str]:
    """Brace patterns and local globs written out."""
    if "://" not in path and os.path.exists(os.path.expanduser(path)):
        return [os.path.expanduser(path)]
    from braceexpand import braceexpand

    try:
        names = list(braceexpand(path)) if "{" in path else [path]
    except ValueError:
        names = [path]
    expanded: list[str] = []
    for name in names:
        if "://" in name:
            expanded += _remote_glob(name)
        elif any(letter in name for letter in "*?["):
            expanded += sorted(glob(os.path.expanduser(name), recursive=True))
        else:
            expanded.append(os.path.expanduser(name))
    if not expanded:
        raise InputError(f"nothing matches {path!r}; give a file, directory, pattern or URL that exists.")
    return list(dict.fromkeys(expanded))


def _remote_glob(url: str) -> list[str]:
    if url.startswith("file://"):
        from urllib.parse import unquote, urlparse

        return [unquote(urlparse(url).path)]
    if not any(letter in url for letter in "*[") or url.startswith(("http://", "https://")):
        return [url]
    system, inner = file_system(url)
    try:
        return [system.unstrip_protocol(one) for one in sorted(system.glob(inner))]
    except (OSError, ValueError) as error:
        raise InputError(f"{url!r} can't be listed: {error}.") from None


def _one(path: str) -> Found:
    if "://" in path:
        return _remote(path)
    whole = os.path.abspath(path)
    if os.path.isfile(whole):
        return _sorted(Found(path, os.path.dirname(whole)), [whole], named=True)
    if not os.path.isdir(whole):
        raise InputError(f"no file or directory {path!r}; give a file, directory, pattern or URL that exists.")
    names = []
    for folder, folders, files in os.walk(whole):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        names += [os.path.join(folder, name) for name in sorted(files) if not name.startswith(".")]
    return _sorted(Found(path, whole), names, named=False)


def _remote(url: str) -> Found:
    suffix, _ = suffixes(url)
    if suffix in (*TABLES, *TARS, ".txt") or _tar(url):
        return _sorted(Found(url, url.rsplit("/", 1)[0]), [url], named=True)
    system, inner = file_system(url)
    try:
        names = [system.unstrip_protocol(name) for name in sorted(system.find(inner))]
    except (OSError, ValueError) as error:
        raise InputError(f"{url!r} can't be listed: {error}.") from None
    if not names:
        raise InputError(f"nothing at {url!r}; give the address of a file or folder.")
    return _sorted(Found(url, url.rstrip("/")), names, named=False)


def foreign(path: str) -> str:
    """What a file is that can't be read, and what to do; empty for one of any other kind."""
    name = os.path.basename(path).lower()
    return FOREIGN[".tfrecord"] if ".tfrecord" in name else FOREIGN.get(os.path.splitext(name)[1], "")


def _tar(path: str) -> bool:
    name = path.lower()
    return suffixes(path)[0] in TARS or name.endswith((".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"))


def _is_text(path: str) -> bool:
    """Whether a local file of another suffix is a table: rows of text, parquet or Arrow."""
    try:
        with open(path, "rb") as handle:
            start = handle.read(4096)
    except OSError:
        return False
    rows = b"\0" not in start and re.match(rb"[^\r\n]*[,\t;|^~]", start.lstrip())
    return start.startswith((b"PAR1", b"ARROW1")) or bool(rows)


def _sorted(source: Found, names: Sequence[str], *, named: bool) -> Found:
    images = [name for name in names if Path(name).suffix.lower() in IMAGES]
    stems = {os.path.splitext(name)[0] for name in images} | {*images}  # 1.txt and 1.png.txt are both beside 1.png
    apart = _apart(names, images) if not named else set()
    worded = {os.path.splitext(name)[0] for name in names if Path(name).suffix.lower() in WORDS}
    for name in names:
        suffix, _ = suffixes(name)
        base = os.path.basename(name).lower()
        if _tar(name):
            source.tars.append(name)
        elif not named and (_OF_IMG2DATASET.fullmatch(base) or base.endswith(".lemma.token.txt")):
            source.others.append(name)
        elif suffix == ".json" and (stem := os.path.splitext(name)[0]) in stems and not named:
            source.sidecars += [name] if stem not in worded else []  # else it is read with the text file
        elif suffix == ".arrow" and not named and _OF_CACHE.match(base):
            source.others.append(name)  # what `map` and `filter` of Hugging Face's datasets left beside the data
        elif suffix in TABLES and (named or base not in ABOUT):
            source.tables.append(name)
        elif suffix in WORDS and (os.path.splitext(name)[0] in stems or name in apart):
            source.sidecars.append(name)
        elif suffix in (".txt", ".token") and (named or "caption" in base or "token" in base or "result" in base):
            source.tables.append(name)
        elif suffix in IMAGES:
            source.images += 1
        elif named and not foreign(name) and _is_text(name):
            source.tables.append(name)
        else:
            source.others.append(name)
    return source


def _apart(names: Sequence[str], images: Sequence[str]) -> set[str]:
    """Text files of other folders than the images that they are named after, where both names are the only ones."""
    texts = [name for name in names if Path(name).suffix.lower() in WORDS]
    image_stems, text_stems = (Counter(Path(name).stem for name in files) for files in (images, texts))
    return {name for name in texts if image_stems[Path(name).stem] == text_stems[Path(name).stem] == 1}

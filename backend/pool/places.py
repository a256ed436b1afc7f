"""Places: where a pool's database is, and the directory on this machine for what is kept beside it.

A pool in a directory that may be written has both in one. For a database at a URI, or in a directory that may only be
read, orders, ranks, records, maps and thumbnails are kept under the home, in a directory that says where the table is.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files, paths
from ..errors import InputError
from . import tables

TABLE = "pairs.lance"
ELSEWHERE = "table.url"  # a file that says where the table is, when it is not in the directory
ABOUT = "poolscope"  # the key of the table's metadata
KEPT = (
    "maps", "groups", "groups-of-own", "targets", "recipes", "subsets", "lexicons", "reports", "centroids", "networks", "ranks",
)  # fmt: skip
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):/{1,2}(?=[^/])(.+)")
_OWN = (ELSEWHERE, ".lock", ".import-lock")


@dataclass(frozen=True)
class Place:
    """`directory`: what is kept beside the table; `table`: path or URL of the table."""

    directory: Path
    table: str

    @property
    def database(self) -> str:
        return tables.split(self.table)[0]

    @property
    def elsewhere(self) -> bool:
        """Whether the table lies outside the directory."""
        return self.table != str(self.directory / TABLE)

    @property
    def read_only(self) -> bool:
        """Whether the table may only be read; an object store tells that when it is written to."""
        return uri_of(self.table) is None and not os.access(self.database, os.W_OK)


def uri_of(given: str | Path) -> str | None:
    """`given` as the URI of a database, without a slash at its end; None for a path. `Path` may have folded its //."""
    match = _URI.fullmatch(str(given))
    if match is None or match[1].lower() == "file":
        return None
    return f"{match[1]}://{match[2].rstrip('/')}"


def as_path(given: str | Path) -> Path:
    """A local path, also from `file://…`. Raises InputError for one with control characters, which Lance can't hold."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in str(given)):
        raise InputError(f"{str(given)[:200]!r} holds a control character; give the pool another path.")
    match = re.fullmatch(r"file:/{1,3}(/?.*)", str(given))
    return Path("/" + match[1].lstrip("/")) if match else Path(given)


def of(directory: Path) -> Place:
    """The place whose directory this is."""
    elsewhere = directory / ELSEWHERE
    if not elsewhere.exists():
        return Place(directory, str(directory / TABLE))
    url = elsewhere.read_text(errors="replace").strip()
    if not url or "\ufffd" in url:
        raise InputError(f"{str(elsewhere)!r} names no table; write the address of the pool's table into it.")
    return Place(directory, url)


def content(directory: Path) -> dict[str, Any]:
    """What `pool.json` says. Raises InputError if it is damaged."""
    read: dict[str, Any] = files.known_json(directory / "pool.json", {})
    if not read or not isinstance(read.get("origin", {}), dict):
        raise InputError(f"{str(directory / 'pool.json')!r} is damaged; restore it, or import the pool again.")
    return read


def there(directory: Path) -> bool:
    """Whether the directory has a table, or says where one is."""
    return (directory / TABLE).is_dir() or (directory / ELSEWHERE).is_file()


def find(given: str | Path) -> Place:
    """The place of the pool at a directory or URI. Raises InputError if there is none."""
    uri = uri_of(given)
    if uri:
        return _at_uri(uri)
    directory = as_path(given)
    if not directory.is_dir():
        raise InputError(f"no pool at {str(given)!r}: the directory does not exist; make one with `poolscope import`.")
    if not (directory / "pool.json").exists() or not there(directory):
        raise InputError(
            f"{str(given)!r} is not a pool (it has no pool.json and {TABLE}); make one with `poolscope import`."
        )
    place = of(directory)
    if not place.elsewhere and place.read_only:
        return _shadowed(place)
    return place


def exists(given: str | Path) -> bool:
    """Whether there is a pool, so that an import adds to it. Raises InputError if a store does not answer."""
    uri = uri_of(given)
    if uri is None:
        return (as_path(given) / "pool.json").exists()
    try:
        return tables.split(TABLE)[1] in tables.names(uri)
    except tables.FAILURES as error:
        raise tables.unreachable(uri, error) from None


def about(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """What the table's metadata says of its pool: format, origin, identity; empty for a table made by others."""
    try:
        read = json.loads((metadata or {}).get(ABOUT.encode(), b"{}"))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _at_uri(uri: str) -> Place:
    url = f"{uri}/{TABLE}"
    try:
        schema = tables.open_table(url).schema
    except tables.FAILURES as error:
        if "not found" in str(error).lower():
            raise InputError(
                f"no pool at {uri!r}: it has no table 'pairs'; make one with `poolscope import`."
            ) from None
        raise tables.unreachable(url, error) from None
    known = about(schema.metadata)
    if not {"uid_hi", "uid_lo"} <= set(schema.names):
        raise InputError(f"the table 'pairs' at {uri!r} has no uid_hi and uid_lo; import it with `poolscope import`.")
    return beside(uri, known.get("id", ""), {"format": 1, "origin": {}, **known})


def beside(uri: str, identity: str, content: dict[str, Any]) -> Place:
    """The directory under the home for the pool at `uri`; another pool made at that address has another one."""
    place = Place(_directory(uri, identity), f"{uri}/{TABLE}")
    if not (place.directory / "pool.json").exists():
        files.write_text(place.directory / ELSEWHERE, place.table + "\n")
        files.write_json(place.directory / "pool.json", content | {"uri": uri})
    return place


def _shadowed(place: Place) -> Place:
    """A directory under the home that shows what is in a read-only one, by links, and takes what is made anew."""
    source = place.directory.resolve()
    known = content(source)
    modified = (source / "pool.json").stat().st_mtime_ns
    shadow = _directory(str(source), known.get("id") or str(modified))
    shadow.mkdir(parents=True, exist_ok=True)
    _link(source, shadow)
    for name in KEPT:
        for folder, _, _ in os.walk(source / name):
            _link(Path(folder), shadow / Path(folder).relative_to(source))
    if not (shadow / ELSEWHERE).exists():
        files.write_text(shadow / ELSEWHERE, str(source / TABLE) + "\n")
    return of(shadow)


def _link(source: Path, shadow: Path) -> None:
    """Links to the files of `source` that `shadow` lacks; links whose file is gone are removed."""
    shadow.mkdir(parents=True, exist_ok=True)
    for entry in shadow.iterdir():
        if entry.is_symlink() and not entry.exists():
            entry.unlink(missing_ok=True)
    here = {entry.name for entry in shadow.iterdir()}
    for entry in source.iterdir():
        if entry.is_file() and entry.name not in here and entry.name not in _OWN:
            try:
                (shadow / entry.name).symlink_to(entry)
            except FileExistsError:  # another process made it meanwhile
                continue


def _directory(where: str, identity: str) -> Path:
    digest = hashlib.sha256(f"{where}\0{identity}".encode()).hexdigest()[:16]
    return paths.home() / "elsewhere" / digest / where.rstrip("/").rpartition("/")[2]

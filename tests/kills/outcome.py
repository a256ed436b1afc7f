"""What a command left: every file of its folder, and every column of its pools by content."""

import hashlib
import json
import re
import sqlite3
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.pool.indexes import indexed
from poolscope.targets import target_path, targets

POOLS = ("pool", "bare", "remote", "new", "home/pools/demo")
VOLATILE = {
    "argv", "command", "bytes", "created", "duration", "ended", "end_time", "finished", "hardware", "heartbeat", "job", "made", "machine", "pid", "pid_started", "pool_version",
    "resumed", "samples_per_s", "seconds", "spent", "start_time", "started", "time", "timestamp", "trained", "version", "versions", "when", "batch_s", "data_s", "skipped_units",
}  # fmt: skip
"""What of a record depends on when, where or how often a command ran."""
STAMPED = re.compile(r"\d{8}-\d{6}(-[0-9a-f]{8}|-\d+)?|\d{19}")

FOUND_AGAIN = re.compile(r"/heartbeat$|/groups/own[^/]*$|/digests/[^/]*$|\.sqlite-(wal|shm)$")
"""A sign of life, journals that are read with their table, the members of one's own groups, whom the list that was added finds again, and digests of files, which are
kept once a file is two seconds old."""


def outcome(here: Path) -> dict[str, str]:
    """Files by digest of what they hold but for stamps; columns as `pool:column`. Target sets are read first, for their
    copies are made when they are used."""
    found: dict[str, str] = {}
    for pool in (Pool.open(here / name) for name in POOLS if Pool.exists(here / name)):
        for target in targets(pool):
            target_path(pool, *target.split("/"))
    for path in sorted(here.rglob("*")):
        name = str(path.relative_to(here))
        if path.is_file() and ".lance/" not in name and not FOUND_AGAIN.search(name):
            found[STAMPED.sub("*", name)] = content(path, here)
    for name in POOLS:
        if Pool.exists(here / name):
            pool = Pool.open(here / name)
            found |= {f"{name}:{column}": value for column, value in columns(pool).items()}
            found[f"{name}: indexes"] = " ".join(sorted(indexed(pool.table)))
    return found


def columns(pool: Pool) -> dict[str, str]:
    """Of each column a digest of its values in row order; of images what lies at their places."""
    placed = {"image", "image_offset", "sample_offset", "sample_size"} & pool.columns.keys()
    names = [name for name in pool.columns if name not in placed | {"uid_hi", "uid_lo"}]
    table = pool.take(range(len(pool)), ["uid", *names])
    found = {name: digest(repr(table[name].to_pylist()).encode()) for name in table.column_names}
    if placed:
        found["image"] = digest(repr([image and digest(image) for image in pool.images(range(len(pool)))]).encode())
    return found | {f"made by {name}": digest(plain(column.made_by)) for name, column in pool.columns.items()}


def content(path: Path, here: Path) -> str:
    """A digest of what a file says, wherever it lies and whenever it was written; an import's report says what it did,
    rates what was measured, `shards.json` sizes and times of tars; the demo's thumbnails are a copy, byte for byte."""
    if path.match("reports/import-*.json") or path.name in ("rates.json", "shards.json"):
        return ""
    try:
        read = Path.read_bytes if path.name == "thumbnails.zip" else READERS.get(path.suffix, Path.read_bytes)
        return digest(read(path).replace(str(here).encode(), b""))
    except (ValueError, InputError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        return f"broken: {error}"


def _json(path: Path) -> bytes:
    found = json.loads(path.read_text())
    if path.name in ("pool.json", "run.json"):
        found.pop("id")  # drawn, or made of the time, when the pool or the run was made
    return plain(found)


def _lines(path: Path) -> bytes:
    return b"\n".join(plain(json.loads(line)) for line in path.read_text().splitlines())


def _tar(path: Path) -> bytes:
    with tarfile.open(path) as tar:
        return repr(sorted((one.name, digest(tar.extractfile(one).read())) for one in tar)).encode()


def _parquet(path: Path) -> bytes:
    return repr(sorted(map(repr, pq.read_table(path).to_pylist()))).encode()


def _zip(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return repr([(one, digest(archive.read(one))) for one in sorted(archive.namelist())]).encode()


def _jobs(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as table:
        return repr(table.execute("SELECT id, title, argv, device, state FROM jobs ORDER BY id").fetchall()).encode()


def _there(path: Path) -> bytes:
    return b""


READERS = {
    ".json": _json,
    ".jsonl": _lines,
    ".tar": _tar,
    ".parquet": _parquet,
    ".npz": _zip,
    ".zip": _zip,
    ".sqlite": _jobs,
    ".html": _there,
    ".log": _there,
    ".md": _there,
    ".pt": _there,
}


def plain(value: Any) -> bytes:
    return json.dumps(_without(value), sort_keys=True, default=repr).encode()


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [_without(inner) for inner in value]
    return value


def digest(written: bytes) -> str:
    return hashlib.sha256(written).hexdigest()[:16]

"""Plan of an import: the files that can be used, and the pairs of each that are not new."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import first_line
from ..pool import UID_DTYPE
from ..pool.order import first_rows
from ..pool.uids import parse
from .arrow_table import UNREADABLE
from .captions import as_text
from .layout import Layout
from .npz import Damaged, Member, members
from .remote import Place
from .unpacked import rows_at_once

UID_ROWS = 131_072


@dataclass(frozen=True)
class Scan:
    """What the first look at one parquet found: its pairs' uids and which are valid, or why it can't be used."""

    name: str
    uids: np.ndarray
    valid: np.ndarray
    problem: str = ""


@dataclass(frozen=True)
class Chosen:
    """Which pairs of a file come in: `drop` the others, by row; `present` of them are in the pool already,
    `repeated` came earlier in the source, `malformed` have a uid of another form."""

    drop: np.ndarray
    present: int
    repeated: int
    malformed: int


def parquet(place: Place, name: str, **options: Any) -> pq.ParquetFile:
    """Opens a parquet; OSError or ArrowException if it is none."""
    if place.local:
        return pq.ParquetFile(place.path(name), memory_map=True, **options)
    return pq.ParquetFile(place.open(name), **options)


def beside(name: str) -> str:
    """The feature file of a parquet: same stem."""
    return name[: name.index(".parquet")] + ".npz"


def feature_members(place: Place, name: str, wanted: Sequence[str]) -> dict[str, Member]:
    """The arrays of the feature file beside the parquet `name`. Raises Damaged, also for a missing file."""
    try:
        with place.open(beside(name)) as handle:
            return members(handle, wanted)
    except OSError:
        raise Damaged("the feature file (.npz) is missing") from None


def scan(place: Place, name: str, layout: Layout) -> Scan:
    """Reads the uids of one parquet and compares it with its feature file; a problem is returned, not raised."""
    nothing = np.empty(0, dtype=UID_DTYPE), np.empty(0, dtype=bool)
    try:
        table = parquet(place, name)
        names = table.schema_arrow.names
        twice = next((column for column in layout.wanted if names.count(column) > 1), None)
        if twice is not None:
            raise Damaged(f"{names.count(twice)} columns are named {twice!r}")
        if layout.features:
            check_features(layout, feature_members(place, name, list(layout.features)), table.metadata.num_rows)
        rows = rows_at_once(partial(parquet, place, name), layout.wanted, UID_ROWS)
        uids, valid = read_uids(table, layout, rows, name)
    except Damaged as error:
        return Scan(name, *nothing, str(error))
    except UNREADABLE as error:
        return Scan(name, *nothing, f"the parquet can't be read: {first_line(error)}")
    return Scan(name, uids, valid)


def check_features(layout: Layout, members: dict[str, Member], rows: int) -> None:
    """Raises Damaged unless each array has `rows` rows of the layout's dimension."""
    for name, member in members.items():
        if member.rows != rows:
            raise Damaged(f"{rows:,} pairs in the parquet and {member.rows:,} rows of features {name!r}")
        if member.dim != layout.features[name]:
            raise Damaged(f"features {name!r} have {member.dim} numbers, the pool has {layout.features[name]}")


def read_uids(
    table: pq.ParquetFile, layout: Layout, rows: int = UID_ROWS, name: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """The uids of a parquet, given or made, and which are valid."""
    columns = [
        layout.roles[role] for role in (("uid",) if "uid" in layout.roles else ("url", "text")) if role in layout.roles
    ]
    missing = set(columns) - set(table.schema_arrow.names)
    if missing:
        raise Damaged(f"no column {sorted(missing)[0]!r}")
    parts, start = [], 0
    for batch in table.iter_batches(batch_size=rows, columns=columns):
        parts.append(uids_of(batch, layout, name, start))
        start += batch.num_rows
    if not parts:
        return np.empty(0, dtype=UID_DTYPE), np.empty(0, dtype=bool)
    return np.concatenate([uids for uids, _ in parts]), np.concatenate([valid for _, valid in parts])


def uids_of(batch: pa.RecordBatch, layout: Layout, name: str, start: int) -> tuple[np.ndarray, np.ndarray]:
    """The uids of a batch; pairs of a source without uids get a hash of their url and caption, and of their place in
    the file `name`, whose rows `start` and after these are, where they have no url: captions repeat."""
    from .appender import made_uid

    if "uid" in layout.roles:
        text = as_text(batch.column(layout.roles["uid"]))
        if text is None:
            raise Damaged(f"column {layout.roles['uid']!r} is {batch.column(layout.roles['uid']).type}, not text")
        return parse(text)
    urls, texts = (_raw(batch, layout, role) for role in ("url", "text"))
    fields = [
        made_uid(f"{name}\0{start + row}", _lenient(text), _lenient(url))
        for row, (url, text) in enumerate(zip(urls, texts))
    ]
    return parse(pa.array(fields, type=pa.utf8()))


def _raw(batch: pa.RecordBatch, layout: Layout, role: str) -> list[bytes | None]:
    column = as_text(batch.column(layout.roles[role])) if role in layout.roles else None
    return [None] * batch.num_rows if column is None else column.cast(pa.binary()).to_pylist()


def _lenient(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def choose(present: np.ndarray, scans: Sequence[Scan]) -> list[Chosen]:
    """Of each file the pairs that are new: not in the pool (`present` uids), not earlier in the source, valid.

    Memory: about 50 bytes a pair of pool and source together.
    """
    uids = np.concatenate([present, *(one.uids[one.valid] for one in scans)])
    first = first_rows(uids)
    chosen, start = [], len(present)
    for one in scans:
        stop = start + int(np.count_nonzero(one.valid))
        again = first[start:stop] < np.arange(start, stop)
        drop = ~one.valid
        malformed = int(np.count_nonzero(drop))
        drop[one.valid] = again
        known = int(np.count_nonzero(first[start:stop] < len(present)))
        rows = np.flatnonzero(drop).astype(np.uint32)
        chosen.append(Chosen(rows, known, len(rows) - malformed - known, malformed))
        start = stop
    return chosen

"""Located tables: captions of one table with the images or URLs that another has for the same ids."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from ..errors import InputError
from .cells import as_key
from .mapping import roles_of
from .options import Options
from .places import only
from .roles import image_key
from .table import Table, sampled

GIVEN = ("image", "url", "width", "height")
BATCH = 65_536
MOST = 5_000_000  # images of the other table, which are held in memory: about 300 bytes each


@dataclass(frozen=True)
class Lacking:
    """A table that has no captions, or no images and URLs."""

    path: str
    table: Table
    sample: list[dict[str, Any]]


class Located:
    """A table of captions with further columns `image`, `url`, `width` and `height`, as far as another table has them:
    those of its row whose id is in the column `key`; null where there is none."""

    def __init__(self, table: Table, key: str, places: Mapping[str, Sequence[Any]], columns: Sequence[str]) -> None:
        self._table, self._key, self._places = table, key, places
        self.count, self.named, self.conversions, self.note = table.count, table.named, table.conversions, table.note
        self.rejected = table.rejected
        new = [(number, name) for number, name in enumerate(columns) if name not in table.schema.names]
        self._new = [number for number, _ in new]
        self.schema = pa.schema([*table.schema, *((name, pa.utf8()) for _, name in new)])

    def types(self, names: Sequence[str]) -> dict[str, pa.DataType]:
        return self._table.types(names)

    def batches(self, size: int, most: int | None = None) -> Iterator[pa.RecordBatch]:
        for batch in self._table.batches(size, most):
            nothing = (None,) * len(GIVEN)
            rows = [self._places.get(one or "", nothing) for one in _keys(batch, self._key)]
            more = [pa.array([row[number] for row in rows], pa.utf8()) for number in self._new]
            yield pa.RecordBatch.from_arrays([*batch.columns, *more], schema=self.schema)


def join(lacking: Sequence[Lacking], options: Options) -> Iterator[tuple[Lacking, str]]:
    """Of tables that are none of pairs, those with captions that another one's images are of, and that one's path."""
    roles = [roles_of(one.table.schema, options, one.sample, named=one.table.named) for one in lacking]
    keys = [image_key(one.table.schema.names) for one in lacking]
    placed = [
        (one, key, own) for one, key, own in zip(lacking, keys, roles)
        if key and "text" not in own and ("image" in own or "url" in own)
    ]  # fmt: skip
    read: dict[str, tuple[list[str], dict[str, tuple[str | None, ...]]]] = {}
    for one, key, own in zip(lacking, keys, roles):
        if key is None or "text" not in own or not placed:
            continue
        ids = {str(row[key]) for row in one.sample if row[key] is not None}
        for other, its_key, its_roles in placed:
            if other.path not in read:
                read[other.path] = places_of(other.table, its_key, its_roles)
            columns, places = read[other.path]
            if 2 * len(ids & places.keys()) > len(ids):
                table = Located(one.table, key, places, columns)
                yield replace(one, table=table, sample=sampled(table)), other.path
                break


def places_of(table: Table, key: str, roles: Mapping[str, str]) -> tuple[list[str], dict[str, tuple[str | None, ...]]]:
    """The columns that a table of images has to give, and its values of them by the id in the column `key`. Raises
    InputError for more than `MOST`."""
    columns = [role for role in GIVEN if role in roles]
    places: dict[str, tuple[str | None, ...]] = {}
    for batch in table.batches(BATCH):
        rows = zip(*(map(_text, batch.column(roles[role]).to_pylist()) for role in columns))
        places.update((key_, row) for key_, row in zip(_keys(batch, key), rows) if key_)
        if len(places) > MOST:
            raise InputError(
                f"more than {MOST:,} images are listed apart from their captions; join the two tables by {key!r} first."
            )
    return columns, places


def _keys(batch: pa.RecordBatch, key: str) -> list[str | None]:
    with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return as_key(batch.column(key)).to_pylist()
    return [None] * batch.num_rows


def _text(value: Any) -> str | None:
    one = only(value)
    return None if one is None or isinstance(one, (bytes, dict, list)) else str(one)

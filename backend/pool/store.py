"""Pool: a directory that is a LanceDB database, append-only, with scores and flags as columns in row order."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa

from .. import __version__, files
from ..errors import InputError
from . import columns as column_files
from . import commit, conditions, order
from .columns import Column, Kind
from .commit import FRAGMENT_ROWS, TABLE
from .uids import records, uid_hex

FORMAT = 1
WHOLE: dict[str, Any] = {"batch_size": FRAGMENT_ROWS, "fragment_readahead": 2, "batch_readahead": 2}
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_.\-]{0,63}$")


@dataclass(frozen=True)
class Fragment:
    """A work unit: rows `start` to `stop` (exclusive) of the pool."""

    id: int
    start: int
    stop: int


class Pool:
    """The pairs of one pool. Row order is import order and never changes; a handle sees the version it was opened at."""

    def __init__(self, path: Path, table: lance.LanceDataset) -> None:
        self.path = path
        self._table = table

    # --- opening and making -------------------------------------------------------------------------------------

    @classmethod
    def open(cls, path: str | Path) -> "Pool":
        """Opens the newest version. Raises InputError if `path` is not a pool."""
        path = Path(path)
        if not path.is_dir():
            raise InputError(
                f"no pool at {str(path)!r}: the directory does not exist; make one with `poolscope import`."
            )
        if not (path / "pool.json").exists() or not commit.there(path):
            raise InputError(
                f"{str(path)!r} is not a pool (it has no pool.json and {TABLE}); make one with `poolscope import`."
            )
        form = files.read_json(path / "pool.json").get("format")
        if form != FORMAT:
            raise InputError(f"pool {str(path)!r} has format {form!r}, this version reads {FORMAT}; import it again.")
        return cls(path, commit.newest(path))

    @classmethod
    def create(cls, path: str | Path, schema: pa.Schema, origin: Mapping[str, Any], *, table: str = "") -> "Pool":
        """Makes an empty pool with `uid_hi`, `uid_lo` and the fields of `schema`; its table at the URL `table`, if given.

        Raises InputError if `path` holds anything but an unfinished pool, or `table` can't be made.
        """
        path = Path(path)
        if (path / "pool.json").exists():
            raise InputError(f"{str(path)!r} is a pool already; import into it or choose another directory.")
        if path.exists() and (not path.is_dir() or any(path.iterdir())) and not commit.there(path):
            raise InputError(f"{str(path)!r} exists and is not a pool; choose an empty or new directory for --pool.")
        path.mkdir(parents=True, exist_ok=True)
        keys = [pa.field("uid_hi", pa.uint64(), nullable=False), pa.field("uid_lo", pa.uint64(), nullable=False)]
        full = pa.schema(keys + [entry for entry in schema if entry.name not in column_files.KEYS])
        commit.create(path, full, table)
        files.write_json(path / "pool.json", {"format": FORMAT, "origin": dict(origin), "poolscope": __version__})
        return cls.open(path)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def version(self) -> int:
        """The Lance version of this handle: a recipe's outcome is pinned to it."""
        return int(self._table.version)

    @cached_property
    def origin(self) -> dict[str, Any]:
        return files.read_json(self.path / "pool.json")["origin"]

    def reload(self) -> "Pool":
        """A handle on the newest version."""
        return Pool.open(self.path)

    # --- what is in it ------------------------------------------------------------------------------------------

    @cached_property
    def _rows(self) -> int:
        return int(self._table.count_rows())

    def __len__(self) -> int:
        return self._rows

    @property
    def schema(self) -> pa.Schema:
        return self._table.schema

    @cached_property
    def columns(self) -> dict[str, Column]:
        return column_files.describe(self._table.schema)

    @cached_property
    def fragments(self) -> list[Fragment]:
        found, start = [], 0
        for fragment in self._table.get_fragments():
            rows = fragment.count_rows()
            found.append(Fragment(fragment.fragment_id, start, start + rows))
            start += rows
        return found

    def require(self, name: str, kind: Kind | None = None) -> Column:
        """The column `name`; InputError naming the columns of that kind if it is missing or of another kind."""
        column = self.columns.get(name)
        if column is None or (kind and column.kind != kind):
            has = ", ".join(sorted(c.name for c in self.columns.values() if kind in (None, c.kind))) or "none"
            what = kind or "column"
            wrong = (
                f"{name!r} is a {column.kind}, not a {kind}" if column else f"pool {self.name!r} has no {what} {name!r}"
            )
            raise InputError(f"{wrong}; it has {has}. See `poolscope info`; make scores with `poolscope score`.")
        return column

    @property
    def models(self) -> list[str]:
        """The models that embedded the images: `l14` for the column `l14_img`; their default first.

        The default is OpenAI's ViT-L/14 as DataComp brings it; the demo's teacher comes last in any other pool.
        """
        found = [
            name.removesuffix("_img")
            for name, column in self.columns.items()
            if column.kind == "embedding" and name.endswith("_img")
        ]
        own = self.origin.get("source") == "demo"
        return sorted(found, key=lambda model: (model != "l14", model == "demo" and not own))

    def model(self, name: str | None = None) -> str:
        """`name`, or the pool's default model. Raises InputError if the pool has no such embeddings."""
        if name is None and not self.models:
            raise InputError(f"pool {self.name!r} has no image embeddings; make them with `poolscope embed`.")
        name = name or self.models[0]
        self.require(f"{name}_img", "embedding")
        return name

    def filled(self, name: str) -> bool:
        """Whether any pair has a value in the column: not null, not NaN, not empty text, a size above zero."""
        if name not in self._filled:
            self._filled[name] = not len(self) or self._any(name)
        return self._filled[name]

    @cached_property
    def _filled(self) -> dict[str, bool]:
        return {}

    def _any(self, name: str) -> bool:
        kind, column = self._table.schema.field(name).type, f"`{name}`"
        condition = f"{column} IS NOT NULL"
        if pa.types.is_floating(kind):
            condition += f" AND NOT isnan({column})"
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            condition += f" AND {column} <> ''"
        elif name in ("width", "height"):
            condition += f" AND {column} > 0"
        return bool(self._table.scanner(columns=["uid_hi"], filter=condition, limit=1).to_table().num_rows)

    # --- reading ------------------------------------------------------------------------------------------------

    def scan(
        self, names: Sequence[str], *, start: int = 0, stop: int | None = None, batch_size: int = 4096
    ) -> Iterator[pa.RecordBatch]:
        """Batches of the columns `names` in row order, rows `start` to `stop`; memory stays bounded."""
        stop = len(self) if stop is None else min(stop, len(self))
        wanted = list(
            dict.fromkeys(part for name in names for part in (column_files.KEYS if name == "uid" else (name,)))
        )
        for name in wanted:
            self.require(name)
        by_id = {part.fragment_id: part for part in self._table.get_fragments()}
        for piece in self.fragments:
            first, last = max(start, piece.start), min(stop, piece.stop)
            if first >= last:
                continue
            whole = first == piece.start and last == piece.stop
            reader = by_id[piece.id].scanner(
                columns=wanted,
                batch_size=batch_size,
                batch_readahead=2,
                offset=None if whole else first - piece.start,
                limit=None if whole else last - first,
            )
            yield from (batch for batch in reader.to_batches() if batch.num_rows)

    def array(self, name: str) -> np.ndarray:
        """A whole scalar column, `(n,)`, read-only: float (null is NaN), bool (null is False) or integer."""
        column = self.require(name)
        if column.dim:
            raise InputError(
                f"{name!r} is an embedding of {column.dim} numbers a pair; a rule needs one number: name a score."
            )
        values = self._numbers(name)
        values.flags.writeable = False
        return values

    def _numbers(self, name: str) -> np.ndarray:
        """Filled batch by batch, so that the column is in memory once; large batches, for Lance's default is slow."""
        kind = self._table.schema.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_unsigned_integer(kind) or pa.types.is_boolean(kind)):
            return column_files.to_numpy(self._table.to_table(columns=[name])[name])
        values = np.empty(len(self), dtype=np.dtype(kind.to_pandas_dtype()))
        seen = 0
        for batch in self._table.scanner(columns=[name], **WHOLE).to_batches():
            part = batch.column(0)
            if part.null_count and pa.types.is_unsigned_integer(kind):
                return column_files.to_numpy(self._table.to_table(columns=[name])[name])
            values[seen : seen + len(part)] = column_files.to_numpy(part)
            seen += len(part)
        return values

    def strings(self, name: str) -> pa.ChunkedArray:
        """A whole text column; for small columns only (languages, sources), never for captions of a large pool."""
        self.require(name)
        return self._table.to_table(columns=[name])[name]

    def take(self, rows: Sequence[int] | np.ndarray, names: Sequence[str]) -> pa.Table:
        """The pairs at `rows`, in that order, repeated where a row repeats; `uid` comes as 32 hex digits."""
        indices = np.asarray(rows, dtype=np.int64)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise InputError(f"row {int(indices.max())} is outside the pool; rows are 0 to {len(self) - 1}.")
        for name in names:
            if name != "uid":
                self.require(name)
        stored = [name for name in names if name != "uid"]
        wanted = list(dict.fromkeys(stored + (list(column_files.KEYS) if "uid" in names else [])))
        unique, inverse = np.unique(indices, return_inverse=True)
        table = self._table.take(unique.tolist(), columns=wanted).take(pa.array(inverse))
        if "uid" in names:
            table = table.append_column("uid", uid_hex(table["uid_hi"].to_numpy(), table["uid_lo"].to_numpy()))
        return table.select(list(names))

    def embeddings(self, name: str, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """`(k, d)` float32 embeddings of `rows`; a pair without one gives a row of NaN."""
        self.require(name, "embedding")
        return column_files.matrix(self.take(rows, [name])[name]).astype(np.float32)

    def where(self, sql: str) -> np.ndarray:
        """`(n,)` bool: the pairs for which the SQL condition holds (null counts as False), see `conditions`."""
        sql = conditions.checked(sql, self.columns)
        try:
            found = self._table.scanner(columns=["_rowoffset"], filter=sql).to_table()["_rowoffset"].to_numpy()
        except (ValueError, OSError) as error:
            reason = str(error).removeprefix("Invalid user input: ").split(", /home")[0]
            raise InputError(
                f"condition {sql!r} can't be read: {reason}. Example: width >= 200 AND source = 'emoji'."
            ) from None
        mask = np.zeros(len(self), dtype=bool)
        mask[found] = True
        return mask

    # --- uids ---------------------------------------------------------------------------------------------------

    def uids(self) -> np.ndarray:
        """`(n,)` records `u8,u8` in row order."""
        return records(self._numbers("uid_hi"), self._numbers("uid_lo"))

    def uid_order(self) -> np.ndarray:
        """`(n,)` uint32 (int64 from 2^32 on): the rows in ascending uid order; kept on disk, memory-mapped."""
        return order.read(self, order.ROWS)

    def uid_rank(self) -> np.ndarray:
        """`(n,)` like `uid_order`: the place of each row in uid order; ties of a score are broken by it."""
        return order.read(self, order.RANK)

    def uids_ascending(self) -> np.ndarray:
        """`(n,)` records `u8,u8` in ascending order, memory-mapped."""
        return order.read(self, order.UIDS)

    def rows_of(self, subset: np.ndarray) -> np.ndarray:
        """`(k,)` int64: the row of each uid of `subset` (records `u8,u8`, any order); -1 when the pool lacks it."""
        return order.find(self, subset)

    # --- writing ------------------------------------------------------------------------------------------------

    def append(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Adds pairs at the end in one commit; columns that the batches lack become null. Returns the number added.

        The commit is all or nothing: an error or a crash before its end leaves the pool as it was.
        """
        iterator = iter(batches)
        first = next(iterator, None)
        if first is None:
            return 0

        self._table, added = commit.append(self.path, first.schema, itertools.chain([first], iterator))
        self._refresh()
        return added

    def append_pieces(self, pieces: Sequence[str]) -> None:
        """Adds fragments that `commit.write_pieces` wrote, in one commit; doing it twice adds them once."""
        self._table = commit.append_pieces(self.path, pieces)
        self._refresh()

    def add_columns(
        self,
        values: Mapping[str, "np.ndarray | pa.Array | pa.ChunkedArray | Iterator[np.ndarray]"],
        *,
        kind: Kind,
        made_by: Mapping[str, Any],
        replace: bool = False,
    ) -> None:
        """Adds columns in row order in one commit; `(n,)` arrays, `(n, d)` float16 embeddings, or Arrow arrays.

        Raises InputError if a name is taken (unless `replace`) or malformed, ValueError if a length is not the pool's.
        """
        arrays = {name: _arrow(value) for name, value in values.items()}
        for name, array in arrays.items():
            check_name(name)
            if len(array) != len(self):
                raise ValueError(f"column {name!r} has {len(array)} values for {len(self)} pairs")
        schema = pa.schema([(name, array.type) for name, array in arrays.items()])
        self.add_column_stream(
            schema, pa.table(arrays).to_batches(max_chunksize=8192), kind=kind, made_by=made_by, replace=replace
        )

    def add_column_stream(
        self,
        schema: pa.Schema,
        batches: Iterable[pa.RecordBatch],
        *,
        kind: Kind,
        made_by: Mapping[str, Any],
        replace: bool = False,
    ) -> None:
        """Like `add_columns` for columns that don't fit in memory: `batches` follow row order.

        Raises PoolGrew if pairs were added since this handle was opened.
        """
        for name in schema.names:
            check_name(name)
        described = column_files.described(schema, kind=kind, made_by=made_by)
        self._table = commit.add_columns(self.path, len(self), described, batches, replace=replace)
        self._refresh()

    def drop_column(self, name: str) -> None:
        """Removes a score, flag, embedding or metadata column. InputError for the uid and for an unknown name."""
        if self.require(name).kind == "key":
            raise InputError(f"{name!r} is part of the uid and can't be dropped; drop a score, flag or embedding.")
        self._table = commit.drop_columns(self.path, [name])
        self._refresh()

    def _refresh(self) -> None:
        for cached in ("columns", "fragments", "_rows", "_filled"):
            self.__dict__.pop(cached, None)

    # --- pictures -----------------------------------------------------------------------------------------------

    def image(self, row: int) -> bytes | None:
        """The picture's file as bytes; None when the pool has none for this pair."""
        return self.images([row])[0]

    def images(self, rows: Sequence[int] | np.ndarray) -> list[bytes | None]:
        from .images import read_images

        return read_images(self, rows)

    def thumbnail(self, row: int, size: int = 128) -> bytes | None:
        """A WebP of at most `size` pixels on its longer side, cached; None when there is no readable picture."""
        from .images import thumbnail

        return thumbnail(self, row, size)


def check_name(name: str) -> None:
    """InputError unless `name` can name a column."""
    if not _NAME.match(name):
        raise InputError(
            f"column name {name!r} is not allowed: letters, digits, '_', '-', '.', at most 64, a letter first."
        )


def _arrow(value: Any) -> pa.Array | pa.ChunkedArray:
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return value
    value = np.asarray(value)
    return column_files.fixed_list(value) if value.ndim == 2 else pa.array(value)

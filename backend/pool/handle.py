"""Handle: one version of a pool, to be read: columns, rows, conditions, uids and images."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from . import columns as column_files
from . import conditions, content, places, reading, tables
from .columns import Column, Kind
from .fragments import Fragment, Fragments
from .order import RANK, ROWS, UIDS, UidOrder
from .uids import records

if TYPE_CHECKING:
    import lancedb
    from lancedb.table import LanceTable


SAMPLED = 65_536
"""Values of an embedding or a text by which its content is known."""


class Handle:
    """What one version of a pool holds. Row order is import order and never changes.

    `path` is the directory for what is kept beside the table: the pool's own, or one under the home for a database at
    a URI or on a read-only medium. `table` is the LanceDB table `pairs` itself.
    """

    def __init__(self, path: Path, scanned: Fragments, *, pinned: bool = False) -> None:
        self.path = path
        self._scanned = scanned
        self.pinned = pinned  # on a version that was asked for, and so for reading only
        self._filled: dict[str, bool] = {}
        self._digests: dict[tuple[str, int, int, int], str] = {}

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def uri(self) -> str:
        """Where the LanceDB database is: an absolute path or a URI; `lancedb.connect` opens it."""
        database = places.of(self.path).database
        return database if places.uri_of(database) else str(Path(database).resolve())

    @property
    def database(self) -> "lancedb.DBConnection":
        """The LanceDB database; target sets are tables beside `pairs`."""
        return tables.connect(places.of(self.path).database)

    @cached_property
    def root(self) -> Path:
        """The directory that relative paths of images start from."""
        database = places.of(self.path).database
        return Path(self.origin.get("root") or (self.path if places.uri_of(database) else database))

    @cached_property
    def table(self) -> "LanceTable":
        """The LanceDB table `pairs`, at this handle's version."""
        with tables.reading(f"pool {self.name!r}"):
            return tables.open_table(places.of(self.path).table, self.version)

    @property
    def version(self) -> int:
        """The version of this handle: a recipe's outcome is pinned to it."""
        return self._scanned.version

    @cached_property
    def origin(self) -> dict[str, Any]:
        return places.content(self.path).get("origin", {})

    # --- what is in it ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._scanned.rows

    @property
    def schema(self) -> pa.Schema:
        return self._scanned.schema

    @cached_property
    def columns(self) -> dict[str, Column]:
        return column_files.describe(self.schema)

    @property
    def fragments(self) -> list[Fragment]:
        return self._scanned.all

    def require(self, name: str, kind: Kind | None = None) -> Column:
        """The column `name`; InputError naming the columns of that kind if it is missing or of another kind."""
        column = self.columns.get(name)
        if column is None or (kind and column.kind != kind):
            has = ", ".join(sorted(c.name for c in self.columns.values() if kind in (None, c.kind))) or "none"
            what = kind or "column"
            wrong = (
                f"{name!r} is {_with_article(column.kind)}, not {_with_article(kind)}"
                if column
                else f"pool {self.name!r} has no {what} {name!r}"
            )
            raise InputError(f"{wrong}; it has {has}. See `poolscope info`; make scores with `poolscope score`.")
        return column

    @property
    def models(self) -> list[str]:
        """The models that embedded the images: `l14` for the column `l14_img`; their default first.

        The default is OpenAI's ViT-L/14 as DataComp brings it; the demo's teacher comes last in any other pool.
        """
        models = [
            name.removesuffix("_img")
            for name, column in self.columns.items()
            if column.kind == "embedding" and name.endswith("_img")
        ]
        own = self.origin.get("source") == "demo"
        return sorted(models, key=lambda model: (model != "l14", model == "demo" and not own))

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
            with tables.reading(f"column {name!r} of pool {self.name!r}"):
                self._filled[name] = not len(self) or self._any(name)
        return self._filled[name]

    def digest(self, name: str, *, start: int = 0, stop: int | None = None, most: int = SAMPLED) -> str:
        """The content of a column in rows `start` to `stop`, as 32 hex digits that neither fragments nor place change.

        Of an embedding or a text with more than `most` values, that many are read; numbers are read all. Raises
        InputError if the pool has no such column.
        """
        stop = len(self) if stop is None else min(stop, len(self))
        key = (name, start, stop, most)
        if key not in self._digests:
            self.require(name)

            def scan(first: int, last: int) -> Iterator[pa.RecordBatch]:
                return self.scan([name], start=first, stop=last, batch_size=8192)

            self._digests[key] = content.column_digest(self.schema.field(name).type, scan, start, stop, most)
        return self._digests[key]

    def _any(self, name: str) -> bool:
        kind, column = self.schema.field(name).type, f"`{name}`"
        condition = f"{column} IS NOT NULL"
        if pa.types.is_floating(kind):
            condition += f" AND NOT isnan({column})"
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            condition += f" AND {column} <> ''"
        elif name in ("width", "height"):
            condition += f" AND {column} > 0"
        return self._scanned.any(condition)

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
        with tables.reading(f"pool {self.name!r}"):
            yield from self._scanned.scan(wanted, start, stop, batch_size)

    def array(self, name: str) -> np.ndarray:
        """A whole scalar column, `(n,)`, read-only: float (null is NaN), bool (null is False) or integer."""
        column = self.require(name)
        if column.dim:
            raise InputError(
                f"{name!r} is an embedding of {column.dim} numbers a pair; a rule needs one number: name a score."
            )
        with tables.reading(f"column {name!r} of pool {self.name!r}"):
            values = reading.numbers(self._scanned, name)
        values.flags.writeable = False
        return values

    def strings(self, name: str) -> pa.ChunkedArray:
        """A whole text column; for small columns only (languages, sources), never for captions of a large pool."""
        self.require(name)
        with tables.reading(f"column {name!r} of pool {self.name!r}"):
            return reading.column(self._scanned, name)

    def take(self, rows: Sequence[int] | np.ndarray, names: Sequence[str]) -> pa.Table:
        """The pairs at `rows`, in that order, repeated where a row repeats; `uid` comes as 32 hex digits."""
        indices = np.asarray(rows, dtype=np.int64)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise InputError(f"row {int(indices.max())} is outside the pool; rows are 0 to {len(self) - 1}.")
        for name in names:
            if name != "uid":
                self.require(name)
        with tables.reading(f"pool {self.name!r}"):
            return reading.take(self.table, indices, names)

    def embeddings(self, name: str, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """`(k, d)` float32 embeddings of `rows`; a pair without one gives a row of NaN."""
        self.require(name, "embedding")
        return column_files.matrix(self.take(rows, [name])[name]).astype(np.float32)

    def where(self, sql: str) -> np.ndarray:
        """`(n,)` bool: the pairs for which the SQL condition holds (null counts as False), see `conditions`."""
        return reading.where(self._scanned, conditions.checked(sql, self.columns))

    # --- uids ---------------------------------------------------------------------------------------------------

    def uids(self) -> np.ndarray:
        """`(n,)` records `u8,u8` in row order."""
        with tables.reading(f"the uids of pool {self.name!r}"):
            return records(*(reading.numbers(self._scanned, name) for name in column_files.KEYS))

    @cached_property
    def _order(self) -> UidOrder:
        return UidOrder(self.path, len(self), self.uids, keep=not self.pinned)

    def uid_order(self) -> np.ndarray:
        """`(n,)` uint32 (int64 from 2^32 on): the rows in ascending uid order; kept on disk, memory-mapped."""
        return self._order.read(ROWS)

    def uid_rank(self) -> np.ndarray:
        """`(n,)` like `uid_order`: the place of each row in uid order; ties of a score are broken by it."""
        return self._order.read(RANK)

    def uids_ascending(self) -> np.ndarray:
        """`(n,)` records `u8,u8` in ascending order, memory-mapped."""
        return self._order.read(UIDS)

    def rows_of(self, subset: np.ndarray) -> np.ndarray:
        """`(k,)` int64: the row of each uid of `subset` (records `u8,u8`, any order); -1 when the pool lacks it."""
        return self._order.find(subset)

    # --- images -------------------------------------------------------------------------------------------------

    def image(self, row: int) -> bytes | None:
        """The image's file as bytes; None when the pool has none for this pair."""
        return self.images([row])[0]

    def images(self, rows: Sequence[int] | np.ndarray) -> list[bytes | None]:
        """The images' files; None for each that the pool lacks."""
        from .images import PLACES, read_images

        if "image" not in self.columns or not len(rows):
            return [None] * len(rows)
        return read_images(self.take(rows, PLACES).to_pylist(), self.root)

    def thumbnail(self, row: int, size: int = 128) -> bytes | None:
        """A WebP of at most `size` pixels on its longer side, cached; None when there is no readable image."""
        from .thumbnails import thumbnail

        uid = self.take([row], ["uid"])["uid"][0].as_py()
        return thumbnail(self._identity, uid, size, lambda: self.image(row))

    @cached_property
    def _identity(self) -> str:
        """Tells this pool from all others; a copy of it has the same images."""
        modified = (self.path / "pool.json").stat().st_mtime_ns
        return str(places.content(self.path).get("id") or f"{self.path.resolve()}:{modified}")


def _with_article(kind: str | None) -> str:
    return "metadata" if kind == "metadata" else f"an {kind}" if kind == "embedding" else f"a {kind}"

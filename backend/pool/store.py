"""Pool: a LanceDB database, append-only, with scores and flags as columns in row order."""

import itertools
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import files
from ..errors import InputError
from ..progress import Progress, silent
from ..versions import __version__
from . import columns as column_files
from . import commit, deleted, places, tables, versions
from .columns import Kind
from .deleted import DeletedColumn
from .fragments import Freed
from .handle import Handle
from .staging import Staging
from .versions import Version

FORMAT = 1
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,63}")


class Pool(Handle):
    """The pairs of one pool: a handle on one version, and the changes that make the next."""

    # --- opening and making -------------------------------------------------------------------------------------

    @classmethod
    def open(cls, path: str | Path, version: int | None = None) -> "Pool":
        """Opens the pool in a directory or at a LanceDB URI: its newest version, or an older one for reading only.

        Raises InputError if there is no pool or no such version.
        """
        place = places.find(path)
        form = places.content(place.directory).get("format")
        if form != FORMAT:
            raise InputError(f"pool {str(path)!r} has format {form!r}, this version reads {FORMAT}; import it again.")
        if version is None:
            return cls(place.directory, commit.scanned(place.directory))
        return cls(place.directory, commit.scanned(place.directory, version), pinned=True)

    @staticmethod
    def exists(path: str | Path) -> bool:
        """Whether there is a pool in the directory or at the URI. Raises InputError if a store does not answer."""
        return places.exists(path)

    @classmethod
    def create(cls, path: str | Path, schema: pa.Schema, origin: Mapping[str, Any]) -> "Pool":
        """Makes an empty pool with `uid_hi`, `uid_lo` and the fields of `schema`, in a directory or at a LanceDB URI.

        Raises InputError if `path` holds anything but an unfinished pool, or the table can't be made.
        """
        content = {"format": FORMAT, "origin": dict(origin), "poolscope": __version__, "id": uuid.uuid4().hex}
        full = pa.schema(
            [*column_files.KEY_FIELDS, *(entry for entry in schema if entry.name not in column_files.KEYS)],
            metadata={places.ABOUT: files.dump(content)},
        )
        uri = places.uri_of(path)
        if uri:
            commit.create(f"{uri}/{places.TABLE}", full)
            return cls.open(uri)
        path = places.as_path(path)
        if (path / "pool.json").exists():
            raise InputError(f"{str(path)!r} is a pool already; import into it or choose another directory.")
        if path.exists() and (not path.is_dir() or any(path.iterdir())) and not places.there(path):
            raise InputError(f"{str(path)!r} exists and is not a pool; choose an empty or new directory for --pool.")
        path.mkdir(parents=True, exist_ok=True)
        tables.create_table(str(path / places.TABLE), full, overwrite=True)
        files.write_json(path / "pool.json", content)
        return cls.open(path)

    def reload(self) -> "Pool":
        """A handle on the newest version."""
        return Pool.open(self.path)

    def versions(self) -> list[Version]:
        """The versions that are still kept, oldest first; any can be opened with `Pool.open(path, version=…)`."""
        return versions.listed(self.table)

    def prunable(self) -> Freed:
        """What `clean` would free."""
        return versions.prunable(self.path)

    def clean(self) -> Freed:
        """Removes all versions but the newest and merges small fragments; see `versions.clean`."""
        with self._change():
            freed = versions.clean(self.path)
        return freed

    # --- writing ------------------------------------------------------------------------------------------------

    def append(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Adds pairs at the end in one commit; columns that the batches lack become null. Returns the number added.

        The commit is all or nothing: an error or a crash before its end leaves the pool as it was.
        """
        iterator = iter(batches)
        with self._change():
            first = next(iterator, None)
            if first is None:
                return 0
            added = commit.append(self.path, first.schema, itertools.chain([first], iterator))
        return added

    def append_fragments(self, written: Sequence[str]) -> None:
        """Adds fragments that `commit.write_fragments` wrote, in one commit; doing it twice adds them once."""
        with self._change():
            commit.append_fragments(self.path, written)

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
        values: Iterable[pa.RecordBatch] | Staging,
        *,
        kind: Kind,
        made_by: Mapping[str, Any],
        replace: bool = False,
    ) -> None:
        """Like `add_columns` for columns that don't fit in memory: batches that follow row order, or, where the disk must
        not hold them twice, their `Staging`.

        Raises PoolGrew if pairs were added since this handle was opened.
        """
        with self._change():
            described = _described(schema, kind, made_by)
            commit.add_columns(self.path, len(self), described, values, replace=replace)

    def drop_column(self, name: str) -> None:
        """Removes a score, flag, embedding or metadata column. InputError for the uid and for an unknown name."""
        with self._change():
            if self.require(name).kind == "key":
                raise InputError(f"{name!r} is part of the uid and can't be dropped; drop a score, flag or embedding.")
            commit.drop_columns(self.path, [name])

    def delete_column(self, name: str) -> None:
        """Takes a column out of sight; `restore_column` brings it back until the next `clean`. InputError as `drop_column`."""
        with self._change():
            if self.require(name).kind == "key":
                raise InputError(
                    f"{name!r} is part of the uid and can't be deleted; delete a score, flag or embedding."
                )
            deleted.delete(self.path, name)

    def deleted_columns(self) -> list[DeletedColumn]:
        """The deleted columns that can be restored, the latest first."""
        return deleted.listed(self.schema)

    def restore_column(self, column: DeletedColumn) -> None:
        """Brings a deleted column back. Raises InputError if its name is taken by now, or it is gone."""
        with self._change():
            deleted.restore(self.path, column.stored)

    def bytes_of(self, column: str) -> int:
        """About how many bytes a column takes, by the name under which the table has it."""
        return deleted.size(self.path, [column])

    def index(self, column: str, progress: Progress = silent) -> None:
        """Makes (or makes again) the index of an embedding, or of the words of a text column."""
        from . import indexes

        with self._change():
            indexes.build(self.path, column, words=self.require(column).kind != "embedding", progress=progress)

    def changing(self) -> AbstractContextManager[None]:
        """The pool's writer lock, for a change of another table of its database. InputError if it may only be read."""
        self._writable()
        return commit.changing(self.path)

    def _writable(self) -> None:
        if self.pinned:
            raise InputError(
                f"version {self.version} of pool {self.name!r} may only be read; open the newest one to change it."
            )

    @contextmanager
    def _change(self) -> Iterator[None]:
        """A change that makes a version, which this handle is on afterwards. InputError for a handle on an older one."""
        self._writable()
        yield
        self._scanned = commit.scanned(self.path)
        self._filled, self._digests = {}, {}
        for cached in ("columns", "table", "_order"):
            self.__dict__.pop(cached, None)


def check_name(name: str) -> None:
    """InputError unless `name` can name a column."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"column name {name!r} is not allowed: letters, digits, '_', '-', '.', at most 64, a letter first."
        )


def _described(schema: pa.Schema, kind: Kind, made_by: Mapping[str, Any]) -> pa.Schema:
    """The schema as it is stored. Raises InputError for a name that is not allowed."""
    for name in schema.names:
        check_name(name)
    return column_files.described(schema, kind=kind, made_by=made_by)


def _arrow(value: Any) -> pa.Array | pa.ChunkedArray:
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return value
    value = np.asarray(value)
    return column_files.fixed_list(value) if value.ndim == 2 else pa.array(value)

"""Arrow tables: parquet, Arrow and Feather files with the types they have, and the keys of hive folders."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import first_line
from .npz import Damaged
from .remote import open_binary
from .text_table import unique

_HIVE = re.compile(r"([^\W\d][\w.\- ]*)=([^/]*)$")
_NULL = "__HIVE_DEFAULT_PARTITION__"
UNREADABLE = (pa.ArrowException, OSError, EOFError, ValueError)
WIDE = 64  # rows at once where columns hold images
PARQUET = (".parquet", ".pq")


class ArrowTable:
    """The rows of one parquet, Arrow or Feather file."""

    def __init__(self, path: str, suffix: str, root: str = "") -> None:
        self._path, self._parquet = path, suffix in PARQUET
        inside = path.removeprefix(root).split("/")[:-1]
        self._hive = {m[1]: None if m[2] == _NULL else unquote(m[2]) for part in inside if (m := _HIVE.fullmatch(part))}
        try:
            opened, self.count = self._opened()
        except UNREADABLE as error:
            raise Damaged(f"it can't be read: {first_line(error)}") from None
        self._names = unique(opened.names)
        columns = [pa.field(name, kind) for name, kind in zip(self._names, opened.types)]
        self._hive = {key: value for key, value in self._hive.items() if key not in self._names}
        self.schema = pa.schema([*columns, *(pa.field(key, pa.utf8()) for key in self._hive)])
        self.named = True
        self.rejected: list[tuple[str, str]] = []
        self.note = ""
        self.conversions: dict[str, str] = {}

    def types(self, names: Sequence[str]) -> dict[str, pa.DataType]:
        """The types that further columns get."""
        return {name: plain_type(self.schema.field(name).type) for name in names}

    def batches(self, size: int, most: int | None = None) -> Iterator[pa.RecordBatch]:
        """Raises Damaged where the file breaks off."""
        size = min(size, WIDE) if any(holds_bytes(kind) for kind in self.schema.types) else size
        try:
            for batch in self._read(size):
                constants = [pa.array([value] * batch.num_rows, pa.utf8()) for value in self._hive.values()]
                yield pa.RecordBatch.from_arrays([*batch.columns, *constants], schema=self.schema)
        except UNREADABLE as error:
            raise Damaged(f"it can't be read to its end: {first_line(error)}") from None

    def _opened(self) -> tuple[pa.Schema, int]:
        if self._parquet:
            with self._file() as file:
                return file.schema_arrow, file.metadata.num_rows
        reader = _ipc(self._path)
        return reader.schema, 0

    def _file(self) -> pq.ParquetFile:
        return pq.ParquetFile(self._path if "://" not in self._path else open_binary(self._path))

    def _read(self, size: int) -> Iterator[pa.RecordBatch]:
        if self._parquet:
            with self._file() as file:
                yield from file.iter_batches(batch_size=size)
            return
        reader = _ipc(self._path)
        whole = (
            iter(reader)
            if isinstance(reader, pa.RecordBatchReader)
            else (reader.get_batch(n) for n in range(reader.num_record_batches))
        )
        for batch in whole:
            for start in range(0, batch.num_rows, size):
                yield batch.slice(start, size)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that a further column gets: numbers and truth values as they are, everything else text."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pa.float32() if kind == pa.float16() else kind
    return pa.utf8()


def holds_bytes(kind: pa.DataType) -> bool:
    """Whether values of the type may be whole images: binary, or a struct with a binary field."""
    if pa.types.is_struct(kind):
        return any(holds_bytes(kind.field(n).type) for n in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _ipc(path: str) -> "pa.RecordBatchFileReader | pa.RecordBatchStreamReader":
    handle = pa.memory_map(path) if "://" not in path else pa.PythonFile(open_binary(path))
    try:
        return pa.ipc.open_file(handle)
    except pa.ArrowInvalid:
        handle.seek(0)
        return pa.ipc.open_stream(handle)

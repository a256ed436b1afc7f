"""Files of values by key: tables and NumPy arrays read in batches, never whole."""

import errno
import json
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import files
from ..errors import InputError
from ..pool import UID_DTYPE, uid_hex
from .cells import CellTable
from .npz import Damaged
from .options import Options
from .unpacked import rows_at_once

BATCH = 8192
CALLED = {
    "uid": ("uid", "uids", "key", "keys"),
    "id": ("id", "ids", "key", "keys", "image_id"),
    "url": ("url", "urls", "image_url"),
    "row": ("row", "rows", "index"),
}
TEXT = (".csv", ".tsv", ".jsonl", ".json", ".tab", ".psv", ".txt", ".ndjson", ".jsonlines")
PACKED = (".gz", ".zst", ".bz2", ".xz")
TABLES = (".parquet", ".feather", ".arrow", *TEXT, *(f"{kind}{packed}" for kind in TEXT for packed in PACKED))
KINDS = (".parquet", ".feather", ".arrow", *TEXT[:4], ".npy", ".npz")
UNREADABLE = (
    pa.ArrowException,
    OSError,
    EOFError,
    zlib.error,
    Damaged,
    zipfile.BadZipFile,
    UnicodeDecodeError,
)


Batch = tuple[pa.Array | None, pa.RecordBatch]


@dataclass
class Keyed:
    """Values by key: `types` of the value columns, and, of some of them, batches of `(keys, values)`.

    `keys` is None where the rows are told by their place alone; `text` says that all values are text still to be
    understood, `commas` that they may have decimal commas; `bad_rows` counts rows that could not be read, once the batches are through.
    """

    types: Mapping[str, pa.DataType]
    batches: Callable[[Sequence[str]], Iterator[Batch]]
    rows: int | None = None
    text: bool = False
    commas: bool = False
    bad_rows: int = 0


@contextmanager
def opened(source: Path, on: str, key: str | None, keys: Path | None, work: Path) -> Iterator[Keyed]:
    """A file of values. `key`: the name of its key column; `keys`: a file of its own that lists the keys in order.

    Raises InputError for a file that can't be read, or has no such key.
    """
    name = source.name.lower()
    import duckdb

    if not source.is_file():
        raise InputError(f"no file {str(source)!r}; give one that ends in {', '.join(KINDS)}.")
    try:
        if name.endswith(".parquet"):
            keyed = _parquet(source, on, key)
        elif name.endswith(TABLES):
            keyed = _table(source, on, key)
        elif name.endswith((".npy", ".npz")):
            keyed = _arrays(source, on, key, keys, work)
        else:
            raise InputError(f"{source.name!r} is none of {', '.join(KINDS)}; convert it first.")
        if keys is not None and not name.endswith(".npy"):
            raise InputError(f"--keys is for a .npy, and {source.name!r} has its keys in a column: name it with --key.")
        yield keyed
    except (duckdb.Error, *UNREADABLE) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise  # the disk is full, not the file wrong
        first = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise InputError(f"{str(source)!r} can't be read: {first}; is it complete?") from None


def key_column(names: list[str], on: str, key: str | None) -> str | None:
    """The column that holds the keys; None for rows without one. Raises InputError if there is none."""
    if key is not None:
        if key not in names:
            raise InputError(f"the file has no column {key!r} for --key; it has {_few(names)}.")
        return key
    lower = {name.lower(): name for name in reversed(names)}
    column = next((lower[name] for name in CALLED.get(on, (on.lower(),)) if name in lower), None)
    if column is None and on != "row":
        raise InputError(f"the file has no column {on!r}; name it with --key, or choose --on. It has {_few(names)}.")
    return column


def _few(names: list[str]) -> str:
    return ", ".join([*names[:20], *(["…"] if len(names) > 20 else [])])


def _parquet(source: Path, on: str, key: str | None) -> Keyed:
    import pyarrow.parquet as pq

    with pq.ParquetFile(source) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    if len(set(schema.names)) != len(schema.names):
        raise InputError(f"{source.name!r} has two columns of one name; rename one of them.")
    column = key_column(schema.names, on, key)

    def batches(wanted: Sequence[str]) -> Iterator[Batch]:
        read = [*([] if column is None else [column]), *wanted]
        size = rows_at_once(lambda **options: pq.ParquetFile(source, **options), read, BATCH)
        for batch in pq.ParquetFile(source, buffer_size=1 << 20).iter_batches(batch_size=size, columns=read):
            yield _apart(batch, column)

    return Keyed({f.name: f.type for f in schema if f.name != column}, batches, rows)


def _apart(batch: pa.RecordBatch, column: str | None) -> tuple[pa.Array | None, pa.RecordBatch]:
    return (None, batch) if column is None else (batch.column(column), batch.drop_columns([column]))


def _table(source: Path, on: str, key: str | None) -> Keyed:
    """Any other table, as an import reads it; its first line names the columns of a text table."""
    from .table import open_table

    table = open_table(str(source), Options(header=True))
    column = key_column(table.schema.names, on, key)
    keyed = Keyed(
        {entry.name: entry.type for entry in table.schema if entry.name != column}, lambda wanted: iter(()),
        text=isinstance(table, CellTable), commas=isinstance(table, CellTable) and table.decimal_commas,
    )  # fmt: skip

    def batches(wanted: Sequence[str]) -> Iterator[Batch]:
        for batch in table.batches(BATCH):
            yield _apart(batch.select([*([] if column is None else [column]), *wanted]), column)
        keyed.bad_rows = len(table.rejected)

    keyed.batches = batches
    return keyed


def _arrays(source: Path, on: str, key: str | None, keys: Path | None, work: Path) -> Keyed:
    """Arrays of a `.npz`, or one of a `.npy` with its keys beside it; mapped from disk, nothing is unpickled."""
    if source.suffix.lower() == ".npz":
        arrays = {path.stem: _mapped(path) for path in _unzipped(source, work)}
        column = key_column(list(arrays), on, key)
        keyed = arrays.pop(column) if column else None
    else:
        arrays, keyed = {source.stem: _mapped(source)}, _key_list(keys, on) if keys else None
    if keyed is None and on != "row":
        raise InputError(f"{source.name!r} has no keys; list them in order with --keys FILE, or say --on row.")
    lengths = {name: len(array) for name, array in arrays.items() if array.ndim}
    count = len(keyed) if keyed is not None else max(lengths.values(), default=0)
    wrong = next((name for name in arrays if lengths.get(name) != count), None)
    if wrong:
        raise InputError(f"array {wrong!r} has {lengths.get(wrong, 1):,} rows, and there are {count:,} keys.")

    def batches(wanted: Sequence[str]) -> Iterator[Batch]:
        for start in range(0, count, BATCH):
            values = {name: _arrow(arrays[name][start : start + BATCH]) for name in wanted}
            yield None if keyed is None else _arrow(keyed[start : start + BATCH]), pa.RecordBatch.from_pydict(values)

    return Keyed({name: _arrow(array[:0]).type for name, array in arrays.items()}, batches, count)


def _unzipped(source: Path, work: Path) -> list[Path]:
    """The arrays of an archive as files of their own, by their place in it: its names are not trusted."""
    paths = []
    with zipfile.ZipFile(source) as archive:
        for number, entry in enumerate(archive.infolist()):
            path = work / str(number) / f"{Path(entry.filename).name.removesuffix('.npy')}.npy"
            path.parent.mkdir(parents=True)
            with archive.open(entry) as packed, path.open("wb") as out:
                shutil.copyfileobj(packed, out, 1 << 20)
            paths.append(path)
    return paths


def _mapped(path: Path) -> np.ndarray:
    return files.read_array(path, mapped=True, remedy="give a .npy of one plain array")


def _key_list(path: Path, on: str) -> Any:
    """Keys in order: an array, the column of keys of a table, or a text file with one a line, below a heading or not."""
    if not path.is_file():
        raise InputError(f"no file {str(path)!r} for --keys; give a .npy, a table, or text with one key a line.")
    if path.suffix == ".npy":
        return _mapped(path)
    if path.suffix in (".parquet", ".feather", ".arrow", ".json", ".jsonl") and not _is_list(path):
        keyed = (_parquet if path.suffix == ".parquet" else _table)(path, on, None)
        parts = [keys for keys, _ in keyed.batches([])]
        return np.array([key for part in parts if part is not None for key in part.to_pylist()], dtype=object)
    with files.reading(path, "give a .npy, a table, or text with one key a line"):
        text = path.read_text(encoding="utf-8-sig")
    if _is_list(path):
        return np.array([str(key) for key in json.loads(text)], dtype=object)
    lines = [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]
    return np.array(lines[1:] if lines[0].strip().strip('"').lower() in CALLED.get(on, (on,)) else lines, dtype=object)


def _is_list(path: Path) -> bool:
    """Whether a JSON file is a plain list of keys."""
    if path.suffix != ".json":
        return False
    with files.reading(path):
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    return isinstance(value, list) and all(isinstance(one, (str, int)) for one in value)


def _arrow(array: np.ndarray) -> pa.Array:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype == UID_DTYPE:
        return uid_hex(np.ascontiguousarray(array["f0"]), np.ascontiguousarray(array["f1"]))
    if array.dtype.kind in "US":
        return pa.array(
            [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in array.tolist()], pa.utf8()
        )
    if array.dtype.kind == "O":
        return pa.array(array.tolist(), pa.utf8())
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        raise InputError(f"an array of {array.dtype} and {array.ndim} dimensions is neither numbers, text nor vectors.")
    if array.ndim == 1:
        return pa.array(np.ascontiguousarray(array))
    flat = np.ascontiguousarray(array, dtype=np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), array.shape[1])

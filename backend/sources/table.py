"""Import of tables: CSV, TSV, JSON, parquet, Arrow and Feather files of captions with image files, URLs or bytes."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from ..errors import InputError, first_line
from ..pool import Pool
from ..progress import Progress, silent
from ..workers.threads import prefetched
from . import mapping as columns
from .appender import Appender
from .arrow_table import PARQUET, UNREADABLE, ArrowTable
from .binding import binding
from .cells import Room
from .find import JSON
from .gathered import gathered
from .img2dataset import GOOD, status_column
from .json_table import JsonTable
from .mapping import ColumnMap
from .npz import Damaged
from .options import Options
from .packed import Packer
from .pairs import Pairs
from .places import Nearby, base_of, moved, only, placed
from .report import Report
from .roles import image_key
from .staged import BROKEN, NO_TABLE, Staged, suffixes
from .text_table import TextTable

BATCH = 65_536
IMAGES = 256  # rows at once where images are opened
PACKED_BYTES = 512 << 20
SAMPLE = 64


class Table(Protocol):
    """What every kind of table gives: its columns and whether they have names, their types in a pool, and its rows,
    or those batches that hold the first `most`; `conversions`: column → how its cells were read as numbers, once `types` knows."""

    schema: pa.Schema
    count: int
    named: bool
    rejected: list[tuple[str, str]]
    note: str
    conversions: dict[str, str]

    def types(self, names: Sequence[str]) -> dict[str, pa.DataType]: ...

    def batches(self, size: int, most: int | None = None) -> Iterator[pa.RecordBatch]: ...


Opened = tuple[str, Table, ColumnMap]  # a path, the table, and how its columns are read


def open_pairs(path: str, options: Options, root: str = "", room: Room | None = None) -> Table:
    """A table of pairs: like `open_table`, numbered columns of captions as one."""
    return gathered(open_table(path, options, root, room), options)


def open_table(path: str, options: Options, root: str = "", room: Room | None = None) -> Table:
    """A table by its suffix, which may keep rows that it reads in `room`. Raises Damaged for a file that can't be read."""
    import duckdb

    suffix, _ = suffixes(path)
    suffix = _by_content(path) or suffix
    if suffix in (*PARQUET, ".arrow", ".feather", ".ipc"):
        return ArrowTable(path, suffix, root)
    try:
        staged = Staged(path, options.encoding)
        if suffix in JSON:
            return JsonTable(staged, options, room or Room())
        return TextTable(staged, options, room or Room())
    except (duckdb.Error, *BROKEN) as error:
        raise Damaged(f"it can't be read: {first_line(error).rstrip('.')}") from None


def _by_content(path: str) -> str:
    """The suffix that a parquet or Arrow file of another name should have. Raises Damaged for a file that is no table."""
    if "://" in path:
        return ""
    start = b""
    with suppress(OSError), open(path, "rb") as handle:
        start = handle.read(64)
    for head, why in NO_TABLE.items():
        if start.lower().startswith(head.lower()):
            raise Damaged(why)
    return {b"PAR1": ".parquet", b"ARRO": ".arrow"}.get(start[:4], "")


def sampled(table: Table) -> list[dict[str, Any]]:
    """The first rows. Raises Damaged."""
    import duckdb

    try:
        batches = table.batches(SAMPLE, SAMPLE)
        first = next(batches, None)
        batches.close()  # type: ignore[attr-defined]
        return first.slice(0, SAMPLE).to_pylist() if first is not None else []
    except (duckdb.Error, UnicodeDecodeError, *UNREADABLE) as error:
        raise Damaged(f"it can't be read: {first_line(error)}") from None


def mapped(path: str, table: Table, options: Options, sample: Sequence[dict[str, Any]], root: str = "") -> ColumnMap:
    """How the columns of a table below `root` are read, by its first rows. Raises InputError for a table without captions or images."""
    roles = columns.roles_of(table.schema, options, sample, named=table.named)
    status = status_column(table.schema, sample)
    lacking = (
        "text" in roles and not {"image", *([] if status else ["url"])} & roles.keys()
    )  # images beside URLs may be any
    key = image_key(table.schema.names) if lacking and table.named and "://" not in path else None
    ids = [row[key] for row in sample if not status or row[status] == GOOD] if key else []
    nearby = _named_by_id(path, ids, options, root)
    if nearby is not None and key:
        roles["image"] = key
    mapping = columns.of_table(table.schema, roles, sample)
    if nearby is not None:
        return replace(mapping, base=os.path.dirname(os.path.abspath(path)), nearby=nearby)
    column = mapping.roles.get("image", "")
    values = [value for row in sample if isinstance(value := only(row.get(column)), str)]
    if mapping.numbered:
        values = [value.rpartition("#")[0] for value in values]
    here = moved(values, options.images, path)
    return replace(mapping, base=base_of(values, options.images, path), moved=here)


def _named_by_id(path: str, given: Sequence[Any], options: Options, root: str) -> Nearby | None:
    """The images whose names are most of the ids, below the table's folder or, if that is below `root`, the one around it."""
    ids = {str(one) for one in given if isinstance(one, (str, int))}
    own = os.path.dirname(os.path.abspath(path))
    around = [os.path.dirname(own)] if root and own.startswith(f"{root.rstrip('/')}/") else []
    for folder in [options.images] if options.images else [own, *around]:
        nearby = Nearby(os.path.abspath(os.path.expanduser(folder)))
        if ids and 2 * sum(os.path.isfile(placed(one, own, ("", ""), nearby)) for one in ids) >= len(ids):
            return nearby
    return None


def _conversions(opened: Sequence[Opened], kinds: dict[str, pa.DataType]) -> list[str]:
    """How columns of numbers were read, where that isn't plain."""
    conversions = {
        name: how for _, table, _ in opened for name, how in table.conversions.items() if kinds.get(name) != pa.utf8()
    }
    return [f"column {name!r}: {how}" for name, how in conversions.items()]


class TableImport:
    """One import of several tables into a pool, file by file in order."""

    def __init__(
        self, files: Sequence[str], options: Options, source: str, root: str = "", opened: Sequence[Opened] = (),
        places: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """`opened`: those of the files that were opened before; `places`: further files that these were made of."""
        self.files, self.options, self.source, self.root = list(files), options, source, root
        self._places = list(places)
        self._before = {entry[0]: entry for entry in opened}
        self.left_out: dict[str, str] = {}
        self.wrong: dict[str, list[str]] = {}  # files that made no row of a table, by the reason

    def run(self, pool_path: str | Path, progress: Progress = silent) -> Report:
        """Reads the tables. Raises InputError if none can be read or no pair comes in."""
        opened = self._opened()
        extra = list(dict.fromkeys(source for _, _, mapping in opened for source in mapping.extra))
        kinds = columns.types((table for _, table, _ in opened), extra)
        there = Pool.open(pool_path) if Pool.exists(pool_path) else None
        if there is not None and not len(there):
            there = None
        fitted, schema = [], pa.schema([])
        for path, table, mapping in opened:
            mapping, own_kinds = columns.in_pool(mapping, kinds, there)
            own = columns.pool_schema(mapping, own_kinds)
            schema = pa.schema([*schema, *(entry for entry in own if entry.name not in schema.names)])
            fitted.append((path, table, mapping))
        bound = binding([*self.files, *self._places], self.options.as_json())
        origin = {"kind": "table", "source": self.source}
        with Appender(pool_path, self.source, schema, origin, bound) as appender:
            appender.report.notes = _conversions(opened, kinds)
            if not appender.units:
                for path, why in self.left_out.items():
                    appender.report.skip(f"file left out: {why}", Path(path).name)
                for why, names in self.wrong.items():
                    appender.report.skip_many(why, len(names), names[:5])
            total = sum(table.count for _, table, _ in fitted)
            done = 0
            for number, (path, table, mapping) in enumerate(fitted):
                done = self._read(number, path, table, mapping, appender, progress, done, total)
            return appender.finish()

    def _opened(self) -> list[Opened]:
        opened, wrong, room = [], None, Room()
        for path in self.files:
            if path in self._before:
                opened.append(self._before[path])
                continue
            try:
                table = open_pairs(path, self.options, self.root, room)
                opened.append((path, table, mapped(path, table, self.options, sampled(table), self.root)))
            except (Damaged, InputError) as error:
                self.left_out[path] = str(error)
                wrong = wrong or f"{path!r}: {error}"
        if not opened:
            raise InputError(str(wrong))
        return opened

    def _read(
        self, number: int, path: str, table: Table, mapping: ColumnMap, appender: Appender, progress: Progress, done: int,
        total: int,
    ) -> int:  # fmt: skip
        import duckdb

        prefix = f"{number}:"
        behind = max((int(unit.removeprefix(prefix)) for unit in appender.units if unit.startswith(prefix)), default=0)
        local = "image" in mapping.roles
        packer = Packer(appender.pool.path, f"import-{appender.key}")
        row = 0
        with ThreadPoolExecutor(2) as threads:
            pairs = Pairs(mapping, appender, Path(path).name, self.options, packer, threads)
            try:
                for batch in prefetched(table.batches(IMAGES * 16 if local else BATCH)):
                    start, row = row, row + batch.num_rows
                    if row <= behind:
                        continue
                    pairs.take(batch.slice(max(0, behind - start)), max(start, behind))
                    if appender.full or packer.bytes > PACKED_BYTES:
                        packer.close()
                        appender.mark(f"{prefix}{row}")
                        appender.flush()
                    progress(done + row, max(total, done + row), f"{appender.report.added + appender.waiting:,} pairs")
            except (Damaged, duckdb.Error, *UNREADABLE) as error:
                appender.report.skip(f"file breaks off: {first_line(error)}", Path(path).name)
            for place, why in table.rejected:
                appender.report.skip(why, f"{Path(path).name} {place}")
            packer.close()
        if pairs.undownloaded:
            appender.report.notes.append(
                f"{Path(path).name}: img2dataset could not download {pairs.undownloaded:,} of the images; they come in by "
                "URL (import its images or shards to have only those that are there)"
            )
        appender.mark(f"{prefix}{1 << 62}")
        return done + row

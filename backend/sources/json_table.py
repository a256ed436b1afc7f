"""JSON tables: a record a line, an array of records, or the annotation files of COCO and its kin."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import first_line
from . import annotations, fields
from .cells import ROWS, CellTable, Held, Room, kind
from .npz import Damaged
from .options import Options
from .staged import Staged, connect, limited, literal
from .text_table import unique

SAMPLE = 1 << 20
LARGEST = 2 << 30  # an annotation file is one value, read whole
SPELLED = 256 << 20  # a larger file is streamed, its numbers as DuckDB spells them
AS_SPELLED: dict[str, Any] = {"parse_float": str, "parse_int": str}
KEYED = 1000  # records whose keys are asked before the first pass
MOST_KEYS = 1000


def form(sample: str, suffix: str = ".json") -> str:
    """`lines`, `array` or `object`, by how the JSON begins; one object is a line where the suffix says so."""
    lines = [line for line in sample.splitlines()[:50] if line.strip()]
    start = lines[0].lstrip() if lines else ""
    if start.startswith("["):
        return "array"
    several = len(lines) > 1 or suffix != ".json"
    return "lines" if several and any(map(_is_object, lines)) else "object"


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


class JsonTable(CellTable):
    """The rows of one JSON file as text: a string as it is, other values as JSON; null where there is none."""

    def __init__(self, staged: Staged, options: Options, room: Room) -> None:
        super().__init__(room)
        self._staged = staged
        sample = staged.sample(SAMPLE)
        self.form = form(sample, staged.suffix)
        self.rejected: list[tuple[str, str]] = []
        self._rows: pa.Table | None = None
        self._spelled = staged.small(SPELLED) and _numbers_as_captions(sample, options)
        if self.form == "object" or self._spelled:
            self._rows = self._whole()
        else:
            try:
                self._discover()
            except Exception as error:
                self._forget()
                if self.form != "array":
                    raise Damaged(f"the JSON can't be read: {first_line(error)}") from None
                self._rows = self._whole()
        self.schema = self._rows.schema if self._rows is not None else self._schema()
        if not self.schema.names:
            raise Damaged("it holds no record")
        self.count = self._rows.num_rows if self._rows is not None else 0
        self.named = True
        self.note = staged.note

    def _schema(self) -> pa.Schema:
        return pa.schema([(name, pa.utf8()) for name in unique(self._keys)])

    def _source(self) -> str:
        """The records as a DuckDB table function with one column, `json`."""
        function = {"lines": "read_ndjson_objects", "array": "read_json_objects"}[self.form]
        more = "ignore_errors = true" if self.form == "lines" else "format = 'array'"
        return (
            f"{function}({literal(self._staged.path)}, {more}, compression = '{self._staged.compression}', "
            "maximum_object_size = 67108864)"
        )

    def _cells(self, more: str = "") -> str:
        """A query for the values of the keys. Keys that are empty or differ in case only are no fields of a DuckDB struct."""
        fields, columns = dict[str, str](), []
        for number, key in enumerate(self._keys):
            if key and key.lower() not in {one.lower() for one in fields}:
                fields[key] = "VARCHAR"
                columns.append(f"struct_extract_at(fields, {len(fields)}) AS c{number}")
            else:
                pointer = key.replace("~", "~0").replace("/", "~1")
                columns.append(f"json_extract_string(json, {literal('/' + pointer)}) AS c{number}")
        record = f"json_transform(json, {literal(json.dumps(fields))})" if fields else "NULL"
        inner = f"SELECT json, {record} AS fields FROM {self._source()}"
        return f"SELECT {', '.join(columns)}{more} FROM ({inner})"

    def _read(self, size: int, kinds: Sequence[int], most: int | None) -> Iterator[list[pa.Array]]:
        if self._rows is not None and not kinds:
            for batch in self._rows.to_batches(max_chunksize=size):
                yield batch.columns
            return
        asked = ", ".join(["*", *(kind(f"c{place}") for place in kinds)])
        with connect() as database:
            if self._rows is not None:
                rows = self._rows.rename_columns([f"c{number}" for number in range(len(self.schema))])
                database.register("rows", rows)
            source = "rows" if self._rows is not None else f"({self._cells()}{limited(most)})"
            for batch in database.sql(f"SELECT {asked} FROM {source}").to_arrow_reader(size):
                yield batch.columns

    def _discover(self) -> None:
        """All keys of all records: those of the first in their order, then those that come later. Keeps the rows that it
        reads, unless some have keys that weren't known before."""
        listed = f"SELECT json_keys(json) FROM {self._source()} WHERE json_type(json) = 'OBJECT' LIMIT {KEYED}"
        with connect() as database:
            first = [keys for (keys,) in database.sql(listed).fetchall()]
            known = {key for keys in first for key in keys}
            self._keys = list(dict.fromkeys([*(first[0] if first else []), *sorted(known)]))[:MOST_KEYS]
            if not self._keys:
                return
            later, schema = set[str](), self._schema()
            self._held, width = Held(self._room), len(self._keys)
            for batch in database.sql(self._cells(f", {_odd(width)} AS keys")).to_arrow_reader(ROWS):
                self._held.add(pa.RecordBatch.from_arrays(batch.columns[:width], schema=schema))
                later.update(pc.unique(batch.column(width).flatten()).to_pylist())
        if len(self._keys) < MOST_KEYS and later - known:
            self._forget()
            self._keys = list(dict.fromkeys([*(first[0] if first else []), *sorted(known | later)]))[:MOST_KEYS]

    def _whole(self) -> pa.Table:
        with self._staged.open() as handle:
            content = handle.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Damaged(f"a JSON that is one value may have {LARGEST >> 30} GiB; write a record a line (.jsonl)")
        text = content.decode(self._staged.encoding, "replace").removeprefix("\ufeff")
        if not text.strip():
            raise Damaged("it is empty")
        try:
            if self._spelled and self.form == "lines":
                return as_table(list(self._lines(text)))
            value = json.loads(text, **AS_SPELLED) if self._spelled else fields.parse(text.encode())
        except json.JSONDecodeError as error:
            value = _one_after_another(text) if error.msg.startswith("Extra data") else None
            if value is None:
                raise Damaged(f"the JSON can't be read: {error}") from None
        except (ValueError, RecursionError) as error:
            raise Damaged(f"the JSON can't be read: {error}") from None
        return as_table(annotations.records(value, self.rejected))

    def _lines(self, text: str) -> Iterator[Mapping[str, Any]]:
        """The record of each line, numbers as they are spelled; a line that is none is counted."""
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                value = json.loads(line, **AS_SPELLED) if line.strip() else None
            except (ValueError, RecursionError):
                self.rejected.append((f"line {number}", "line is no JSON"))
                continue
            if isinstance(value, dict):
                yield value


def _odd(width: int) -> str:
    """SQL for the keys of a record, null for one that plainly has no other than the first `width`: as many `":` as values."""
    filled = " + ".join(f"(c{number} IS NOT NULL)::INT" for number in range(width)) or "0"
    marks = "(strlen(json) - strlen(replace(json, '\":', ''))) // 2"
    spaced = " OR ".join(f"contains(json, chr({code}) || ':')" for code in (9, 10, 13, 32))
    return f"CASE WHEN json_type(json) = 'OBJECT' AND ({marks} <> {filled} OR {spaced}) THEN json_keys(json) END"


def _numbers_as_captions(sample: str, options: Options) -> bool:
    """Whether captions are JSON numbers, so that `3.10` must not become 3.1: such a file is read whole."""
    names = "|".join(re.escape(name) for name in ([options.text] if options.text else fields.CAPTIONS))
    return bool(re.search(rf'"({names})"\s*:\s*-?[0-9]', sample, re.I))


def _one_after_another(text: str) -> list[Any] | None:
    """The values of a text that holds several, with or without commas between them; None if it holds anything else."""
    decoder, place, values = json.JSONDecoder(), 0, []
    while place < len(text):
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return None
        values.append(value)
        place = re.compile(r"[\s,]*").match(text, place).end()  # type: ignore[union-attr]  # it always matches
    return values


def as_table(rows: list[Mapping[str, Any]]) -> pa.Table:
    """Records as columns of text."""
    keys = list(dict.fromkeys(str(key) for row in rows for key in row))
    columns = [pa.array([_text(row.get(key)) for row in rows], type=pa.utf8()) for key in keys]
    return pa.table(dict(zip(unique(keys), columns)))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return fields.clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))

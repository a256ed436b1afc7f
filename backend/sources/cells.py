"""Cells: tables whose cells are text, read by DuckDB once: the pass that learns the types keeps the rows while they fit."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
import pyarrow as pa

from .staged import BROKEN, connect, literal

ROWS = 65_536
HELD = 512 << 20  # bytes of rows that the tables of one import may keep from the first pass for the second
_NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-][0-9]+)?"
NOTHING = ("null", "none", "nan", "na", "n/a", "<na>", "#n/a", "\\n")  # how programs write that there is no number
_WORD, _COMMA, _GROUPED = 16, 32, 64
_TYPES = {0: pa.null(), 1: pa.int64(), 2: pa.float64(), 3: pa.float64(), 4: pa.bool_()}  # text else
_TYPES |= {bits | _WORD: kind for bits, kind in _TYPES.items() if bits}
_COMMAS = {
    _COMMA | whole | word | grouped: pa.float64()
    for whole in (0, 1)
    for word in (0, _WORD)
    for grouped in (0, _GROUPED)
}
_KIND = f"""(CASE WHEN {{0}} IS NULL THEN 0 WHEN try_cast({{0}} AS BIGINT)::VARCHAR = {{0}} THEN 1
    WHEN regexp_full_match({{0}}, '{_NUMBER}') AND length({{0}}) < 24 AND try_cast({{0}} AS DOUBLE) IS NOT NULL THEN 2
    WHEN lower({{0}}) IN ('inf', '-inf', 'infinity', '-infinity') THEN 2
    WHEN lower({{0}}) IN ('true', 'false') THEN 4 WHEN lower({{0}}) IN ({", ".join(map(literal, NOTHING))}) THEN {_WORD}
    WHEN regexp_full_match({{0}}, '-?[1-9][0-9]{{{{0,2}}}},[0-9]{{{{3}}}}') THEN {_GROUPED}
    WHEN regexp_full_match({{0}}, '-?(0|[1-9][0-9]*),[0-9]+') AND length({{0}}) < 24 THEN {_COMMA}
    ELSE 8 END)::UTINYINT AS k{{0}}"""


def as_key(values: pa.Array) -> pa.Array:
    """Ids as text: whole numbers that were read as floating ones without a point, bytes of a UUID as its hex digits."""
    if pa.types.is_floating(values.type):
        with suppress(pa.ArrowInvalid):
            values = values.cast(pa.int64())
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if pa.types.is_fixed_size_binary(values.type):
        return pa.array([None if one is None else one.hex() for one in values.to_pylist()], pa.utf8())
    return values.cast(pa.utf8())


class Room:
    """Memory for rows, shared by the tables of an import."""

    def __init__(self, left: int = HELD) -> None:
        self.left = left


class Held:
    """Rows kept as they are read, or none of them once they take more than there is room for."""

    def __init__(self, room: Room) -> None:
        self._room, self._taken = room, 0
        self.batches: list[pa.RecordBatch] | None = []

    def add(self, batch: pa.RecordBatch) -> None:
        if self.batches is None:
            return
        self.batches.append(batch)
        self._taken += batch.nbytes
        self._room.left -= batch.nbytes
        if self._room.left < 0:
            self.drop()

    def drop(self) -> None:
        self._room.left += self._taken
        self.batches, self._taken = None, 0

    def given(self, size: int) -> Iterator[pa.RecordBatch]:
        """The rows, each kept until it was given."""
        left = (self.batches or [])[::-1]
        self.drop()
        while left:
            batch = left.pop()
            for start in range(0, batch.num_rows, size):
                yield batch.slice(start, size)


class CellTable:
    """A table of text cells, null where there is none. A kind of table reads its rows in `_read`, followed by a column
    of `kind` for each place in `kinds`; its queries call the columns `c0`, `c1`, and so on, whatever their names."""

    schema: pa.Schema
    decimal_commas = False  # whether `0,05` may be a number

    def __init__(self, room: Room) -> None:
        self._room = room
        self.conversions: dict[str, str] = {}
        self._held: Held | None = None

    def _read(self, size: int, kinds: Sequence[int], most: int | None) -> Iterator[list[pa.Array]]:
        raise NotImplementedError

    def batches(self, size: int, most: int | None = None) -> Iterator[pa.RecordBatch]:
        """The rows, or those batches that hold the first `most`; rows that a first pass kept are given once."""
        if most is None and self._held is not None and self._held.batches is not None:
            held, self._held = self._held, None
            yield from held.given(size)
            return
        for arrays in self._read(size, (), most):
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def types(self, names: Sequence[str]) -> dict[str, pa.DataType]:
        """The types of columns: number or truth value where every cell is one and none is changed by it, null where all
        are empty, else text, as in a file that breaks off. Between numbers a word for none is none; decimal commas are
        read where no cell has a point: `conversions` says of which columns. Keeps the rows that it reads while there is room."""
        import duckdb

        if not names:
            return {}
        places = [self.schema.names.index(name) for name in names]
        guesses = np.zeros(len(names), dtype=np.uint8)
        try:
            for arrays in self._kinds(places):
                for number, kinds in enumerate(arrays):
                    guesses[number] |= np.bitwise_or.reduce(kinds.to_numpy(), initial=0)
        except (duckdb.Error, *BROKEN):
            self._forget()
            return dict.fromkeys(names, pa.utf8())
        kinds = _TYPES | (_COMMAS if self.decimal_commas else {})
        types = {name: kinds.get(int(bits), pa.utf8()) for name, bits in zip(names, guesses)}
        for name, bits in zip(names, guesses.tolist()):
            if not pa.types.is_string(types[name]) and bits & (_WORD | _COMMA):
                words = ["a word for none is none"] if bits & _WORD else []
                words += ["its commas are decimal: 0,5 is 0.5"] if bits & _COMMA else []
                self.conversions[name] = " and ".join(words)
        return types

    def _forget(self) -> None:
        """Keeps no rows: what was read is not all."""
        if self._held is not None:
            self._held.drop()

    def _kinds(self, places: Sequence[int]) -> Iterator[list[pa.Array]]:
        if self._held is not None and self._held.batches is not None:
            columns = [f"c{number}" for number in range(len(places))]
            with connect() as database:
                for batch in self._held.batches:
                    database.register("rows", pa.table([batch.column(place) for place in places], names=columns))
                    asked = database.sql(f"SELECT {', '.join(map(kind, columns))} FROM rows")
                    yield from (kinds.columns for kinds in asked.to_arrow_reader(ROWS))
            return
        self._held, width = Held(self._room), len(self.schema)
        for arrays in self._read(ROWS, places, None):
            self._held.add(pa.RecordBatch.from_arrays(arrays[:width], schema=self.schema))
            yield arrays[width:]


def kind(column: str) -> str:
    """SQL for what a cell is: 0 null, 1 integer, 2 other number, 4 truth value, 8 text, 16 a word for none, 32 a number
    with a decimal comma, 64 one whose comma may stand between thousands."""
    return _KIND.format(column)

"""Text tables: CSV and TSV of any delimiter, quoting and encoding, every cell read as text, bad rows counted."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ..errors import InputError
from . import roles
from .cells import CellTable, Room, kind
from .options import Options
from .staged import Staged, connect, limited, literal

SAMPLE = 1 << 20
UNCLOSED = "UNQUOTED VALUE"
ROUNDS = 1000  # each takes at least a line off what is left
MOST_COLUMNS = 1000
MOST_CELLS = 1 << 23  # at once
DELIMITERS = (",", "\t", ";", "|")
_DATUM = re.compile(rf"^[+-]?\d+([.,]\d+)?$|^https?://|{roles.EXTENSIONS}(#\d+)?$", re.I)
REASONS = {
    "TOO MANY COLUMNS": "row has more cells than there are columns",
    "MISSING COLUMNS": "row has fewer cells than there are columns",
    UNCLOSED: "quote that is never closed",
    "INVALID ENCODING": "row is not UTF-8",
    "LINE SIZE OVER MAXIMUM": "row is too long",
}


@dataclass(frozen=True)
class Dialect:
    """How a text table is written; `quote` is empty where quotes mean nothing, `trim` where cells are padded;
    `skip` lines stand before the table."""

    delimiter: str
    quote: str
    escape: str
    header: bool
    names: tuple[str, ...]
    trim: bool = False
    skip: int = 0


def sniff(sample: str, suffix: str, options: Options) -> Dialect:
    """The dialect of a table that begins with `sample`. Raises InputError for an empty one."""
    lines = sample.splitlines()[:2000]
    if not any(line.strip() for line in lines):
        raise InputError("it is empty")
    skip, declared = _before(lines)
    lines = lines[skip:]
    delimiter = options.delimiter or declared or _delimiter(lines, suffix)
    quote = '"' if delimiter not in "\t|" or _quoted(lines, delimiter) else ""
    quote = "'" if _singly_quoted(lines[:200], delimiter, quote) else quote
    escape = "\\" if quote and f"\\{quote}" in sample and quote * 2 not in sample else quote
    first = _cells(lines[:50], delimiter, quote)[0]
    header = options.header if options.header is not None else _header(first, options)
    trim = header and any(cell != cell.strip() for cell in first)
    return Dialect(delimiter, quote, escape, header, unique(first if header else [""] * len(first)), trim, skip)


def _before(lines: Sequence[str]) -> tuple[int, str]:
    """How many lines stand before the table (empty ones, comments, Excel's `sep=;`), and the delimiter that one declares."""
    declared = ""
    for number, line in enumerate(lines):
        if match := re.fullmatch(r'"?sep=(.)"?', line.strip(), re.I):
            declared = match[1]
        elif line.strip() and not (
            line.startswith("#") and _names(line) == 0 and any(map(_names, lines[number:][:20]))
        ):
            return number, declared
    return 0, declared


def _names(line: str) -> int:
    """How many known names of columns a line has, whatever separates them."""
    return max(roles.known(_cells([line], delimiter, '"')[0]) for delimiter in DELIMITERS)


def unique(cells: Sequence[str]) -> tuple[str, ...]:
    """Names of columns; an empty one gets a number, one that repeats too."""
    names: list[str] = []
    for number, cell in enumerate(cells):
        name, again = cell.strip() or f"column{number}", 1
        while name in names:
            again += 1
            name = f"{cell.strip() or 'column'}_{again}"
        names.append(name)
    return tuple(names)


def _cells(lines: Sequence[str], delimiter: str, quote: str) -> list[list[str]]:
    try:
        rows = list(
            csv.reader(
                lines,
                delimiter=delimiter,
                quotechar=quote or '"',
                quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            )
        )
    except csv.Error:
        rows = [line.split(delimiter) for line in lines]
    return [row for row in rows if row] or [[""]]


def _delimiter(lines: Sequence[str], suffix: str) -> str:
    def score(delimiter: str) -> tuple[int, float, bool]:
        rows = _cells(lines[:200], delimiter, '"' if delimiter not in "\t|" else "")
        width = len(rows[0])
        even = sum(len(row) == width for row in rows) / len(rows) if width > 1 else 0.0
        return (roles.known(rows[0]) if width > 1 else 0), round(even, 2), delimiter == "\t" and suffix == ".tsv"

    return max(DELIMITERS, key=score)


def _quoted(lines: Sequence[str], delimiter: str) -> bool:
    """Whether quotes enclose cells: every cell that begins with one is closed, and some need it."""
    needed = False
    for line in lines:
        for cell in line.split(delimiter):
            if not cell.startswith('"'):
                continue
            inner = cell[1:-1]
            if len(cell) < 2 or not cell.endswith('"') or '"' in inner.replace('""', ""):
                return False
            needed = needed or '""' in inner
    return needed or (bool(lines[0]) and all(len(c) > 1 and c[0] == c[-1] == '"' for c in lines[0].split(delimiter)))


def _singly_quoted(lines: Sequence[str], delimiter: str, quote: str) -> bool:
    """Whether single quotes enclose cells: with them all rows have as many cells as the first, and without them not."""
    if not any(line.startswith("'") or f"{delimiter}'" in line for line in lines):
        return False
    single, other = ({len(row) for row in _cells(lines, delimiter, one)} for one in ("'", quote))
    return len(single) == 1 and single != {1} and len(other) > 1


def _header(first: Sequence[str], options: Options) -> bool:
    """Whether the first row names columns: known or given names, or nothing that looks like a value."""
    named = {roles.plain(name) for name in options.named.values()}
    if roles.known(first) or named & {roles.plain(cell) for cell in first}:
        return not any(_DATUM.search(cell.strip()) for cell in first)
    filled = [cell.strip() for cell in first if cell.strip()]
    return len(set(filled)) == len(filled) and not any(_DATUM.search(c) or len(c.split()) > 3 for c in filled)


class TextTable(CellTable):
    """The rows of one text table, cells as text; empty cells are null."""

    def __init__(self, staged: Staged, options: Options, room: Room) -> None:
        super().__init__(room)
        self._staged = staged
        sample = staged.sample(SAMPLE)
        self.dialect = sniff(sample, staged.suffix, options)
        named = {roles.plain(name) for name in options.named.values()}
        self._places = [
            place
            for place, name in enumerate(self.dialect.names)
            if place < MOST_COLUMNS or roles.known([name]) or roles.plain(name) in named
        ]
        self.schema = pa.schema([(self.dialect.names[place], pa.utf8()) for place in self._places])
        self.count = 0
        self.decimal_commas = self.dialect.delimiter != ","
        self.named = self.dialect.header
        self.rejected: list[tuple[str, str]] = []
        line_ends = set(re.findall(r"\r\n|\r|\n", sample))
        if len(line_ends) > 1 and not self._readable(sample):
            staged.even_lines()
        more = len(self.dialect.names) - len(self._places)
        self.note = staged.note or (f"{more:,} columns after the first {MOST_COLUMNS:,} are left out" if more else "")

    def _readable(self, sample: str) -> bool:
        import duckdb

        try:
            with connect() as database:
                database.sql(f"SELECT count(*) FROM {self._source(self._staged.beside(sample), start=True)}").fetchall()
        except duckdb.Error:
            return False
        return True

    def _source(self, part: str = "", *, start: bool = False) -> str:
        """The table as a DuckDB table function; or its lines in the file `part`, which may be its `start`."""
        d = self.dialect
        columns = ", ".join(f"c{number}: 'VARCHAR'" for number in range(len(d.names)))
        header, skip = (d.header, d.skip) if start or not part else (False, 0)
        return (
            f"read_csv({literal(part or self._staged.path)}, auto_detect = false, columns = {{{columns}}}, "
            f"header = {str(header).lower()}, delim = {literal(d.delimiter)}, quote = {literal(d.quote)}, "
            f"escape = {literal(d.escape)}, skip = {skip}, "
            f"compression = '{'none' if part else self._staged.compression}', store_rejects = true, "
            f"rejects_limit = 0, max_line_size = 16000000, null_padding = false)"
        )

    def _read(self, size: int, kinds: Sequence[int], most: int | None) -> Iterator[list[pa.Array]]:
        """The rows. A quote that is never closed costs its own line: the lines that it swallowed are read again, last."""
        cell = "trim(c{0}) AS c{0}" if self.dialect.trim else "c{0}"
        cells = ", ".join(cell.format(place) for place in self._places)
        asked = ", ".join(["*", *(kind(f"c{self._places[place]}") for place in kinds)])
        size = min(size, max(2048, MOST_CELLS // len(self.schema)))
        source = self._source()
        self.rejected.clear()
        if most is not None and (start := self._staged.sample(SAMPLE)).count("\n") > 2 * most + self.dialect.skip:
            source = self._source(self._staged.beside(start), start=True)
        with connect() as database:
            for again in range(ROUNDS):
                rows = database.sql(f"SELECT {asked} FROM (SELECT {cells} FROM {source}{limited(most)})")
                for batch in rows.to_arrow_reader(size):
                    yield batch.columns
                relation = database.sql(
                    f"SELECT line, error_type::VARCHAR, CASE WHEN error_type::VARCHAR = {literal(UNCLOSED)} "
                    "THEN csv_line END FROM reject_errors ORDER BY line, error_type"
                ).fetchall()
                database.execute("DROP TABLE reject_errors; DROP TABLE reject_scans")
                lines = {line: REASONS.get(why, f"row can't be read ({why.lower()})") for line, why, _ in relation}
                self.rejected += [(f"line {line}" if not again else "", why) for line, why in lines.items()]
                rest = [line for _, why, text in relation if why == UNCLOSED for line in text.splitlines()[1:]]
                if not rest:
                    return
                source = self._source(self._staged.beside("\n".join([*rest, ""])))

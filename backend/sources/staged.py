"""Staged files: a text file, wherever it lies and however it is encoded, as DuckDB can read it: local and UTF-8."""

import codecs
import lzma
import re
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from .npz import Damaged

if TYPE_CHECKING:
    import duckdb

DECOMPRESSED = {".gz": "gzip", ".zst": "zstd"}  # what DuckDB reads by itself
OTHERS = (".bz2", ".xz")
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
MAGIC = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst", b"BZh": ".bz2", b"\xfd7zXZ\x00": ".xz"}
LFS = b"version https://git-lfs"
NO_TABLE = {  # how files begin that are no tables, whatever their names
    LFS: "it is a pointer of Git LFS and not the file; fetch it with `git lfs pull`",
    b"PK\x03\x04": "it is a zip archive or a spreadsheet; unpack it, or save it as CSV",
    b"<!doctype html": "it is an HTML page, as servers send in the place of a file; download it again",
    b"<html": "it is an HTML page, as servers send in the place of a file; download it again",
}
CHUNK = 1 << 20
BROKEN = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
"""What opening and decompressing a damaged file raise; a file cut short raises EOFError, which the command line takes for
the end of what somebody types."""


def connect() -> "duckdb.DuckDBPyConnection":
    """A DuckDB in memory that keeps to 1 GiB, prints nothing and loads nothing from the network; closed by `with`."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": "1GB", "autoinstall_known_extensions": False, "autoload_known_extensions": False,
    }  # fmt: skip
    database = duckdb.connect(config=settings)
    database.execute("SET enable_progress_bar = false")
    return database


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def limited(most: int | None) -> str:
    """The end of a query for the first `most` rows, or for all."""
    return "" if most is None else f" LIMIT {most}"


def suffixes(path: str) -> tuple[str, str]:
    """`(".csv", ".gz")` of `x.csv.gz`; the second is empty for a file that isn't compressed."""
    name = Path(path.split("?")[0] if "://" in path else path).name.lower()
    stem, dot, last = name.rpartition(".")
    if f".{last}" in (*DECOMPRESSED, *OTHERS) and dot:
        return Path(stem).suffix, f".{last}"
    return Path(name).suffix, ""


def _packing(source: str) -> str:
    """The suffix that a compressed file without one should have, by its first bytes."""
    import fsspec

    try:
        with fsspec.open(source, "rb").open() as handle:
            start = handle.read(6)
    except (OSError, ImportError, ValueError):
        return ""  # told when it is read
    return next((suffix for magic, suffix in MAGIC.items() if start.startswith(magic)), "")


class Staged:
    """A file as `path` of UTF-8 text, compressed by `compression`; the copy, if one is needed, goes with the object."""

    def __init__(self, source: str, encoding: str | None = None) -> None:
        self.suffix, packed = suffixes(source)
        self._source, self._packed = source, packed or _packing(source)
        packed = self._packed
        self.note = ""
        self._room = tempfile.TemporaryDirectory(prefix="poolscope-")
        self.compression = DECOMPRESSED.get(packed, "none")
        self.encoding = encoding or self._guess()
        link = Path(self._room.name) / "rows"  # a name without the letters that DuckDB takes for a pattern
        plain = codecs.lookup(self.encoding).name in ("utf-8", "ascii")
        if "://" not in source and plain and packed not in OTHERS:
            link.symlink_to(Path(source).resolve())
        else:
            self._copy(link)
            self.compression = "none"
        self.path = str(link)

    def _guess(self) -> str:
        with self.open() as handle:
            start = handle.read(CHUNK)
        for mark, name in BOMS:
            if start.startswith(mark):
                return name if name != "utf-8-sig" else "utf-8"
        for place, name in ((1, "utf-16-le"), (0, "utf-16-be")):
            if len(start) > 8 and start[place:200:2].count(0) > 0.8 * len(start[place:200:2]):
                return name
        try:
            codecs.getincrementaldecoder("utf-8")().decode(start)
        except UnicodeDecodeError as error:
            line = start[start.rfind(b"\n", 0, error.start) + 1 : start.find(b"\n", error.start)]
            several = start.decode("utf-8", "replace").count("\ufffd") > 0.001 * len(start) or len(start) < 4096
            valid_elsewhere = any(byte > 127 for byte in start.replace(line, b"")) and _valid(start.replace(line, b""))
            if several and not valid_elsewhere:
                if not _western(start):
                    raise Damaged(
                        "it is neither UTF-8 nor Western text; name its --encoding, such as gb18030, shift_jis or cp1251"
                    ) from None
                self.note = "not UTF-8, read as Windows-1252 (--encoding names another)"
                return "cp1252"
        return "utf-8"

    def open(self) -> BinaryIO:
        """The bytes, decompressed. Raises Damaged."""
        import fsspec

        kinds = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}
        try:
            if self._packed == ".zst":
                import pyarrow as pa

                raw = fsspec.open(self._source, "rb").open()
                return cast(BinaryIO, pa.CompressedInputStream(pa.PythonFile(raw), "zstd"))
            return cast(BinaryIO, fsspec.open(self._source, "rb", compression=kinds.get(self._packed)).open())
        except (OSError, ImportError, ValueError) as error:
            raise Damaged(f"it can't be opened: {error}") from None

    def beside(self, text: str) -> str:
        """A file of `text` that goes with the object; there is one at a time."""
        path = Path(self._room.name) / "rest"
        path.write_text(text, encoding="utf-8", newline="")
        return str(path)

    def even_lines(self) -> None:
        """Ends all lines alike, in a copy: DuckDB refuses a file whose lines end in several ways."""
        path = Path(self._room.name) / "even"
        with self.open() if self.compression != "none" else open(self.path, "rb") as handle, path.open("wb") as out:
            rest = b""
            while chunk := handle.read(CHUNK):
                chunk = rest + chunk
                rest = chunk[-1:] if chunk.endswith(b"\r") else b""
                out.write(chunk[: len(chunk) - len(rest)].replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
            out.write(b"\n" if rest else b"")
        self.path, self.compression = str(path), "none"

    def small(self, most: int) -> bool:
        """Whether the text is known to take at most so many bytes."""
        return self.compression == "none" and Path(self.path).stat().st_size <= most

    def sample(self, size: int) -> str:
        """The first `size` bytes of the text, whole lines unless there is but one."""
        with open(self.path, "rb") if self.compression == "none" else self.open() as handle:
            start = handle.read(size)
        if len(start) == size and b"\n" in start:
            start = start[: start.rfind(b"\n") + 1]
        return start.decode("utf-8-sig", "replace")

    def _copy(self, target: Path) -> None:
        try:
            with self.open() as handle, target.open("wb") as out:
                if self.encoding == "utf-8":
                    shutil.copyfileobj(handle, out, CHUNK)
                    return
                decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
                while chunk := handle.read(CHUNK):
                    out.write(decoder.decode(chunk).encode("utf-8", "replace"))
                out.write(decoder.decode(b"", final=True).encode("utf-8", "replace"))
        except BROKEN as error:
            raise Damaged(f"it can't be read: {error}") from None


def _western(content: bytes) -> bool:
    """Whether bytes beyond ASCII can be the accented letters and quotes of Windows-1252: few stand in a row, and few are
    control characters elsewhere, as bytes of East Asian text and of a Mac's are."""
    runs = re.findall(rb"[\x80-\xff]+", content)
    beyond = sum(map(len, runs))
    long = sum(len(run) for run in runs if len(run) > 2)
    odd = len(re.findall(rb"[\x81-\x84\x86-\x90\x98\x9a-\x9f]", content))
    return 2 * long <= beyond and 2 * odd <= beyond


def _valid(content: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        return False
    return True

"""Feature files: the members of an .npz, checked by their headers and read in blocks of rows, never whole."""

import io
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

WIDEST = 16_384
_HEADER = 4096
_LOCAL = struct.Struct("<26xHH")
_PARSING = threading.Lock()  # Python 3.11 parses literals on one thread at a time (its gh-106905)
UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)


class Damaged(Exception):
    """A file that can't be used, and why; the import reports it and goes on."""


@dataclass(frozen=True)
class Member:
    """One array of an .npz: `(rows, dim)` numbers from byte `header` of the member on."""

    name: str
    rows: int
    dim: int
    dtype: np.dtype
    header: int


def names(handle: BinaryIO) -> list[str]:
    """The keys of an .npz. Raises Damaged."""
    try:
        with zipfile.ZipFile(handle) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except UNREADABLE as error:
        raise Damaged(f"features can't be read: {error}") from None


def both_sides(keys: Sequence[str]) -> list[str]:
    """The families that have image and text features: `l14` for `l14_img` and `l14_txt`."""
    return [
        key.removesuffix("_img") for key in keys if key.endswith("_img") and f"{key.removesuffix('_img')}_txt" in keys
    ]


def members(handle: BinaryIO, wanted: Sequence[str]) -> dict[str, Member]:
    """The arrays `wanted` of an .npz. Nothing is unpickled and no array is loaded.

    Raises Damaged for a file that is no archive, a missing key, and an array that is not `(rows, dim)` of floating
    numbers in C order with as many bytes as its header announces.
    """
    by_name: dict[str, Member] = {}
    try:
        with zipfile.ZipFile(handle) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            for name in wanted:
                if name not in entries:
                    raise Damaged(f"features hold no {name!r} but {', '.join(sorted(entries)[:8]) or 'nothing'}")
                with archive.open(entries[name]) as stream:
                    by_name[name] = _member(name, entries[name], stream.read(_HEADER))
    except UNREADABLE as error:
        raise Damaged(f"features can't be read: {error}") from None
    return by_name


def _member(name: str, entry: zipfile.ZipInfo, start: bytes) -> Member:
    stream = io.BytesIO(start)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with _PARSING:
        shape, fortran, dtype = read(stream, max_header_size=_HEADER)
    if dtype.hasobject or dtype.kind != "f":
        raise Damaged(f"features {name!r} hold {dtype}, not numbers")
    if len(shape) != 2 or fortran or not 0 < shape[1] <= WIDEST:
        raise Damaged(f"features {name!r} have the shape {shape}{' in Fortran order' if fortran else ''}")
    if entry.file_size != stream.tell() + shape[0] * shape[1] * dtype.itemsize:
        raise Damaged(f"features {name!r} are cut off: {entry.file_size:,} bytes for {shape[0]:,} x {shape[1]}")
    return Member(name, shape[0], shape[1], dtype, stream.tell())


class Rows:
    """The rows of one member, in order: `read(count)` gives the next ones as `(count, dim)` float16.

    A stored member is read straight from the file; its checksum is computed on the way, and compared at the end.
    Raises Damaged for a wrong checksum or an early end.
    """

    def __init__(self, opener: Callable[[], BinaryIO], member: Member) -> None:
        self.member = member
        self._handle = opener()
        self._archive = zipfile.ZipFile(self._handle)
        self._entry = self._archive.getinfo(f"{member.name}.npy")
        self._left = member.rows
        self._stream: Any
        if self._entry.compress_type == zipfile.ZIP_STORED:
            self._handle.seek(self._entry.header_offset)
            name, extra = _LOCAL.unpack(self._handle.read(_LOCAL.size))
            self._handle.seek(name + extra, io.SEEK_CUR)
            self._stream = self._handle
        else:
            self._stream = self._archive.open(self._entry)
        self._sum = zlib.crc32(self._take(member.header), 0)

    def read(self, count: int) -> np.ndarray:
        """The next `count` rows."""
        kind = self.member.dtype
        # Arrow's pool reuses what Lance has written out; fresh pages from the system cost a fifth of the import
        held = pa.allocate_buffer(count * self.member.dim * kind.itemsize)
        block = np.frombuffer(held, dtype=kind).reshape(count, self.member.dim)
        view = block.data.cast("B")
        filled = 0
        try:
            while filled < len(view):
                got = self._stream.readinto(view[filled:])
                if not got:
                    raise Damaged(f"features {self.member.name!r} end early")
                filled += got
        except UNREADABLE as error:
            raise Damaged(f"features {self.member.name!r}: {error}") from None
        self._sum = zlib.crc32(view, self._sum)
        self._left -= count
        if self._left == 0 and self._sum != self._entry.CRC:
            raise Damaged(f"features {self.member.name!r} have a wrong checksum")
        return block if block.dtype == np.float16 else block.astype(np.float16)

    def _take(self, count: int) -> bytes:
        content = self._stream.read(count)
        if len(content) != count:
            raise Damaged(f"features {self.member.name!r} end early")
        return content

    def close(self) -> None:
        self._archive.close()
        self._handle.close()

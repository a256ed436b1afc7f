"""Tar writer for shards: USTAR headers as DataComp's tools write them, the same bytes for the same samples."""

from pathlib import Path
from typing import BinaryIO

BLOCK = 512
RECORD = 10_240


class TarWriter:
    """Writes members one after another; deterministic: no times, owner `bigdata`, mode 0444."""

    def __init__(self, path: Path) -> None:
        self._handle: BinaryIO = path.open("wb")
        self._written = 0

    def __enter__(self) -> "TarWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            end = self._written + 2 * BLOCK
            self._handle.write(bytes(2 * BLOCK + -end % RECORD))
        self._handle.close()

    def add(self, name: str, content: bytes | memoryview) -> None:
        """Adds a file. `name` is ASCII of at most 100 characters."""
        header = bytearray(_EMPTY)
        raw = name.encode("ascii")
        if len(raw) > 100:
            raise ValueError(f"{name!r} is too long for a tar header")
        header[: len(raw)] = raw
        header[124:136] = b"%011o\0" % len(content)
        header[148:156] = b"%06o\0 " % (sum(header) + 8 * 32)
        self._handle.write(header)
        self._handle.write(content)
        padding = -len(content) % BLOCK
        self._handle.write(bytes(padding))
        self._written += BLOCK + len(content) + padding


def _empty() -> bytes:
    header = bytearray(BLOCK)
    header[100:108] = b"0000444\0"
    header[108:116] = header[116:124] = b"0000000\0"
    header[136:148] = b"00000000000\0"
    header[156] = ord("0")
    header[257:265] = b"ustar\x0000"
    header[265:272] = header[297:304] = b"bigdata"
    return bytes(header)


_EMPTY = _empty()

"""Tars by their headers: where each sample and its members lie, without extracting or trusting anything."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

BLOCK = 512
PICTURES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff")
LONGEST_NAME = 65_536
MOST_MEMBERS = 64
_EXTENSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)

ReadAt = Callable[[int, int], bytes]


class BrokenTar(Exception):
    """The tar can't be read on from here, and why."""


@dataclass(frozen=True)
class Member:
    """One file of a sample: its extension in lower case, where its bytes begin, and how many there are."""

    extension: str
    offset: int
    size: int


@dataclass
class Sample:
    """The members that share a key; `start` to `stop` is the whole of it in the tar, headers included."""

    key: str
    start: int
    stop: int = 0
    members: list[Member] = field(default_factory=list)
    problem: str = ""

    def picture(self) -> Member | None:
        return next((member for member in self.members if member.extension in PICTURES), None)

    def part(self, extension: str) -> Member | None:
        return next((member for member in self.members if member.extension == extension), None)


def samples(read_at: ReadAt, length: int, *, start: int = 0) -> Iterator[Sample]:
    """The samples from byte `start` to `length`, in order; one with a link, a device or an odd name has a `problem`.

    Reads headers only. Raises BrokenTar, after the last whole sample, for a wrong checksum or a member that ends
    after the tar does.
    """
    place = begin = start
    name: str | None = None
    sample: Sample | None = None
    try:
        while place + BLOCK <= length:
            header = read_at(place, BLOCK)
            if len(header) < BLOCK or not any(header):
                break
            kind, size, plain = _parse(header, place)
            body = place + BLOCK
            after = body + -(-size // BLOCK) * BLOCK
            if kind in b"LxKgX":
                if size > LONGEST_NAME:
                    raise BrokenTar(f"a header of {size:,} bytes at byte {place:,}")
                name = _longer_name(kind, read_at(body, size)) or name
                place = after
                continue
            if body + size > length:
                raise BrokenTar(f"member {(name or plain)[:80]!r} at byte {place:,} ends after the tar")
            key, extension = _split(name or plain)
            if sample is None or key != sample.key:
                if sample is not None:
                    yield sample
                sample = Sample(key, begin)
            sample.stop = after
            if kind == ord("5"):
                sample.problem = sample.problem or "directory"
            elif kind not in b"0\0":
                sample.problem = "tar member is not a regular file"
            elif not _EXTENSION.fullmatch(extension) or len(sample.members) >= MOST_MEMBERS:
                sample.problem = "tar member has no usable extension"
            else:
                sample.members.append(Member(extension, body, size))
            name, place, begin = None, after, after
    except BrokenTar:
        if sample is not None:
            yield sample
        raise
    if sample is not None:
        yield sample


def local_reader(descriptor: int) -> ReadAt:
    return lambda offset, size: os.pread(descriptor, size, offset)


def bytes_reader(content: bytes) -> ReadAt:
    return lambda offset, size: content[offset : offset + size]


def _parse(header: bytes, place: int) -> tuple[int, int, str]:
    """Type, size and name of a header. Raises BrokenTar if its checksum is wrong."""
    try:
        expected = int(header[148:156].strip(b" \0") or b"0", 8)
        raw = header[124:136]
        size = int.from_bytes(raw[1:], "big") if raw[0] & 0x80 else int(raw.strip(b" \0") or b"0", 8)
    except ValueError:
        raise BrokenTar(f"no tar header at byte {place:,}") from None
    if expected != sum(header) - sum(header[148:156]) + 256 or size < 0:
        raise BrokenTar(f"no tar header at byte {place:,}")
    name = header[:100].split(b"\0", 1)[0]
    if header[257:263] == b"ustar\0" and header[345]:
        name = header[345:500].split(b"\0", 1)[0] + b"/" + name
    return header[156], size, name.decode(errors="replace")


def _longer_name(kind: int, content: bytes) -> str | None:
    """The name that a GNU or PAX header gives the next member."""
    if kind == ord("L"):
        return content.rstrip(b"\0").decode(errors="replace")
    while kind == ord("x") and content:
        digits, _, rest = content.partition(b" ")
        if not digits.isdigit() or not 0 < int(digits) <= len(content):
            return None
        key, _, value = rest[: int(digits) - len(digits) - 2].partition(b"=")
        if key == b"path":
            return value.decode(errors="replace")
        content = content[int(digits) :]
    return None


def _split(name: str) -> tuple[str, str]:
    folder, _, last = name.rpartition("/")
    stem, _, extension = last.partition(".")
    return f"{folder}/{stem}" if folder else stem, extension.lower()

"""Tars by their headers: where each sample and its members lie, without extracting or trusting anything."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

BLOCK = 512
IMAGES = (
    "jpg", "jpeg", "jpe", "jfif", "pjpeg", "png", "apng", "webp", "gif", "bmp", "dib", "tif", "tiff", "avif", "jp2",
    "j2k", "ppm", "pgm", "pnm",
)  # fmt: skip
LONGEST_NAME = 65_536
MOST_MEMBERS = 64
NAMELESS = "tar member has no usable extension"
_EXTENSION = re.compile(r"[a-z0-9_][a-z0-9._-]{0,39}", re.ASCII)

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

    def image(self) -> Member | None:
        return self.named(IMAGES)

    def part(self, extension: str) -> Member | None:
        return self.named((extension,))

    def named(self, extensions: Sequence[str]) -> Member | None:
        """The first member with one of `extensions`; else, if there is just one, the member that ends in one
        (`input.jpg` for `jpg`)."""
        exact = next((member for member in self.members if member.extension in extensions), None)
        if exact:
            return exact
        ending = [member for member in self.members if member.extension.rpartition(".")[2] in extensions]
        return ending[0] if len(ending) == 1 else None

    def belongs(self, extension: str) -> bool:
        """Whether a further member of this key is part of this sample.

        It isn't if its extension is here already (the key stands twice), nor if the dot that ended the key was part of
        a name: `v1.2-a.jpg` and `v1.2-a.txt` are a sample, and `v1.2-b.jpg` begins the next.
        """
        if any(member.extension == extension for member in self.members):
            return False
        prefixes = {member.extension.rpartition(".")[0] for member in self.members}
        if len(prefixes) != 1 or "" in prefixes or extension.rpartition(".")[0] in prefixes:
            return True
        return self.image() is None or not (self.part("txt") or self.part("json"))


def samples(read_at: ReadAt, length: int, *, start: int = 0) -> Iterator[Sample]:
    """The samples from byte `start` to `length`, in order; one with a link, a device or odd names only has a `problem`.

    Reads headers only. Hidden files (a Mac's `._name`, `.DS_Store`) are left out. Raises BrokenTar, after the last whole
    sample, for a wrong checksum or a member that ends after the tar does.
    """
    sample: Sample | None = None
    try:
        for entry in _entries(read_at, length, start):
            if _hidden(entry.name):
                continue
            key, extension = _split(entry.name)
            if sample is None or key != sample.key or not sample.belongs(extension):
                if sample is not None:
                    yield sample
                sample = Sample(key, entry.start)
            sample.stop = entry.stop
            _add(sample, entry, extension)
    except BrokenTar:
        if sample is not None:
            yield sample
        raise
    if sample is not None:
        yield sample


def _add(sample: Sample, entry: "_Entry", extension: str) -> None:
    if entry.kind == ord("5"):
        sample.problem = sample.problem or "directory"
    elif entry.kind not in b"0\0":
        sample.problem = "tar member is not a regular file"
    elif _EXTENSION.fullmatch(extension) and len(sample.members) < MOST_MEMBERS:
        sample.members.append(Member(extension, entry.offset, entry.size))
        if sample.problem in ("directory", NAMELESS):
            sample.problem = ""
    elif not sample.members:
        sample.problem = sample.problem or NAMELESS


@dataclass(frozen=True)
class _Entry:
    """One member: its headers begin at `start`, its bytes at `offset`, the next member at `stop`."""

    name: str
    kind: int
    start: int
    offset: int
    size: int
    stop: int


def _entries(read_at: ReadAt, length: int, start: int) -> Iterator[_Entry]:
    place = begin = start
    name: str | None = None
    while place + BLOCK <= length:
        header = read_at(place, BLOCK)
        if len(header) < BLOCK or not any(header):
            return
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
        yield _Entry(name or plain, kind, begin, body, size, after)
        name, place, begin = None, after, after


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


def _hidden(name: str) -> bool:
    folder, _, last = name.rstrip("/").rpartition("/")
    return (last.startswith(".") and last != ".") or "__MACOSX" in folder.split("/") or last == "__MACOSX"


def _split(name: str) -> tuple[str, str]:
    """Key and extension: the extension begins at the first dot, or at the last if the rest is no extension."""
    folder, _, last = name.rpartition("/")
    stem, _, extension = last.partition(".")
    if extension and not _EXTENSION.fullmatch(extension.lower()):
        stem, _, extension = last.rpartition(".")
    return f"{folder}/{stem}" if folder else stem, extension.lower()

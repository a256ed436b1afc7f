"""Survey: a first look over shards, headers and JSON only, so that an import knows its columns and refuses what can't be."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
from ..pool.tar import BrokenTar, ReadAt, samples
from ..progress import Progress, silent
from . import fields, members
from .fields import Kinds
from .members import Keys
from .remote import open_binary
from .staged import LFS
from .tars import reading

COMPRESSED = {
    b"\x1f\x8b": ("gzip", "gzip -dc"),
    b"BZh": ("bzip2", "bzip2 -dc"),
    b"\xfd7zXZ\0": ("xz", "xz -dc"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -dc"),
    b"\x04\x22\x4d\x18": ("lz4", "lz4 -dc"),
}


@dataclass
class Survey:
    """What shards hold: `whole` samples have an image and something that may be a caption."""

    whole: int = 0
    lacking: Counter[str] = field(default_factory=Counter)
    extensions: Counter[str] = field(default_factory=Counter)
    kinds: Kinds = field(default_factory=Kinds)
    ids: bool = False
    images: bool = False


def survey(shards: Sequence[str], keys: Keys, progress: Progress = silent) -> Survey:
    """Looks over all shards. Raises InputError for a compressed or an unsorted one, naming the command that mends it,
    and if no sample has both an image and a caption."""
    result = Survey()
    for shard in shards:
        _refuse_compressed(shard)
    for number, shard in enumerate(shards):
        progress(number, len(shards), f"looking over {shard.rsplit('/', 1)[-1]}")
        _look(shard, keys, result)
    if not result.whole:
        raise InputError(_nothing(shards, result))
    return result


def _nothing(shards: Sequence[str], result: Survey) -> str:
    why = ", ".join(f"{why}: {count:,}" for why, count in result.lacking.most_common(3)) or "there are no files in it"
    if not result.extensions:
        return f"no pair could be imported from {shards[0]!r} ({why}); give tars of images with captions."
    named = ", ".join(f".{name} ({count:,})" for name, count in result.extensions.most_common(8))
    return (
        f"no pair could be imported: no sample has an image and a caption of the same name ({why}); the files in the shards "
        f"end in {named}. Name the right ones with --image-key and --caption-key."
    )


def _look(shard: str, keys: Keys, result: Survey) -> None:
    seen: dict[int, bool] = {}
    split = whole = 0
    try:
        with reading(shard) as (read_at, length):
            for sample in samples(read_at, length):
                if sample.problem:
                    result.lacking.update([sample.problem] if sample.problem != "directory" else [])
                    continue
                result.extensions.update(member.extension for member in sample.members)
                parts = members.find(sample, read_at, keys)
                number = hash(sample.key)
                if parts.whole:
                    whole += 1
                    _fields(parts, read_at, keys, result)
                else:
                    result.lacking["no image" if parts.image is None else "no caption"] += 1
                    split += seen.get(number) is False
                seen[number] = seen.get(number, False) or parts.whole
    except (BrokenTar, OSError, ValueError):
        result.lacking["tar is damaged or truncated"] += 1
    if split > whole // 100:
        raise InputError(_unsorted(shard, split))
    result.whole += whole


def _fields(parts: members.Found, read_at: ReadAt, keys: Keys, result: Survey) -> None:
    about = members.about(parts, read_at)
    if not isinstance(about, dict) or not about:
        return
    texts = members.captions(parts, about, read_at, keys)
    if isinstance(texts, tuple):
        identity = fields.identity(about)
        result.ids |= identity.id is not None
        result.images |= len(texts[0]) > 1 or identity.image is not None
        result.kinds.add(fields.extras(about, texts[1], texts[0][0]))


def _refuse_compressed(shard: str) -> None:
    try:
        with open_binary(shard) as handle:
            head = handle.read(6)
    except OSError as error:
        raise InputError(
            f"{shard!r} can't be read: {error.strerror or error}; check the path and its rights."
        ) from None
    for start, (name, command) in COMPRESSED.items():
        if head.startswith(start):
            plain = _beside(shard, ".tar")
            raise InputError(
                f"{shard!r} is compressed ({name}), and images are read from their place in a plain tar: decompress it "
                f"with `{command} {shlex.quote(shard)} > {shlex.quote(plain)}` and import that."
            )
    if LFS.startswith(head) and head:
        raise InputError(f"{shard!r} is a pointer of Git LFS and not the file; fetch it with `git lfs pull`.")
    if head.startswith(b"PK\x03\x04"):
        raise InputError(
            f"{shard!r} is a zip and no tar; unpack it and make a tar, which needs no compression: `unzip -d files "
            f"{shlex.quote(shard)} && tar --sort=name -cf {shlex.quote(_beside(shard, '.tar'))} -C files .`"
        )


def _unsorted(shard: str, split: int) -> str:
    source, target = shlex.quote(shard), shlex.quote(_beside(shard, "-sorted.tar"))
    return (
        f"{shard!r} is not sorted: the files of {split:,} samples don't stand together, so they can't be paired in one "
        f"pass; sort it with `mkdir files && tar -xf {source} -C files && tar --sort=name -cf {target} -C files .`"
    )


def _beside(shard: str, ending: str) -> str:
    """A name for what is made of a shard, in the working directory: never the shard's own."""
    name = Path(shard.rsplit("/", 1)[-1])
    stem = name.name.split(".tar")[0] if ".tar" in name.name[1:] else name.stem
    target = f"{stem}{ending}"
    return f"{stem}-plain.tar" if target == name.name else target

"""Samples of a plan, read from the tars where they lie, one seek each; for resharding and for training in place."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from ..pool import Pool
from ..pool.decoding import extension, fitting
from ..pool.images import LARGEST_FILE
from ..pool.tar import BrokenTar, Member, ReadAt, bytes_reader, samples
from .values import plain

Members = list[tuple[str, bytes]]


def read_samples(
    pool: Pool, entries: np.ndarray, about: Sequence[dict[str, Any]], sources: "Sources"
) -> Iterator[Members]:
    """The members of each of the plan's `entries`, with a caption file if there is a caption; none for a sample that can't
    be read.

    `about`: `uid`, `text` and what else is known of each.
    """
    loose = np.flatnonzero(entries["offset"] < 0)
    images = dict(zip(loose.tolist(), pool.images(entries["row"][loose]))) if len(loose) else {}
    for index, (entry, pair) in enumerate(zip(entries, about)):
        if entry["offset"] < 0:
            members = made_sample(pair, images[index], int(entry["copy"]))
        else:
            members = sources.sample(int(entry["tar"]), int(entry["offset"]), int(entry["size"]), pair["uid"])
        if members and pair["text"] and not any(extension == "txt" for extension, _ in members):
            members.append(("txt", pair["text"].encode()))
        yield members


def _copied(member: Member, read_at: ReadAt, is_image: bool) -> tuple[str, bytes]:
    """A member with the extension that its bytes are, for readers that choose a decoder by it."""
    content = read_at(member.offset, member.size)
    return (fitting(content, member.extension) if is_image else member.extension), content


def made_sample(pair: dict[str, Any], image: bytes | None, copy: int) -> Members:
    """The members for a pair whose image is a file of its own; none if it can't be read."""
    if image is None:
        return []
    text = pair.get("text")
    known = {name: value for name, value in pair.items() if name != "text"}
    sizes = {f"original_{side}": known.pop(side, None) for side in ("width", "height")}
    about = {name: plain(value) for name, value in known.items() if value is not None}
    about |= {name: value for name, value in sizes.items() if value is not None}
    about |= {"key": f"{pair['uid']}-{copy}", "caption": text}
    captioned = [("txt", text.encode())] if text else []
    return [(extension(image) or "jpg", image), ("json", json.dumps(about).encode()), *captioned]


class Sources:
    """The tars that samples are copied from, the last few held open."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._stack = ExitStack()
        self._open: tuple[int, ReadAt] | None = None

    def __enter__(self) -> "Sources":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def sample(self, tar: int, offset: int, size: int, uid: str) -> Members:
        """The members of one sample; none if they can't be read or belong to another uid than the index says."""
        from ..sources.tars import uid_of

        if size > LARGEST_FILE:
            return []
        try:
            content = self._reader(tar)(offset, size)
            read_at = bytes_reader(content)
            members: Iterator[Any] = samples(read_at, len(content))
            sample = next(members, None)
        except (OSError, ValueError, BrokenTar):
            return []
        if sample is None or len(content) != size or sample.problem or sample.image() is None:
            return []
        if uid_of(sample, read_at) not in (uid, None):
            return []
        return [_copied(member, read_at, member == sample.image()) for member in sample.members]

    def _reader(self, tar: int) -> ReadAt:
        from ..sources.tars import reading

        if self._open is None or self._open[0] != tar:
            self._stack.close()
            read_at, _ = self._stack.enter_context(reading(self._paths[tar]))
            self._open = (tar, read_at)
        return self._open[1]

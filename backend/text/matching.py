"""MetaCLIP's matching: which entries of a list occur in a caption as space-delimited strings."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..kernels.strings import build_table, hash_bytes, pack, utf8
from . import matching_kernel as kernel

WRAPPED = ",.;:?!`"  # the punctuation that gets a space on either side
MODES = ("exact", "relaxed", "worldwide")


def normalise(text: str) -> str:
    """A space before and after the text and each of the seven marks; tab, line feed and return become spaces.

    Nothing else: case, Unicode form, hyphens, quotes and runs of spaces stay.

    >>> normalise("New\\tYork, NY")
    ' New York ,  NY '
    """
    spaced = f" {text} "
    for mark in WRAPPED:
        spaced = spaced.replace(mark, f" {mark} ")
    return spaced.translate({9: " ", 10: " ", 13: " "})


def relax(text: str) -> str:
    """The relaxed form of a text or an entry: NFKC, the marks spaced, runs of white space as one space."""
    return " ".join(normalise(unicodedata.normalize("NFKC", text)).split())


def glued(character: str) -> bool:
    """May an entry that begins or ends with `character` touch its neighbours? True for Chinese characters, kana, Thai,
    Lao, Burmese, Khmer, Tibetan and punctuation (MetaCLIP 2's edge rule)."""
    code = ord(character)
    return (
        0x3040 <= code <= 0x30FF or 0x31F0 <= code <= 0x31FF or 0x3400 <= code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF or 0x0E00 <= code <= 0x0FFF
        or 0x1000 <= code <= 0x109F or 0x1780 <= code <= 0x17FF or unicodedata.category(character).startswith("P")
    )  # fmt: skip


def edged(entry: str) -> str:
    """What must occur in the normalised text for `entry` under the edge rule."""
    return f"{'' if glued(entry[0]) else ' '}{entry}{'' if glued(entry[-1]) else ' '}"


def unmatchable(entry: str) -> bool:
    """Can no caption match `entry` exactly? True if a mark is part of a longer word, or a tab or line end is inside."""
    return any(
        (len(word) > 1 and any(mark in word for mark in WRAPPED)) or any(gap in word for gap in "\t\n\r")
        for word in entry.split(" ")
    )


@dataclass(frozen=True, eq=False)
class Matcher:
    """A list of M entries ready to be found; an entry's id is its place in the list. Make it with `Matcher.build`.

    The rule: `" " + entry + " "` is a substring of the normalised caption. As words: the caption is cut at single
    spaces (empty words count), and the entry's words must be a contiguous part of it; so a trie over words does it.
    """

    entries: tuple[str, ...]
    mode: str
    unmatchable: int
    arrays: tuple[Any, ...]

    @classmethod
    def build(cls, entries: Iterable[str], *, mode: str = "exact") -> "Matcher":
        """InputError for an empty list, an empty entry or a repeated one.

        `exact` is MetaCLIP's rule; `relaxed` also finds entries with marks inside and ignores runs of white space and
        Unicode form; `worldwide` is exact with the edge rule, for entries of scripts that do without spaces.
        """
        listed = tuple(entries)
        _check(listed)
        words_of = [tuple((relax(entry) if mode == "relaxed" else entry).split(" ")) for entry in listed]
        edges = {i for i, entry in enumerate(listed) if mode == "worldwide" and edged(entry) != f" {entry} "}
        same = np.full(len(listed), -1, np.int32)
        vocabulary: dict[str, int] = {}
        for i, entry_words in enumerate(words_of):
            if i not in edges:
                for word in entry_words:
                    vocabulary.setdefault(word, len(vocabulary))
        words = _Trie(same, len(vocabulary))
        for i, entry_words in enumerate(words_of):
            if i not in edges:
                words.add([vocabulary[word] for word in entry_words], i)
        characters = _Trie(same, 256)
        for i in edges:
            characters.add(list(edged(listed[i]).encode()), i)
        content, ends = pack([word.encode() for word in vocabulary])
        raw, raw_ends = pack([entry.encode() for entry in listed])
        codes = np.array([hash_bytes(raw, a, b) for a, b in pairwise(raw_ends.tolist())], np.uint64)
        arrays = (
            build_table(content, ends), content, ends, *words.arrays(), *characters.arrays(), bool(edges), mode == "relaxed", same, codes,
        )  # fmt: skip
        never = 0 if mode == "relaxed" else sum(unmatchable(entry) for i, entry in enumerate(listed) if i not in edges)
        return cls(listed, mode, never, arrays)

    def match(self, captions: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """The entries of each of n captions, every entry once: `offsets` (n+1,) int64 into ascending `ids` (m,) int32."""
        return kernel.collect(*self._read(captions), self.arrays)

    def count(self, captions: pa.Array, counts: np.ndarray) -> int:
        """Adds 1 to `counts` (M,) int64 for every caption that holds the entry; returns how many captions hold any."""
        return int(kernel.add_counts(*self._read(captions), self.arrays, counts))

    def least_keys(self, captions: pa.Array, counts: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """`min over matched entries of u * counts[entry]`, (n,) float64; NaN for a caption without a match.

        draws: (n,) uint64, `hashing.draw(seed, uid)` of each caption; `u` in [0, 1) is hashed from it and the entry's
        letters, so it does not depend on the entry's place in the list.
        """
        return kernel.least_keys(*self._read(captions), self.arrays, counts, draws)

    def _read(self, captions: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        if self.mode == "relaxed":
            import pyarrow.compute as pc

            captions = pc.utf8_normalize(captions, form="NFKC")
            captions = pc.replace_substring_regex(captions, r"[\p{Z}\s]+", " ")
        return utf8(captions)


class _Trie:
    """A trie over integer symbols while it is built; the node of a first symbol has its number. `same` chains entries of
    one form."""

    def __init__(self, same: np.ndarray, symbols: int) -> None:
        self._same = same
        self._children: dict[int, int] = {}
        self._entry = [-1] * symbols

    def add(self, symbols: list[int], entry: int) -> None:
        node = symbols[0]
        for symbol in symbols[1:]:
            key = node << 32 | symbol
            child = self._children.get(key, -1)
            if child < 0:
                child = self._children[key] = len(self._entry)
                self._entry.append(-1)
            node = child
        self._same[entry] = self._entry[node]
        self._entry[node] = entry

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Nodes as (nodes, 2) int32 of entry or -1 and whether it has children, and the hash table of children with its bits."""
        nodes = np.zeros((max(1, len(self._entry)), 2), np.int32)
        nodes[: len(self._entry), 0] = self._entry
        keys = np.fromiter(self._children, np.uint64, len(self._children))
        nodes[(keys >> np.uint64(32)).astype(np.int64), 1] = 1
        return nodes, *kernel.build_children(keys, np.fromiter(self._children.values(), np.int32, len(keys)))


def _check(listed: tuple[str, ...]) -> None:
    if not listed:
        raise InputError("the list of entries is empty: give at least one entry, or metadata=wordnet.")
    seen: set[str] = set()
    for entry in listed:
        if entry in seen or not entry.strip():
            what = "twice" if entry.strip() else "and would match anything"
            raise InputError(f"the list of entries holds {entry[:40]!r} {what}: remove it.")
        seen.add(entry)

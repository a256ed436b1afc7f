"""First WordNet senses of the words of captions, compiled: NLTK's look-up at millions of words a second."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit

from ..kernels.strings import build_table, find, hash_bytes, pack, utf8
from .wordnet import ENDINGS, Wordnet, load

LONGEST = 96  # bytes of a word; longer ones, and those with too many forms, are asked in Python
FORMS = 48
MISS, HIT, ASK = 0, 1, 2


@dataclass(frozen=True, eq=False)
class SenseTable:
    """WordNet as arrays. For string i, `answers[i]` is 1 if the first synset of the word counts, and `senses[i, part]`
    what its first synset in one part of speech counts as (-1: it has none there)."""

    slots: np.ndarray
    content: np.ndarray
    ends: np.ndarray
    answers: np.ndarray
    senses: np.ndarray
    wordnet: Wordnet
    entities: frozenset[int]
    repeat: bool

    @classmethod
    def build(cls, entities: Iterable[int], *, repeat: bool = True) -> "SenseTable":
        """A table in which a first synset counts if its offset, of whatever part of speech, is in `entities`.

        Every lemma and every exception is looked up here, so that only other words are inflected while scanning.
        """
        wordnet, wanted = load(), frozenset(entities)
        irregular = dict.fromkeys(word for part in wordnet.exceptions for word in part)
        strings = list(wordnet.first) + [word for word in irregular if word not in wordnet.first]
        offsets = np.full((len(strings), 4), -1, np.int64)
        offsets[: len(wordnet.first)] = list(wordnet.first.values())
        senses = np.where(offsets < 0, offsets, np.isin(offsets, np.fromiter(wanted, np.int64, len(wanted))))
        answers = senses[:, 0].astype(np.int8)  # a noun that is no exception is found first, as it is
        for index, string in enumerate(strings):
            if answers[index] < 0 or string in irregular:
                answers[index] = wordnet.first_offset(string, repeat=repeat) in wanted
        content, ends = pack([string.encode() for string in strings])
        slots = build_table(content, ends)
        return cls(slots, content, ends, answers, senses.astype(np.int8), wordnet, wanted, repeat)

    def any_entity(self, captions: pa.Array) -> np.ndarray:
        """`(n,)` bool: does any white-space-separated word of the caption have a first synset that counts?"""
        text, ends = utf8(captions)
        hits = scan(
            text, ends, self.slots, self.content, self.ends, self.answers, self.senses, self.repeat,
            OLD, OLD_ENDS, NEW, NEW_ENDS, PART_ENDS, LAST,
        )  # fmt: skip
        for row in np.flatnonzero(hits == ASK).tolist():
            hits[row] = HIT if self._ask(captions[row].as_py()) else MISS
        return hits == HIT

    def _ask(self, caption: str) -> bool:
        return any(self.wordnet.first_offset(word, repeat=self.repeat) in self.entities for word in caption.split())


OLD, OLD_ENDS = pack([old.encode() for part in ENDINGS for old, _ in part])
NEW, NEW_ENDS = pack([new.encode() for part in ENDINGS for _, new in part])
PART_ENDS = np.cumsum([0, *(len(part) for part in ENDINGS)])
LAST = np.zeros((4, 256), np.bool_)  # may a word with this last byte have an ending replaced?
for _part, _endings in enumerate(ENDINGS):
    LAST[_part, [ord(old[-1]) for old, _ in _endings]] = True


@njit(cache=True, nogil=True, inline="always")
def space_length(text: np.ndarray, i: int, stop: int) -> int:  # pragma: no cover
    """Bytes of the white-space character at `i`, 0 if there is none: the set that `str.split` uses."""
    c = text[i]
    if c == 32 or 9 <= c <= 13 or 28 <= c <= 31:
        return 1
    if c == 0xC2 and i + 1 < stop and (text[i + 1] == 0x85 or text[i + 1] == 0xA0):
        return 2
    if c == 0xE1 and i + 2 < stop and text[i + 1] == 0x9A and text[i + 2] == 0x80:
        return 3
    if c == 0xE2 and i + 2 < stop:
        d, e = text[i + 1], text[i + 2]
        if d == 0x80 and (0x80 <= e <= 0x8A or e == 0xA8 or e == 0xA9 or e == 0xAF):
            return 3
        if d == 0x81 and e == 0x9F:
            return 3
    if c == 0xE3 and i + 2 < stop and text[i + 1] == 0x80 and text[i + 2] == 0x80:
        return 3
    return 0


@njit(cache=True, nogil=True, inline="always")
def read_word(text, i, stop, word):  # pragma: no cover
    """The word that begins at `i`, in lower case in `word`: where it ends, its bytes, and whether they are all ASCII."""
    size, plain = 0, True
    while i < stop:
        c = text[i]
        if c < 128:
            if c <= 32 and space_length(text, i, stop):
                break
            if 65 <= c <= 90:
                c += 32
        elif space_length(text, i, stop):
            break
        elif c == 0xE2 and i + 2 < stop and text[i + 1] == 0x84 and text[i + 2] == 0xAA:
            c = 107  # the Kelvin sign, the only other character whose lower case is ASCII
            i += 2
        else:
            plain = False
        if size < LONGEST:
            word[size] = c
        size += 1
        i += 1
    return i, size, plain


@njit(cache=True, nogil=True)
def scan(
    text, ends, slots, content, string_ends, answers, senses, repeat, old, old_ends, new, new_ends, part_ends, last
):  # pragma: no cover
    """Per caption MISS, HIT, or ASK (no hit, and a word that Python must look up)."""
    hits = np.zeros(len(ends) - 1, np.uint8)
    word = np.zeros(LONGEST, np.uint8)
    forms = np.zeros((2, FORMS, LONGEST + 4), np.uint8)
    lengths = np.zeros((2, FORMS), np.int64)
    for row in range(len(ends) - 1):
        i, stop = ends[row], ends[row + 1]
        while i < stop:
            gap = space_length(text, i, stop)
            if gap:
                i += gap
                continue
            i, size, plain = read_word(text, i, stop, word)
            if not plain:
                continue
            if size > LONGEST:
                hits[row] = ASK
                continue
            index = find(word, 0, size, hash_bytes(word, 0, size), slots, content, string_ends)
            if index >= 0:
                sense = answers[index]
            else:
                sense = inflected(
                    word, size, forms, lengths, slots, content, string_ends, senses, repeat,
                    old, old_ends, new, new_ends, part_ends, last,
                )  # fmt: skip
            if sense == HIT:
                hits[row] = HIT
                break
            if sense == ASK:
                hits[row] = ASK
    return hits


@njit(cache=True, nogil=True)
def inflected(
    word, size, forms, lengths, slots, content, string_ends, senses, repeat,
    old, old_ends, new, new_ends, part_ends, last,
):  # fmt: skip  # pragma: no cover
    """What the first synset of `word[:size]`, itself no lemma, counts as; MISS if it has none, ASK if in doubt."""
    for part in range(4):
        if not last[part, word[size - 1]]:
            continue
        side, count = 0, 1
        for k in range(size):
            forms[side, 0, k] = word[k]
        lengths[side, 0] = size
        while count:
            forms_made = 0
            for f in range(count):
                length = lengths[side, f]
                if length == 0 or not last[part, forms[side, f, length - 1]]:
                    continue
                for rule in range(part_ends[part], part_ends[part + 1]):
                    cut = old_ends[rule + 1] - old_ends[rule]
                    if not ends_with(forms, side, f, length, old, old_ends[rule], cut):
                        continue
                    if forms_made == FORMS:
                        return ASK
                    total = length - cut
                    for k in range(total):
                        forms[1 - side, forms_made, k] = forms[side, f, k]
                    for k in range(new_ends[rule], new_ends[rule + 1]):
                        forms[1 - side, forms_made, total] = new[k]
                        total += 1
                    lengths[1 - side, forms_made] = total
                    form = forms[1 - side, forms_made]
                    index = find(form, 0, total, hash_bytes(form, 0, total), slots, content, string_ends)
                    if index >= 0 and senses[index, part] >= 0:
                        return senses[index, part]
                    forms_made += 1
            side, count = 1 - side, forms_made if repeat else 0
    return MISS


@njit(cache=True, nogil=True, inline="always")
def ends_with(forms, side, f, length, old, start, cut):  # pragma: no cover
    same = length >= cut
    for k in range(cut if same else 0):
        same &= forms[side, f, length - cut + k] == old[start + k]
    return same

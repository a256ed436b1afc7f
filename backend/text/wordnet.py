"""WordNet 3.0 as shipped in assets/wordnet: first synsets with NLTK's morphology, and the names of the synsets."""

import lzma
from dataclasses import dataclass
from functools import cache

from ..paths import ASSETS

PARTS = ("n", "v", "a", "r")  # NLTK's order: noun, verb, adjective, adverb
NO_SYNSET = -1
ENDINGS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"),
        ("ches", "ch"), ("shes", "sh"), ("men", "man"), ("ies", "y"),
    ),
    (("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    (),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Wordnet:
    """`first`: lemma to the offsets of its first synset as noun, verb, adjective, adverb (-1: none).
    `exceptions`: per part of speech, form to base forms. `names`: lemmas that name a synset."""

    first: dict[str, tuple[int, int, int, int]]
    exceptions: tuple[dict[str, tuple[str, ...]], ...]
    names: frozenset[str]

    def first_offset(self, word: str, *, repeat: bool = True) -> int:
        """The offset of the first synset that NLTK finds for `word`, -1 if there is none.

        Lower-cased; noun, verb, adjective, adverb in turn; within one, an exception's form and its bases, or the form
        itself and then its endings replaced. `repeat`: endings are replaced again until a lemma turns up, as NLTK did
        up to 3.8 (DataComp pins 3.8.1); newer ones replace once.

        >>> load().first_offset("Dogs"), load().first_offset("dogss"), load().first_offset("dogss", repeat=False)
        (2084071, 2084071, -1)
        """
        form = word.lower()
        for part in range(4):
            offset = self._in_part(form, part, repeat)
            if offset != NO_SYNSET:
                return offset
        return NO_SYNSET

    def _in_part(self, form: str, part: int, repeat: bool) -> int:
        listed = self.exceptions[part].get(form)
        forms = [form, *(listed if listed is not None else _replaced([form], part))]
        while forms:
            for candidate in forms:
                offset = self.first.get(candidate, (NO_SYNSET,) * 4)[part]
                if offset != NO_SYNSET:
                    return offset
            if listed is not None or not repeat:
                break
            forms = _replaced(forms[1:] if forms[0] == form else forms, part)
        return NO_SYNSET


def _replaced(forms: list[str], part: int) -> list[str]:
    return [form[: -len(old)] + new for form in forms for old, new in ENDINGS[part] if form.endswith(old)]


@cache
def load() -> Wordnet:
    """The shipped WordNet; about 0.4 s."""
    text = lzma.decompress((ASSETS / "wordnet" / "wordnet.tsv.xz").read_bytes()).decode()
    lemmas, listed = text.split("\n\n")
    first: dict[str, tuple[int, int, int, int]] = {}
    names = []
    for line in lemmas.splitlines():
        lemma, *offsets, named = line.split("\t")
        n, v, a, r = (int(offset) if offset else NO_SYNSET for offset in offsets)
        first[lemma] = (n, v, a, r)
        if named:
            names.append(lemma)
    exceptions: tuple[dict[str, tuple[str, ...]], ...] = ({}, {}, {}, {})
    for line in listed.splitlines():
        word, part, bases = line.split("\t")
        exceptions[PARTS.index(part)][word] = tuple(bases.split(" "))
    return Wordnet(first, exceptions, frozenset(names))


def synset_names() -> list[str]:
    """MetaCLIP's WordNet entries: synset names up to their first full stop, underscores as spaces, sorted."""
    return sorted({name.split(".")[0].replace("_", " ") for name in load().names} - {""})

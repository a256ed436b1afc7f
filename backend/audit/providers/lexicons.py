"""Lexicon packs: groups by words, regular expressions and conditions, all packs in one pass over the captions."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ...pool import Pool
from ...progress import Progress
from ..group import Definition, Group
from ..lexicon import GroupWords, Pack, dump_pack
from ..provider import Provider

MATCHING = 1  # version of the way of matching


@dataclass(frozen=True)
class Lexicon(Provider):
    """One pack. `find_all` finds the groups of several packs in one pass."""

    pack: Pack
    needs = ("text",)

    @property
    def id(self) -> str:
        return f"lexicon-{self.pack.pack}"

    @property
    def families(self) -> tuple[str, ...]:
        return (self.pack.family,)

    def key(self, pool: Pool) -> dict[str, Any]:
        return {"pack": hashlib.sha256(dump_pack(self.pack).encode()).hexdigest(), "matching": MATCHING}

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        return find_all(pool, [self], progress)[0]

    def definition(self, name: str) -> Definition:
        words = self.pack.groups[name]
        return Definition(
            id=f"{self.pack.pack}.{name}",
            family=self.pack.family,
            group=name,
            title=words.title,
            method=_method(self.pack, words),
            error=" ".join(self.pack.error.split()),
            source=self.id,
            version=self.pack.version,
        )


def find_all(pool: Pool, lexicons: Sequence[Lexicon], progress: Progress) -> list[list[Group]]:
    """The groups of each lexicon, reading the captions once."""
    from ...kernels.bits import pack, words
    from ..matching import Matcher
    from ..scan import steps, text_array

    by_id = {f"{one.id}/{name}": group for one in lexicons for name, group in one.pack.groups.items()}
    bits = {key: np.zeros(words(len(pool)), dtype=np.uint64) for key in by_id}
    spoken = {key: group for key, group in by_id.items() if group.terms}
    written = [(key, pattern) for key, group in by_id.items() for pattern in group.regex]
    matcher = Matcher.build(spoken) if spoken else None
    if matcher or written:
        for start, table in steps(pool, ["text"]):
            captions = text_array(table)
            first, last = start // 64, start // 64 + words(len(captions))
            if matcher:
                for key, row in zip(matcher.groups, matcher.find(captions)):
                    bits[key][first:last] |= row
            for key, pattern in written:
                hit = pc.match_substring_regex(captions, pattern, ignore_case=True)
                bits[key][first:last] |= pack(hit.to_numpy(zero_copy_only=False))
            progress(start + len(captions), len(pool), "words in captions")
    for key, group in by_id.items():
        if group.where:
            bits[key] |= pack(pool.where(group.where))
    return [
        [
            Group(lexicon.definition(name), bits[f"{lexicon.id}/{name}"])
            for name in lexicon.pack.groups
            if bits[f"{lexicon.id}/{name}"].any()
        ]
        for lexicon in lexicons
    ]


def _method(pack: Pack, words: GroupWords) -> str:
    parts = []
    if words.terms:
        listed = sum(len(terms) for terms in words.terms.values())
        codes = ", ".join(words.terms)
        parts.append(f"{listed} terms ({codes}), {len(words.stop)} stop contexts: {pack.method}")
    if words.regex:
        parts.append(f"{len(words.regex)} regular expressions on the caption")
    if words.where:
        parts.append(f"condition {words.where}")
    return "; ".join(parts)

"""A fixed list of 98,000 words for WordNet look-ups, and the digest of what a look-up says of each."""

import hashlib
import zlib
from collections.abc import Callable

from poolscope.text.wordnet import load

ENDINGS = ("", "s", "es", "ed", "ing", "er", "est", "ies", "men", "ss", "ings", "'s", ",", "é")


def words() -> list[str]:
    """Lemmas and exceptions, some with endings that may or may not be removed, some in other cases."""
    wordnet = load()
    roots = sorted({*wordnet.first, *(word for part in wordnet.exceptions for word in part)})
    chosen = []
    for root in roots:
        draw = zlib.crc32(root.encode())
        if draw % 3 == 0:
            word = root + ENDINGS[draw // 3 % len(ENDINGS)]
            chosen.append(word.upper() if draw % 17 == 0 else word)
        if draw % 5 == 0:
            chosen.append(root[:-1] + "ies" if root.endswith("y") else root + "s")
        if draw % 29 == 0:
            chosen.append(root.replace("k", "\u212a"))
    chosen += ["dog" + "s" * count for count in range(1, 9)] + ["s" * count for count in range(1, 9)]
    return sorted({word for word in chosen if len(word.split()) == 1})


def digest(first_offset: Callable[[str], int]) -> str:
    lines = (f"{word}\t{first_offset(word)}" for word in words())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()

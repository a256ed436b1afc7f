"""A group of pairs, how it was found, and all groups of a pool together. True = belongs."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..kernels.incremental import Counter


@dataclass(frozen=True)
class Definition:
    """How a group is found.

    `id` is unique in a pool and fit for a file name; `title` says "mentions …" or "detected as …", never what people
    are; `method` and `error` say in a sentence how membership is decided and what goes wrong; `source` names the
    provider (and pack), so that the definition can be found and edited.
    """

    id: str
    family: str
    group: str
    title: str
    method: str
    error: str
    source: str
    version: int = 1

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Group:
    """A definition and its members, `(words,)` uint64 packed bits (see `bits`)."""

    definition: Definition
    bits: np.ndarray

    @classmethod
    def of(
        cls, mask: np.ndarray, id: str, family: str, group: str, title: str, *, method: str, error: str, source: str
    ) -> "Group":
        """The group of the pairs in `mask` `(n,)` bool, defined by the rest."""
        from ..kernels import bits  # numba takes a second to load

        return cls(Definition(id, family, group, title, method, error, source), bits.pack(mask))


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of one pool of `pairs`: `matrix` `(M, words)` uint64 of all that were loaded, `rows` `(G,)` int64 the rows
    of these, `sizes` `(G,)` int64. Choosing some shares matrix and counter, so that it costs nothing under a slider."""

    definitions: tuple[Definition, ...]
    matrix: np.ndarray
    rows: np.ndarray
    sizes: np.ndarray
    pairs: int
    counter: "Counter"

    @classmethod
    def of(cls, groups: Sequence[Group], pairs: int) -> "Groups":
        from ..kernels import bits, counts
        from ..kernels.incremental import Counter

        width = bits.words(pairs)
        matrix = np.stack([group.bits for group in groups]) if groups else np.empty((0, width), np.uint64)
        everything = np.full(width, np.uint64(0xFFFFFFFFFFFFFFFF))
        sizes = counts.group_counts(matrix, everything)
        names = tuple(group.definition for group in groups)
        return cls(names, matrix, np.arange(len(groups)), sizes, pairs, Counter(matrix, pairs))

    def __len__(self) -> int:
        return len(self.definitions)

    @property
    def bitmaps(self) -> np.ndarray:
        """`(G, words)` uint64; a copy unless these are all groups."""
        return self.matrix if len(self.rows) == len(self.matrix) else self.matrix[self.rows]

    def count(self, mask: np.ndarray) -> np.ndarray:
        """`(G,)` int64: pairs of each group in `mask`, `(pairs,)` bool or packed `(words,)` uint64."""
        from ..kernels import bits

        packed = mask if mask.dtype == np.uint64 else bits.pack(mask)
        return self.counter.count(packed)[self.rows]

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(definition.family for definition in self.definitions))

    def index(self, id: str) -> int:
        """The place of a group. Raises InputError naming some that exist."""
        from ..errors import InputError

        ids = [definition.id for definition in self.definitions]
        if id not in ids:
            raise InputError(f"no group {id!r}; there are {len(self)}: {', '.join(ids[:12])} …")
        return ids.index(id)

    def choose(self, families: Iterable[str] | None = None, *, minimum: int = 0) -> "Groups":
        """The groups of some families with at least `minimum` pairs. Raises InputError for an unknown family."""
        from ..errors import InputError

        wanted = set(self.families if families is None else families)
        unknown = sorted(wanted - set(self.families))
        if unknown:
            raise InputError(f"no family {unknown[0]!r}; the pool has {', '.join(self.families) or 'none'}.")
        inside = [definition.family in wanted for definition in self.definitions]
        return self.at(np.flatnonzero(np.array(inside, dtype=bool) & (self.sizes >= minimum)))

    def at(self, places: Sequence[int] | np.ndarray) -> "Groups":
        """The groups at these places, in this order."""
        chosen = np.asarray(places, dtype=np.int64)
        definitions = tuple(self.definitions[place] for place in chosen)
        return Groups(definitions, self.matrix, self.rows[chosen], self.sizes[chosen], self.pairs, self.counter)

    def mask(self, id: str) -> np.ndarray:
        """`(pairs,)` bool: the members of a group."""
        from ..kernels import bits

        return bits.unpack(self.matrix[self.rows[self.index(id)]], self.pairs)


def slug(text: str, longest: int = 60) -> str:
    """`text` as part of an id: lower-case ASCII letters, digits, `_` and `-`; other text becomes a digest."""
    import hashlib
    import re
    import unicodedata

    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    cleaned = re.sub(r"[^a-z0-9.]+", "-", plain).strip("-.")[:longest]
    if cleaned and plain and len(plain) >= len(text):
        return cleaned
    return f"{cleaned}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".strip("-")

"""The rule that keeps one caption of each image: the best by a score, or of a source by its share."""

import hashlib

import numpy as np
from pydantic import Field, model_validator

from ..errors import InputError
from ..kernels.hashing import mix
from ..pool import Pool
from .columns import PoolColumns
from .kinds import SurvivorRule, Taken, Witness

MOST_SOURCES, MOST_SHARE = 100, 1_000_000
IMAGES = ("image_id", "sha256")  # columns that captions of one image share, the best known first


class CaptionRule(SurvivorRule):
    """Of the pairs that share an image keeps the one with the best score `caption`.

    Pairs share an image if they have the same `image`; a pair with none in that column is alone. With `shares` an image
    first gets one of the sources that its captions have in the column `source`, each in proportion to its share, and
    then its best caption of that source: alt text against captions that a model wrote (Nguyen et al. 2023, arXiv
    2307.10350). Sources without a share are dropped. The source is a hash of seed and uids; as a share grows, images
    only go over to its source.
    """

    KIND = "one caption"
    COLUMN = "caption"

    caption: str
    image: str = "image_id"
    source: str | None = None
    shares: dict[str, float] = Field(default_factory=dict, max_length=MOST_SOURCES)
    seed: int = Field(default=0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _shares_of_sources(self) -> "CaptionRule":
        if (self.source is None) != (not self.shares):
            raise ValueError("source and shares belong together: which column says the source, and the share of each")
        if any(not 0 <= share <= MOST_SHARE for share in self.shares.values()):
            raise ValueError(f"a share is a number from 0 to {MOST_SHARE:,}")
        if self.shares and not any(self.shares.values()):
            raise ValueError("all shares are 0, which would keep nothing")
        return self

    def __hash__(self) -> int:
        return hash((self.caption, self.image, self.source, tuple(sorted(self.shares.items())), self.seed, self.off))

    def words(self) -> str:
        total = sum(self.shares.values())
        shares = ", ".join(f"{name} {100 * share / total:.3g} %" for name, share in self.shares.items())
        return f"one caption per {self.image}, the best {self.caption}" + (f" of {shares}" if shares else "")

    def check(self, pool: Pool) -> None:
        import pyarrow as pa

        pool.require(self.caption, "score")
        if self.image not in pool.columns:
            raise InputError(
                f"no column {self.image!r} says which captions share an image; name one that does with image: COLUMN, "
                f"such as {image_column(pool) or 'one that poolscope import columns adds'}."
            )
        if self.image == "image" and "image_offset" in pool.columns and pool.filled("image_offset"):
            raise InputError(
                "column 'image' names the file that many images lie in, not each one; name another with image: COLUMN, "
                f"such as {image_column(pool) or 'url'}."
            )
        for name in (self.image, *([self.source] if self.source else [])):
            kind = pool.require(name).kind
            if kind not in ("metadata", "key") or pa.types.is_nested(pool.schema.field(name).type):
                raise InputError(
                    f"column {name!r} can't tell images or sources apart; name a metadata column of text or numbers."
                )

    def take(self, columns: PoolColumns, alive: np.ndarray) -> Taken:
        scores = columns.array(self.caption)
        possible = alive & (scores == scores)
        rows = np.flatnonzero(possible)
        images, _ = columns.codes(self.image)
        states, own = columns.states(self.seed), images[rows].astype(np.int64)
        lonely = own < 0
        own[lonely] = int(images.max(initial=-1)) + 1 + np.arange(np.count_nonzero(lonely))
        waits = np.zeros(len(rows))
        if self.source is not None:
            waits = self._waits(columns, rows, _least(images, states)[rows])
        drawn = np.isfinite(waits)
        rows, own, waits = rows[drawn], own[drawn], waits[drawn]
        order = np.lexsort((states[rows], -scores[rows].astype(np.float64), waits, own))
        first = np.ones(len(order), dtype=bool)
        first[1:] = own[order[1:]] != own[order[:-1]]
        kept = np.zeros(columns.n, dtype=bool)
        kept[rows[order[first]]] = True
        return Taken(kept, possible)

    def _waits(self, columns: PoolColumns, rows: np.ndarray, images: np.ndarray) -> np.ndarray:
        """`(k,)`: for each of `rows` when the clock of its image and source rings; the first of an image wins, in
        proportion to the shares. Infinite for a source without a share. `images` `(k,)` uint64: a hash of the image."""
        codes, names = columns.codes(str(self.source))
        for name in self.shares:
            if name not in names:
                some = ", ".join(names[:8]) or "none, or too many to be sources"
                raise InputError(f"no caption has the {self.source} {name!r}; there are {some}.")
        known = np.full(len(names) + 1, np.inf)  # the last one: no source
        hashes = np.zeros(len(names) + 1, dtype=np.uint64)
        for place, name in enumerate(names):
            share = self.shares.get(name, 0.0)
            known[place] = 1 / share if share > 0 else np.inf
            hashes[place] = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
        here = codes[rows]
        chances = ((mix(images ^ hashes[here]) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        return -np.log(chances) * known[here]

    def missed(self, pair: Witness) -> str:
        lost = "another caption of its image is kept, or its source has no share"
        return "it has no score" if pair.unscored(self) else lost


def image_column(pool: Pool) -> str | None:
    """The column that says which pairs share an image, None if the pool has none that is known to."""
    return next((name for name in IMAGES if name in pool.columns and pool.filled(name)), None)


def _least(images: np.ndarray, states: np.ndarray) -> np.ndarray:
    """`(n,)` uint64: for each pair the least of the `states` of all pairs of its image, which no order changes."""
    least = np.full(int(images.max(initial=-1)) + 1, 2**64 - 1, dtype=np.uint64)
    joined = images >= 0
    np.minimum.at(least, images[joined], states[joined])
    out = states.copy()
    out[joined] = least[images[joined]]
    return out

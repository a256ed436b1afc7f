"""pHash: one pair of every group of near-duplicate images, by a perceptual hash and without any model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import files
from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from .base import Each, Method, Unit, by_unit, here, param
from .dedup import Dedup, group_findings, missed_group, one_of_groups

HASH = "perceptual_hash"
FLAT = 2.0  # standard deviation of grey levels below which an image has no structure to hash
UNIT_ROWS = 8192
_READ = 256


def perceptual_hash(image: bytes | None) -> int | None:
    """The 64 bits that say which of the 8 × 8 lowest frequencies of the grey image lie above their median.

    Brightness, contrast, size and compression hardly change it. An image of one colour has no structure; it gets a hash
    of its content, so that only its exact copies are near it. None without a readable image.
    """
    import imagehash

    from ..pool.decoding import open_rgb

    try:
        opened = open_rgb(image) if image else None
    except ValueError:
        return None
    if opened is None:
        return None
    small = opened.convert("L").resize((32, 32))
    if np.asarray(small).std() < FLAT:
        return int.from_bytes(blake2b(opened.resize((8, 8)).tobytes(), digest_size=8).digest(), "big")
    return int.from_bytes(np.packbits(imagehash.phash(opened).hash).tobytes(), "big")


@dataclass(frozen=True, kw_only=True)
class PHash(Method):
    """Near-duplicate images by the perceptual hash: images whose 64-bit hashes differ in at most `distance` bits are linked,
    linked ones form a group, and of each group the pair with the best score `best` stays (the lowest uid without one).

    Needs no model, so it also works where none knows the images. It finds copies that are brighter, grey, smaller,
    compressed or cut by a few percent, and never two captions of one image alone: those are copies as well.
    Flat graphics have less structure than photographs and are joined sooner; lower `distance` for them.

    Reads images, gives `(n,)` bool, False without a readable image; leaves `perceptual_hash`, `duplicate_group` (the uid
    rank of the group's first pair) and `duplicates` (its size). The hashes are made once, in resumable units; another
    `distance` reuses them.

    >>> PHash(distance=4).parameters()
    {'distance': 4, 'best': ''}
    """

    id = "phash"
    order = 155
    title = "Near-duplicates without a model"
    kind = "flag"
    formula = r"\mathrm{popcount}(h_i \oplus h_j) \le k \Rightarrow \mathrm{group}(i) = \mathrm{group}(j)"
    paper = "Zauner 2010 (pHash, Implementation and Benchmarking of Perceptual Image Hash Functions)"
    cost = "decoding every image once, about 1 ms; then 5 s for a million hashes"
    published = "no published filter uses it alone; img2dataset and LAION remove copies by hashes of the file only"
    inputs = ("image", "{best}")
    at_once = True
    extras = {HASH: pa.uint64(), **Dedup.extras}
    recipes = (
        {
            "name": "No near-duplicates (perceptual hash)",
            "note": "One image of every group of near-duplicates; needs no model.",
            "scores": {"phash": {"method": "phash"}},
            "keep": [{"flag": "phash"}],
        },
    )
    shared = {HASH: ()}

    distance: int = param(8, "bits of 64 in which near-duplicates may differ", low=0, high=10)
    best: str = param("", "score whose highest stays in a group; empty: the lowest uid", of="score")

    def missed(self, pair: Mapping[str, Any]) -> str:
        return missed_group(pair)

    def findings(self, pool: Pool, tables: Iterable[pa.Table]) -> dict[str, Any]:
        return group_findings(tables, "lower distance")

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> None:
        """Hashes every image, a file for every 8,192 pairs; what has a file is not hashed again."""
        for _ in by_unit(pool, _hashed, "hashing images", progress, each, _parts(pool)):
            pass

    def compute(self, pool: Pool, unit: Unit, state: Any, progress: Progress = silent) -> dict[str, Any]:
        from .kernels.hamming import hash_groups

        kept_files = [_file(pool, part) for part in _parts(pool)]
        hashes, there = np.concatenate([np.load(path) for path in kept_files], axis=1)
        if not there.any():
            raise InputError(f"no image of pool {pool.name!r} can be read; fetch them with `poolscope fetch` first.")
        order = np.asarray(pool.uid_order())
        readable = np.flatnonzero(there[order])
        groups = np.asarray(pool.uid_rank()).astype(np.int64)
        groups[order[readable]] = readable[hash_groups(hashes[order[readable]], self.distance, progress)]
        for path in kept_files:
            path.unlink()
        return one_of_groups(pool, groups, self.best, there > 0) | {HASH: pa.array(hashes, mask=there == 0)}


def _parts(pool: Pool) -> list[Unit]:
    stops = [*range(UNIT_ROWS, len(pool), UNIT_ROWS), len(pool)]
    return [Unit(f"{start}-{stop}", start, stop) for start, stop in zip([0, *stops], stops)]


def _hashed(pool: Pool, unit: Unit) -> None:
    """Leaves the hashes of a unit and whether there are any, `(2, n)` uint64; those that the pool has are taken over."""
    path = _file(pool, unit)
    if path.exists():
        return
    hashes = np.zeros((2, len(unit)), np.uint64)
    if HASH in pool.columns and pool.columns[HASH].made_by.get("method") == PHash.id:
        known = pa.concat_arrays([b.column(0) for b in pool.scan([HASH], start=unit.start, stop=unit.stop)])
        hashes[0] = known.fill_null(0).to_numpy()
        hashes[1] = known.is_valid().to_numpy(zero_copy_only=False)
    todo = np.flatnonzero(hashes[1] == 0)
    for start in range(0, len(todo), _READ):
        rows = todo[start : start + _READ]
        hashed = [perceptual_hash(image) for image in pool.images(unit.start + rows)]
        hashes[0, rows] = [one or 0 for one in hashed]
        hashes[1, rows] = [one is not None for one in hashed]
    files.write_array(path, hashes)


def _file(pool: Pool, unit: Unit) -> Path:
    return pool.path / "work" / "phash" / f"{unit.id}.npy"

"""Export of a subset file: DataComp's sorted `u8,u8` uids of the kept pairs."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .. import files
from ..pool import UID_DTYPE, Pool
from ..recipe import Recipe, Selection
from ..workers.threads import in_order
from .provenance import write_beside

BLOCK = 1 << 20


def kept_uids(
    pool: Pool, mask: np.ndarray, *, rows: np.ndarray | None = None, copies: np.ndarray | None = None
) -> np.ndarray:
    """`(k,)` records `u8,u8` of the kept pairs, ascending: the pool's uid order, masked, so nothing is sorted.

    With `copies` `(k,)` for the kept `rows`, each uid as often as that.
    """
    uids = np.concatenate([np.empty(0, dtype=UID_DTYPE), *_blocks(pool, mask)])
    if copies is None or rows is None or (copies == 1).all():
        return uids
    return np.repeat(uids, copies[np.argsort(pool.uid_rank()[rows])])


def _blocks(pool: Pool, mask: np.ndarray) -> Iterator[np.ndarray]:
    """The kept uids in ascending order, in parts; two threads, for gathering a mask by uid waits for memory."""
    order, uids = pool.uid_order(), pool.uids_ascending()

    def block(start: int) -> np.ndarray:
        return uids[start : start + BLOCK].take(np.flatnonzero(mask.take(order[start : start + BLOCK])))

    return in_order(block, range(0, len(order), BLOCK))


def write_uids(path: Path, pool: Pool, mask: np.ndarray) -> None:
    """Writes the bytes of `np.save(path, kept_uids(pool, mask))`, block by block."""
    shape = (int(np.count_nonzero(mask)),)
    with files.replacing(path) as part, part.open("wb") as handle:
        header = {"descr": np.lib.format.dtype_to_descr(UID_DTYPE), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(handle, header)
        for block in _blocks(pool, mask):
            handle.write(block.data)


def export_subset(pool: Pool, selection: Selection, out: str | Path, *, recipe: Recipe | None = None) -> Path:
    """Writes the kept uids as DataComp's baselines do, byte for byte (`np.save` of a sorted `u8,u8` array).

    A uid that a subset file of the recipe names several times is written as often. An empty selection gives a file of
    no uids. The recipe goes beside it.
    """
    from .plan import multiplicity

    out = Path(out)
    rows = np.flatnonzero(selection.mask) if recipe and any(hasattr(rule, "subset") for rule in recipe.active) else None
    copies = multiplicity(recipe, pool, rows)[0] if rows is not None else None
    if copies is None or (copies == 1).all():
        write_uids(out, pool, selection.mask)
    else:
        with files.replacing(out) as part, part.open("wb") as handle:
            np.save(handle, kept_uids(pool, selection.mask, rows=rows, copies=copies), allow_pickle=False)
    write_beside(out, pool, recipe, selection)
    return out


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

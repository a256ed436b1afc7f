"""Export of a subset file: DataComp's sorted `u8,u8` uids of the kept pairs, or a list of their ids."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import files
from ..errors import InputError
from ..pool import UID_DTYPE, Pool, uid_hex
from ..recipe import Recipe, Selection
from ..sources.staged import connect
from ..workers.threads import in_order
from .provenance import left_over, write_beside

BLOCK = 1 << 20
SCANNED = 65_536
SUFFIXES = (".npy", ".txt")


def kept_uids(pool: Pool, mask: np.ndarray, copies: np.ndarray | None = None) -> np.ndarray:
    """`(k,)` records `u8,u8` of the kept pairs, ascending: the pool's uid order, masked, so nothing is sorted.

    With `copies` `(n,)`, each uid as often as that.
    """
    return np.concatenate([np.empty(0, dtype=UID_DTYPE), *_blocks(pool, mask, copies)])


def _blocks(pool: Pool, mask: np.ndarray, copies: np.ndarray | None) -> Iterator[np.ndarray]:
    """The kept uids in ascending order, in parts; two threads, for gathering a mask by uid waits for memory."""
    order, uids = pool.uid_order(), pool.uids_ascending()

    def block(start: int) -> np.ndarray:
        rows = order[start : start + BLOCK]
        kept = np.flatnonzero(mask.take(rows))
        kept_uids = uids[start : start + BLOCK].take(kept)
        return kept_uids if copies is None else np.repeat(kept_uids, copies[rows[kept]])

    return in_order(block, range(0, len(order), BLOCK))


def write_uids(path: Path, pool: Pool, mask: np.ndarray, copies: np.ndarray | None = None) -> None:
    """Writes the bytes of `np.save(path, kept_uids(pool, mask, copies))`, block by block."""
    count = np.count_nonzero(mask) if copies is None else copies.sum(where=mask, dtype=np.int64)
    shape = (int(count),)
    with path.open("wb") as handle:
        header = {"descr": np.lib.format.dtype_to_descr(UID_DTYPE), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(handle, header)
        for block in _blocks(pool, mask, copies):
            handle.write(block.data)


def export_subset(
    pool: Pool, selection: Selection, out: str | Path, *, recipe: Recipe | None = None, force: bool = False
) -> Path:
    """Writes the kept uids as DataComp's baselines do, byte for byte (`np.save` of a sorted `u8,u8` array), or, to a
    `.txt`, the pairs' own ids, one a line in row order: the uid of a pair that has none, or shares its id.

    A pair that is drawn several times is written as often. An empty selection gives a file of
    no uids. The recipe goes beside it. Raises InputError for another suffix, and for a file that exists unless `force`.
    """
    out = Path(out)
    check_subset(out, force=force)
    write = write_ids if out.suffix == ".txt" else write_uids
    with files.replacing(out) as part:
        write(part, pool, selection.mask, selection.wanted)
        write_beside(out, pool, recipe, selection)
    return out


def check_subset(out: Path, *, force: bool = False) -> None:
    """InputError unless `out` is a new file of uids or ids (or `force`), before anything expensive begins."""
    if out.suffix not in SUFFIXES:
        raise InputError(f"{out.name!r} ends neither in .npy (uids) nor in .txt (ids); write for example kept.npy.")
    files.new(out, *left_over(out), force=force)


def write_ids(path: Path, pool: Pool, mask: np.ndarray, copies: np.ndarray | None = None) -> None:
    """Writes the ids of the pairs of `mask` `(n,)`, each as often as `copies` `(n,)` says. Memory: a batch."""
    names = ["uid", *(["id"] if "id" in pool.columns else [])]
    shared = _shared(pool) if "id" in names else None
    start = 0
    with path.open("w", encoding="utf-8") as handle:
        for batch in pool.scan(names, batch_size=SCANNED):
            kept = mask[start : start + batch.num_rows]
            often = kept[kept].astype(int) if copies is None else copies[start : start + batch.num_rows][kept]
            start += batch.num_rows
            batch = batch.filter(pa.array(kept))
            uids = uid_hex(batch["uid_hi"].to_numpy(), batch["uid_lo"].to_numpy())
            if shared is not None:
                own = pc.if_else(pc.is_in(batch["id"], value_set=shared), None, batch["id"])
                uids = pc.coalesce(own, uids)
            handle.writelines(f"{one}\n" * count for one, count in zip(uids.to_pylist(), often.tolist()))


def _shared(pool: Pool) -> pa.Array:
    """The ids that can't name a pair in a list: those of several pairs, those of several lines, those with space around."""
    schema = pa.schema([("id", pa.utf8())])
    rows = pa.RecordBatchReader.from_batches(schema, (batch for batch in pool.scan(["id"], batch_size=SCANNED)))
    with connect() as database:
        database.register("rows", rows)
        shared = database.sql(
            "SELECT id FROM rows WHERE id IS NOT NULL GROUP BY id "
            "HAVING count(*) > 1 OR id = '' OR regexp_matches(id, '^[\\s\\pZ]|[\\s\\pZ]$|\\pC|\\p{Zl}|\\p{Zp}')"
        ).to_arrow_table()
    return shared["id"].combine_chunks()

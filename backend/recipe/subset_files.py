"""Subset files: the uids of some pairs, as DataComp writes them, or a list of ids as text."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import files
from ..errors import InputError
from ..pool import UID_DTYPE, Pool
from ..pool.columns import KEYS
from ..pool.uids import parse, records


def subset_path(file: str, pool: Pool) -> Path:
    """Where a subset file named in a recipe is: as named, else among the pool's own."""
    path = Path(file)
    return path if path.is_absolute() or path.exists() else pool.path / "subsets" / file


def subset_uids(file: str, pool: Pool) -> np.ndarray:
    """The uids of a subset file named in a recipe, `(k,)` records `u8,u8`, repeated where the file repeats them.

    A `.txt` has one id (of the column `id`) or uid a line; an id that several pairs share stands for all of them.
    Raises InputError for a file that is missing or of another form, and for a list of which the pool has nothing.
    """
    path = subset_path(file, pool)
    return _listed(path, pool) if path.suffix == ".txt" else read_subset(path)


def _listed(path: Path, pool: Pool) -> np.ndarray:
    if not path.is_file():
        raise InputError(f"no subset file {str(path)!r}; give the path of a .txt of ids or a .npy of uids.")
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} can't be read as text: {error}; give one id or uid a line.") from None
    rows = _named(pool, [line for line in lines if line])
    if not len(rows):
        raise InputError(f"no line of {str(path)!r} is an id or a uid of pool {pool.name!r}.")
    return rows


def rows_named(pool: Pool, names: Sequence[str]) -> np.ndarray:
    """`(k,)` int64, ascending: the rows of the pairs with these ids or uids; nothing for a name that no pair has."""
    return np.unique(pool.rows_of(_named(pool, names)))


def _named(pool: Pool, names: Sequence[str]) -> np.ndarray:
    """The uids of the pairs with these ids, or, for a name that is nobody's id, this uid; as often as the name comes."""
    counted = pa.array(names, pa.utf8()).value_counts()
    values, often = counted.field("values"), counted.field("counts").to_numpy()
    nobodys = np.ones(len(values), dtype=bool)
    parts = []
    for batch in pool.scan(["uid", "id"], batch_size=65_536) if "id" in pool.columns else ():
        place = pc.index_in(batch["id"], value_set=values)
        known, place = place.is_valid().to_numpy(zero_copy_only=False), place.drop_null().to_numpy()
        nobodys[place] = False
        parts.append(np.repeat(records(*(batch[key].to_numpy()[known] for key in KEYS)), often[place]))
    uids, valid = parse(pc.utf8_lower(values))
    there = nobodys & valid & (pool.rows_of(uids) >= 0)
    return np.concatenate([*parts, np.repeat(uids[there], often[there])])


def read_subset(path: str | Path) -> np.ndarray:
    """The uids of a subset file, `(k,)` records `u8,u8`: DataComp's `.npy`, or its headerless memmap form.

    Raises InputError for a file that is missing or of another form; nothing is unpickled.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no subset file {str(path)!r}; give the path of a .npy of uids.")
    with path.open("rb") as handle:
        magic = handle.read(6)
    try:
        if magic != b"\x93NUMPY":
            if path.stat().st_size % UID_DTYPE.itemsize or not path.stat().st_size:
                raise ValueError("its size is no multiple of 16 bytes")
            return np.memmap(path, dtype=UID_DTYPE, mode="r")
        uids = files.read_array(path, mapped=True)
    except (ValueError, OSError) as error:
        raise InputError(f"{str(path)!r} is not a subset file: {error}; it must hold uids as `u8,u8`.") from None
    if uids.dtype != UID_DTYPE or uids.ndim != 1:
        raise InputError(
            f"{str(path)!r} holds {uids.dtype} of {uids.ndim} dimensions; a subset file holds `u8,u8` of one."
        )
    return uids

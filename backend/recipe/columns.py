"""What a recipe reads of a pool: whole columns, the uid rank, and masks of conditions, each read once."""

from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import InputError
from ..pool import UID_DTYPE, Pool


class Columns(Protocol):
    """The columns that rules read; all arrays are `(n,)` in row order and read-only."""

    @property
    def n(self) -> int: ...
    @property
    def rank(self) -> np.ndarray:
        """The uid rank of each pair, uint32."""

    @property
    def rows_by_uid(self) -> np.ndarray:
        """The rows in ascending uid order: the reverse of `rank`."""

    def array(self, name: str) -> np.ndarray:
        """A score as float32 (NaN = not scored) or a flag as bool."""

    def subset(self, file: str) -> np.ndarray:
        """`(n,)` bool: the pairs in the subset file."""

    def where(self, sql: str) -> np.ndarray:
        """`(n,)` bool: the pairs for which the condition holds."""


class PoolColumns:
    """The columns of a pool, read on first use and kept."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._kept: dict[tuple[str, str], np.ndarray] = {}

    @property
    def n(self) -> int:
        return len(self.pool)

    @property
    def rank(self) -> np.ndarray:
        return self._once("rank", "", lambda _: self.pool.uid_rank())

    @property
    def rows_by_uid(self) -> np.ndarray:
        return self._once("order", "", lambda _: self.pool.uid_order())

    def array(self, name: str) -> np.ndarray:
        return self._once("column", name, self.pool.array)

    def subset(self, file: str) -> np.ndarray:
        return self._once("subset", file, self._subset)

    def where(self, sql: str) -> np.ndarray:
        return self._once("where", sql, self.pool.where)

    def _subset(self, file: str) -> np.ndarray:
        rows = self.pool.rows_of(read_subset(subset_path(file, self.pool)))
        mask = np.zeros(len(self.pool), dtype=bool)
        mask[rows[rows >= 0]] = True
        return mask

    def _once(self, kind: str, name: str, read) -> np.ndarray:
        if (kind, name) not in self._kept:
            values = read(name)
            values.flags.writeable = False
            self._kept[kind, name] = values
        return self._kept[kind, name]


def subset_path(file: str, pool: Pool) -> Path:
    """Where a subset file named in a recipe is: as named, else among the pool's own."""
    path = Path(file)
    return path if path.is_absolute() or path.exists() else pool.path / "subsets" / file


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
        uids = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError) as error:
        raise InputError(f"{str(path)!r} is not a subset file: {error}; it must hold uids as `u8,u8`.") from None
    if uids.dtype != UID_DTYPE or uids.ndim != 1:
        raise InputError(
            f"{str(path)!r} holds {uids.dtype} of {uids.ndim} dimensions; a subset file holds `u8,u8` of one."
        )
    return uids

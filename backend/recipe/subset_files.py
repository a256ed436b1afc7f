"""Subset files: the uids of some pairs, as DataComp writes them."""

from pathlib import Path

import numpy as np

from ..errors import InputError
from ..pool import UID_DTYPE, Pool


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

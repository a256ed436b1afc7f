"""Tags: named sets of pairs, made by hand and kept with the pool as sorted uids, so that they outlive new rows."""

import re
from pathlib import Path

import numpy as np

from .. import files
from ..errors import InputError
from ..pool import Pool
from .subset_files import read_subset

NAME = re.compile(r"\w[\w -]{0,79}")


def save(pool: Pool, name: str, rows: np.ndarray, *, replace: bool = False) -> Path:
    """Tags the pairs `rows` `(k,)`, in any order. Raises InputError for a name that can't be one, or that is taken."""
    path = _path(pool, name)
    if path.exists() and not replace:
        raise InputError(f"the pool has a tag {name!r}; give another name, or replace it.")
    files.write_array(path, np.sort(pool.uids()[np.unique(rows)]))
    return path


def names(pool: Pool) -> list[str]:
    """The tags of the pool."""
    return sorted(path.stem for path in (pool.path / "tags").glob("*.npy"))


def uids(pool: Pool, name: str) -> np.ndarray:
    """`(k,)` records `u8,u8`: the pairs that carry the tag. Raises InputError naming those that exist."""
    path = _path(pool, name)
    if not path.is_file():
        raise InputError(f"pool {pool.name!r} has no tag {name!r}; it has {', '.join(names(pool)) or 'none'}.")
    return read_subset(path)


def stamp(pool: Pool) -> int:
    """Changes when a tag is made, replaced or removed."""
    try:
        return (pool.path / "tags").stat().st_mtime_ns
    except OSError:
        return 0


def delete(pool: Pool, name: str) -> None:
    """Removes a tag; the pairs stay. Raises InputError if there is none of that name."""
    uids(pool, name)
    _path(pool, name).unlink()


def _path(pool: Pool, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise InputError(f"{name[:80]!r} can't be a tag; take up to 80 letters, digits, spaces, `-` and `_`.")
    return pool.path / "tags" / f"{name}.npy"

"""Reading a matrix from a file that someone else wrote."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...array_files import read_arrays
from ...errors import InputError


def read_matrix(path: str | Path, what: str) -> np.ndarray:
    """One array from a NumPy file, an `.npz` (its first) or a torch file (a tensor, an array, or a dict's first), by its
    content, whatever its name. InputError else; no code in it is run."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no {what} file at {str(path)!r}: give an existing .npy, .npz or .pt file.")
    try:
        read = read_arrays(path)
        matrix = next(iter(read.values())) if isinstance(read, Mapping) else read
    except Exception as error:  # whatever a foreign file makes its reader raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise InputError(f"{what} file {str(path)!r} can't be read ({reason}): save one plain array.") from None
    if matrix.dtype.kind not in "fiu":
        raise InputError(f"{what} file {str(path)!r} holds {matrix.dtype}; allowed are real numbers.")
    return matrix

"""Reading a matrix from a file that someone else wrote, without ever running code from it."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError


def read_matrix(path: str | Path, what: str) -> np.ndarray:
    """One array from `.npy`, `.npz` (its first) or `.pt` (a tensor, a numpy array, or a dict's first). InputError else.

    `.pt` files are unpickled with an allow-list of tensors and plain numpy arrays: DataComp's centroids are such.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no {what} file at {str(path)!r}: give an existing .npy, .npz or .pt file.")
    try:
        if path.suffix == ".pt":
            found = _torch(path)
        else:
            loaded = np.load(path, mmap_mode="r", allow_pickle=False)
            found = loaded if isinstance(loaded, np.ndarray) else loaded[loaded.files[0]]
    except Exception as error:  # whatever a foreign file makes its reader raise
        reason = str(error).splitlines()[0][:120]
        raise InputError(f"{what} file {str(path)!r} can't be read ({reason}): save one plain array.") from None
    if found.dtype.kind not in "fiu":
        raise InputError(f"{what} file {str(path)!r} holds {found.dtype}; allowed are real numbers.")
    return found


def _torch(path: Path) -> np.ndarray:
    """A tensor by torch's own safe reader, or else a numpy array that was saved with `torch.save`."""
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            found = _ArraysOnly(io.BytesIO(archive.read(name))).load()
    if isinstance(found, dict):
        found = next(iter(found.values()))
    return found.detach().float().numpy() if isinstance(found, torch.Tensor) else np.asarray(found)


class _ArraysOnly(pickle.Unpickler):
    """Knows the three names that a plain numpy array's pickle uses, and refuses every other."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a plain array")

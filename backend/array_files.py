"""Array files that someone else wrote: what they are by their content, not by their name; no code in them is ever run."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

NUMPY, ZIP, PICKLE = b"\x93NUMPY", b"PK", b"\x80"


def read_arrays(path: str | Path) -> "np.ndarray | Mapping[str, np.ndarray]":
    """The array of a NumPy file (mapped) or of a torch file, or the arrays of an `.npz` or of a torch file by name.

    A file may have any suffix: `.npy` files begin with NumPy's magic; of zip archives, torch's hold a `data.pkl`. Torch files
    are read with an allow-list of tensors and plain NumPy arrays: DataComp's centroids are such.
    Raises ValueError for a file of another form, and what NumPy, torch and zipfile raise for a damaged one.
    """
    path = Path(path)
    with path.open("rb") as handle:
        head = handle.read(len(NUMPY))
    if head == NUMPY:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    if head.startswith(ZIP):
        with zipfile.ZipFile(path) as archive:  # a torch archive has a member that describes its tensors
            pickled = next((name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"), "")
        return _torch(path, pickled) if pickled else np.load(path, allow_pickle=False)
    if head.startswith(PICKLE):
        return _torch(path, "")
    raise ValueError("it is no .npy, no .npz and no torch file")


def _torch(path: Path, pickled: str) -> "np.ndarray | Mapping[str, np.ndarray]":
    """Tensors by torch's own safe reader, or else NumPy arrays that were saved with `torch.save`."""
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        if not pickled:
            raise
        with zipfile.ZipFile(path) as archive:
            content = _ArraysOnly(io.BytesIO(archive.read(pickled))).load()
    return (
        {str(name): _array(value) for name, value in content.items()} if isinstance(content, dict) else _array(content)
    )


def _array(value: Any) -> np.ndarray:
    import torch

    return value.detach().float().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


class _ArraysOnly(pickle.Unpickler):
    """Knows the three names that a plain NumPy array's pickle uses, and refuses every other."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a plain array")

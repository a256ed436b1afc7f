"""Target sets and matrices as methods read them: a set checked against the pool, then streamed in float32 tiles."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...array_files import read_arrays
from ...errors import InputError
from ...pool import Pool, digests
from ...targets import load_target

if TYPE_CHECKING:
    import torch


def fitting_target(pool: Pool, name: str, model: str) -> np.ndarray:
    """Target set `name`, memory-mapped (M, d) float16; InputError if missing or of another dimension than the pool's."""
    rows = load_target(pool, name, model)
    dim = pool.require(f"{model}_img", "embedding").dim
    if rows.ndim != 2 or not len(rows) or rows.shape[1] != dim:
        raise InputError(
            f"target set {name!r} has shape {rows.shape} and {model}_img has {dim} dimensions: embed the target with "
            f"the same model and add it again with `poolscope target {name} SOURCE --model {model}`."
        )
    return rows


def tiles(rows: np.ndarray, step: int = 4096) -> Iterator[np.ndarray]:
    """Float32 tiles (<= step, d) of a float16 set, one at a time."""
    for start in range(0, len(rows), step):
        yield np.asarray(rows[start : start + step], dtype=np.float32)


def padded(vectors: np.ndarray, bad: np.ndarray, rows: int) -> "torch.Tensor":
    """The vectors (n, d) in float32, zeros for the `bad` (n,) ones and for what fills the last tile of so many `rows`."""
    import torch

    filled = torch.zeros(-(-len(vectors) // rows) * rows, vectors.shape[1])
    clean = np.where(bad[:, None], np.float32(0), vectors).astype(np.float32, copy=False)
    filled[: len(vectors)] = torch.from_numpy(clean)
    return filled


def held(path: str, device: str) -> Any:
    """The rows of a `.npy`: a map of it for the processor, else on the device, where they stay, see `resident`."""
    if device == "cpu":
        return np.load(path, mmap_mode="r", allow_pickle=False)
    from .accelerator import resident

    return resident(path, digests.version(path), device)


def second_moment(rows: np.ndarray) -> np.ndarray:
    """`(1/M) sum_m g_m g_m^T`, uncentred: (d, d) float64 from (M, d). InputError if the set is not finite."""
    total = np.zeros((rows.shape[1], rows.shape[1]), np.float64)
    for tile in tiles(rows):
        wide = tile.astype(np.float64)
        total += wide.T @ wide
    if not np.isfinite(total).all():
        raise InputError("the target set holds NaN or infinite embeddings: add it again with `poolscope target`.")
    return total / len(rows)


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

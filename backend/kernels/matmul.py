"""The float32-accurate matrix product that every similarity score uses, and the device it runs on.

Measured on two cores with AMX (768-d, unit vectors): numpy's OpenBLAS 350 GFLOP/s, torch at its default
precision 365, torch at "medium" 1,100 but with errors of 4e-4, because oneDNN then multiplies in bfloat16.
On a processor without bfloat16 units "medium" is oneDNN's float32 kernel: as accurate and the fastest route.
So the route follows from accuracy, which is a property of the machine, and never from a stopwatch: two
processes on one machine always take the same route and give the same bits.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

_LARGEST_ERROR = 1e-6  # of an inner product of unit vectors; bfloat16 is off by 4e-4, float32 by 1e-7
_switch = threading.RLock()


@lru_cache(maxsize=1)
def precision() -> str:
    """torch's name of the fastest CPU matmul precision that is still float32-accurate on this machine."""
    import torch

    draw = np.random.Generator(np.random.PCG64(0))
    a, b = (draw.standard_normal((256, 512)).astype(np.float32) for _ in range(2))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    exact = a.astype(np.float64) @ b.astype(np.float64).T
    with _torch_precision("medium"):
        fast = torch.mm(torch.from_numpy(a), torch.from_numpy(b).T).numpy()
    return "medium" if float(np.abs(fast - exact).max()) < _LARGEST_ERROR else "highest"


@contextmanager
def accurate() -> Iterator[None]:
    """Within it `torch.mm` of float32 CPU tensors takes the fastest float32-accurate route."""
    with _torch_precision(precision()):
        yield


@contextmanager
def _torch_precision(name: str) -> Iterator[None]:
    import torch

    with _switch:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(name)
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)


def bad_rows(vectors: np.ndarray) -> np.ndarray:
    """(n,) bool: True where an embedding is zero or holds NaN or infinity, so that no score can be given."""
    total = np.abs(vectors, dtype=np.float32).sum(axis=1)
    return ~np.isfinite(total) | (total == 0)


def readable(array: np.ndarray) -> "torch.Tensor":
    """A tensor on the array's own memory and of its own dtype, to be read only."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # Arrow's never are
        return torch.from_numpy(np.ascontiguousarray(array))

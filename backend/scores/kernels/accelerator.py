"""CLIPLoss, NormSim, quadratic forms and centroids on a GPU: rows go over once, in float16, and stay while they are needed.

Where Triton and a compiler are there, CLIPLoss and NormSim are reduced by fused kernels; else by plain torch. What a GPU
has no room for is done in smaller parts, and at last on the processor, each with a note.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from ...devices import Room, note
from ...kernels import matmul
from .cliploss_kernel import SAFE_EXPONENT, running_maximum

TARGET_ROWS = 131_072
PAIR_ROWS = 16_384

Block = slice | np.ndarray


def on(device: str) -> AbstractContextManager[Any]:
    """The GPU as torch's current one; nothing on a processor, where triton's interpreter runs the kernels in tests."""
    return torch.cuda.device(device) if device.startswith("cuda") else nullcontext()


def send(rows: np.ndarray, device: str, kind: torch.dtype | None = None) -> torch.Tensor:
    """An array on a device, `(n, d)`: float16 stays float16 on the way, whatever it becomes there."""
    return matmul.readable(rows).to(device).to(kind or torch.from_numpy(np.empty(0, rows.dtype)).dtype).contiguous()


@lru_cache(maxsize=1)
def _fused() -> Any:
    """The fused kernels; None, with a note, where they can't be compiled."""
    try:
        from ...kernels import tensor_cores

        probe = torch.zeros(2, 2, dtype=torch.float16, device="cuda" if torch.cuda.is_available() else "cpu")
        tensor_cores.largest_similarity(probe, probe)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # no Triton, no compiler, no driver for it: each fails in a way of its own
        first = next(iter(str(error).splitlines()), type(error).__name__)[:120]
        note(f"no fused kernels on this machine ({first}); plain torch takes their place")
        return None
    return tensor_cores


def partition_sums(
    images: np.ndarray, texts: np.ndarray, partitions: Iterable[Sequence[Block]], *, temperature: float, device: str,
    done: Callable[[int], None],
) -> np.ndarray:  # fmt: skip
    """The sum over partitions of `cliploss_kernel.batch_scores` of their blocks, (n,) float64, NaN for a bad pair.

    Both sides (n, d) go to the device once; blocks are gathered there, and only the sums come back. `done` is told how
    many partitions are. Raises torch.OutOfMemoryError if the sides don't fit.
    """
    kind = torch.float16 if _is_half(images) and _is_half(texts) else torch.float32
    with torch.inference_mode(), on(device):
        a, b = send(images, device, kind), send(texts, device, kind)
        good = (_usable(a) & _usable(b)).cpu().numpy()
        total = torch.zeros(len(a), dtype=torch.float64, device=device)
        for number, blocks in enumerate(partitions, 1):
            for block in blocks:
                if isinstance(block, slice) and good[block].all():
                    x, y, into = a[block], b[block], total[block]
                    into -= 0.5 * temperature * _log_sums(x, y, temperature).to(torch.float32)
                    continue
                rows = np.arange(block.start, block.stop) if isinstance(block, slice) else block
                place = torch.from_numpy(np.ascontiguousarray(rows[good[rows]], np.int64)).to(device)
                if len(place):
                    scores = -0.5 * temperature * _log_sums(a[place], b[place], temperature)
                    total[place] += scores.to(torch.float32)
            done(number)
        sums = total.cpu().numpy()
    sums[~good] = np.nan
    return sums


def _usable(rows: torch.Tensor) -> torch.Tensor:
    """As `~matmul.bad_rows`, (n,) bool, where the rows are."""
    total = torch.zeros(len(rows), device=rows.device)
    for part in range(0, len(rows), PAIR_ROWS):
        total[part : part + PAIR_ROWS] = rows[part : part + PAIR_ROWS].abs().sum(dim=1, dtype=torch.float32)
    return torch.isfinite(total) & (total != 0)


def log_sums(images: np.ndarray, texts: np.ndarray, *, temperature: float, device: str = "cuda") -> np.ndarray:
    """As `cliploss_kernel.log_sums`, (B,) float64, for float16 embeddings on a GPU; others go through float32."""
    kind = torch.float16 if _is_half(images) and _is_half(texts) else torch.float32
    with torch.inference_mode(), on(device):
        return _log_sums(send(images, device, kind), send(texts, device, kind), temperature).cpu().numpy()


def _log_sums(a: torch.Tensor, b: torch.Tensor, temperature: float) -> torch.Tensor:
    """(B,) float64 of a batch (B, d) that is on its device."""
    own = (a.float() * b.float()).sum(dim=1)
    if a.dtype == torch.float16 and float(own.max() - own.min()) < SAFE_EXPONENT * temperature and (fused := _fused()):
        peak = own.max()
        rows, columns = fused.exponential_sums(a, b, own, torch.exp((own - peak) / temperature), temperature)
        total = rows.log() + columns.log() + (peak - own).double() / temperature
        if bool(torch.isfinite(total).all()):
            return total
    a, b, own = a.float() / temperature, b.float(), own / temperature
    return running_maximum(a, b, own) + running_maximum(b, a, own)


@lru_cache(maxsize=1)
def resident(path: str, version: tuple[int, ...], device: str) -> torch.Tensor | np.ndarray:
    """The rows of a `.npy` on a device, (M, d) as stored, until another file's, or another `version` of it, are asked
    for; a map of the file, with a note, where the device has no room for them."""
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    try:
        with on(device):
            held = torch.empty(rows.shape, dtype=torch.from_numpy(np.empty(0, rows.dtype)).dtype, device=device)
            for start in range(0, len(rows), TARGET_ROWS):
                held[start : start + TARGET_ROWS] = send(np.array(rows[start : start + TARGET_ROWS]), device)
    except torch.OutOfMemoryError:
        note(f"{device} has no room for the {len(rows):,} rows of {path}; they are read again for every batch")
        return rows
    return held


def _tile(rows: torch.Tensor | np.ndarray, part: slice, device: str, kind: torch.dtype) -> torch.Tensor:
    """Rows of what lies on the device or on the disk, on the device."""
    if isinstance(rows, torch.Tensor):
        return rows[part].to(kind).contiguous()
    return send(np.array(rows[part]), device, kind)


def norm_similarity(
    vectors: np.ndarray, targets: torch.Tensor | np.ndarray, order: float, *, device: str = "cuda"
) -> np.ndarray:
    """As `normsim.norm_similarity`, (n,) float32, on a GPU. p = inf is fused; other orders use tiles in GPU memory."""
    bad = matmul.bad_rows(vectors)
    stored_half = targets.dtype in (torch.float16, np.float16)
    exact = order == math.inf and stored_half and _is_half(vectors)
    kind = torch.float16 if exact else torch.float32
    clean = np.where(bad[:, None], vectors.dtype.type(0), vectors) if bad.any() else vectors

    def norm(part: slice) -> np.ndarray:
        pairs = send(clean[part], device, kind)
        peak = torch.zeros(len(pairs), device=device)
        total = torch.zeros(len(pairs), dtype=torch.float64, device=device)
        for start in range(0, len(targets), TARGET_ROWS):
            tile = _tile(targets, slice(start, start + TARGET_ROWS), device, kind)
            if exact and (fused := _fused()):
                peak = torch.maximum(peak, fused.largest_similarity(pairs, tile))
            else:
                _add(pairs.float(), tile.float(), order, peak, total)
        return (peak if order == math.inf else peak * total ** (1 / order)).float().cpu().numpy()

    with torch.inference_mode(), on(device):
        result = np.concatenate(_pairs_at_once.over(len(clean), norm)) if len(clean) else np.empty(0, np.float32)
    result[bad | ~np.isfinite(result)] = np.nan
    return result


_pairs_at_once = Room(PAIR_ROWS)


def quadratic_form(vectors: np.ndarray, matrix: np.ndarray, *, device: str) -> np.ndarray:
    """As `vas.quadratic_form`, (n,) float32, on a GPU in float32; rows go over as they are stored."""

    def form(part: slice) -> np.ndarray:
        rows = send(vectors[part], device, torch.float32)
        return ((rows @ right) * rows).sum(dim=1).cpu().numpy()

    with torch.inference_mode(), on(device):
        right = send(np.asarray(matrix, np.float32), device)
        return np.concatenate(_pairs_at_once.over(len(vectors), form)) if len(vectors) else np.empty(0, np.float32)


def _add(pairs: torch.Tensor, tile: torch.Tensor, order: float, peak: torch.Tensor, total: torch.Tensor) -> None:
    """Adds |similarity|^p relative to the running peak, 8,192 targets at a time."""
    for part in tile.split(8192):
        similarity = (pairs @ part.T).abs_()
        new = torch.maximum(peak, similarity.amax(dim=1))
        if order != math.inf:
            safe = torch.where(new > 0, new, 1.0)
            total *= (peak / safe).double() ** order
            total += (similarity / safe[:, None]).pow_(order).sum(dim=1, dtype=torch.float64)
        peak.copy_(new)


def _is_half(rows: np.ndarray) -> bool:
    """Do the numbers fit float16 without rounding?"""
    if rows.dtype == np.float16:
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        return bool((rows.astype(np.float16) == rows)[np.isfinite(rows)].all())

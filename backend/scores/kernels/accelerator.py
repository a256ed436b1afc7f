"""CLIPLoss and NormSim on a GPU: rows go over in float16 and are reduced by fused kernels."""

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

from ...kernels import matmul
from .running_maximum import running_maximum

TARGET_ROWS = 131_072
PAIR_ROWS = 16_384
_SAFE_EXPONENT = 80.0


def _on(device: str) -> AbstractContextManager[Any]:
    """The GPU as torch's current one; nothing on a processor, where triton's interpreter runs the kernels in tests."""
    return torch.cuda.device(device) if device.startswith("cuda") else nullcontext()


def log_sums(images: np.ndarray, texts: np.ndarray, *, temperature: float, device: str = "cuda") -> np.ndarray:
    """As `cliploss_kernel.log_sums`, (B,) float64, for float16 embeddings on a GPU; others go through float32."""
    with torch.inference_mode(), _on(device):
        exact = _is_half(images) and _is_half(texts)
        kind = torch.float16 if exact else torch.float32
        a, b = (torch.from_numpy(np.ascontiguousarray(rows)).to(device, kind).contiguous() for rows in (images, texts))
        own = (a.float() * b.float()).sum(dim=1)
        if exact and float(own.max() - own.min()) < _SAFE_EXPONENT * temperature:
            from ...kernels.tensor_cores import exponential_sums

            peak = own.max()
            rows, columns = exponential_sums(a, b, own, torch.exp((own - peak) / temperature), temperature)
            total = rows.log() + columns.log() + (peak - own).double() / temperature
            if bool(torch.isfinite(total).all()):
                return total.cpu().numpy()
        a, b, own = a.float() / temperature, b.float(), own / temperature
        return (running_maximum(a, b, own) + running_maximum(b, a, own)).cpu().numpy()


def norm_similarity(vectors: np.ndarray, targets: np.ndarray, order: float, *, device: str = "cuda") -> np.ndarray:
    """As `normsim.norm_similarity`, (n,) float32, on a GPU. p = inf is fused; other orders use tiles in GPU memory."""
    bad = matmul.bad_rows(vectors)
    result = np.empty(len(vectors), np.float32)
    exact = order == math.inf and _is_half(vectors) and _is_half(targets[:1])
    kind = torch.float16 if exact else torch.float32
    with torch.inference_mode(), _on(device):
        pairs = torch.from_numpy(np.where(bad[:, None], 0, vectors)).to(device, kind).contiguous()
        peak = torch.zeros(len(pairs), device=device)
        total = torch.zeros(len(pairs), dtype=torch.float64, device=device)
        for start in range(0, len(targets), TARGET_ROWS):
            tile = torch.from_numpy(np.array(targets[start : start + TARGET_ROWS])).to(device, kind).contiguous()
            for top in range(0, len(pairs), PAIR_ROWS):
                rows = slice(top, top + PAIR_ROWS)
                if exact:
                    from ...kernels.tensor_cores import largest_similarity

                    peak[rows] = torch.maximum(peak[rows], largest_similarity(pairs[rows], tile))
                else:
                    _add(pairs[rows], tile, order, peak[rows], total[rows])
        norm = peak if order == math.inf else peak * total ** (1 / order)
        result[:] = norm.float().cpu().numpy()
    result[bad | ~np.isfinite(result)] = np.nan
    return result


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

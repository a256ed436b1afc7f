"""negCLIPLoss of one batch of pairs: a tiled, online log-sum-exp; the B x B matrix never exists."""

from typing import TYPE_CHECKING

import numpy as np

from ...kernels import matmul

if TYPE_CHECKING:
    import torch

SAFE_EXPONENT = 80.0  # exp(±80) is a normal float32
TILE = (1024, 2048)  # rows x columns of the similarity tile: 8 MB, stays in cache
LEAST = -87.0  # exp of less is not a normal float32: it adds nothing beside 1, and takes 20 to 50 times as long


def batch_scores(images: np.ndarray, texts: np.ndarray, *, temperature: float, device: str = "cpu") -> np.ndarray:
    """The score of every pair of one batch, each pair against all the others.

    `s_ii - tau/2 [ln sum_j exp(s_ij/tau) + ln sum_j exp(s_ji/tau)]`, with s the inner products.

    images, texts: (B, d) float16 or float32, row i of both is pair i; nothing is normalised.
    Returns (B,) float32, at most 0 up to rounding; NaN where either embedding is zero or not finite, and
    such a pair is nobody's negative. Cost: 2 d B^2 FLOP and B^2 exponentials; memory: one 8 MB tile.
    """
    good = ~(matmul.bad_rows(images) | matmul.bad_rows(texts))
    scores = np.full(len(images), np.nan, np.float32)
    if not good.any():
        return scores
    if not good.all():
        images, texts = images[good], texts[good]
    if device != "cpu":
        from .accelerator import log_sums as sums_on

        logs = sums_on(images, texts, temperature=temperature, device=device)
    else:
        logs = log_sums(images, texts, temperature=temperature)
    scores[good] = -0.5 * temperature * logs
    return scores


def log_sums(images: np.ndarray, texts: np.ndarray, *, temperature: float) -> np.ndarray:
    """(B,) float64: `ln sum_j exp((s_ij - s_ii)/tau) + ln sum_j exp((s_ji - s_ii)/tau)`.

    Subtracting the positive pair's own similarity keeps every log near its final size, and makes one
    exponential serve both sums: the column sum is the row-shifted tile times `exp((s_ii - max s)/tau)`.
    Where the spread of similarities is too wide for float32, each direction keeps a running maximum.
    """
    import torch

    with torch.inference_mode(), matmul.accurate():
        a, b = (torch.from_numpy(np.ascontiguousarray(side, np.float32)) for side in (images, texts))
        own = (a * b).sum(dim=1) / temperature
        a = a / temperature
        spread = float(own.max() - own.min())
        if spread < SAFE_EXPONENT:
            rows, columns = _shared_exponentials(a, b, own)
            total = rows.log() + columns.log()
            if bool(torch.isfinite(total).all()):
                return total.numpy()
        return (running_maximum(a, b, own) + running_maximum(b, a, own)).numpy()


def _shared_exponentials(
    a: "torch.Tensor", b: "torch.Tensor", own: "torch.Tensor"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Row sums and column sums, relative to the positive pair; `a` is already divided by tau."""
    import torch

    n = len(a)
    height, width = min(TILE[0], n), min(TILE[1], n)
    peak = own.max()
    weight = torch.exp(own - peak)
    far = float(peak) > 60 and float(peak - own.min()) < 60  # then cutting at exp(-87) moves no column sum by 1e-7
    rows, columns = torch.zeros(n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
    ones = torch.ones(width)
    space = torch.empty(height * width)
    for top in range(0, n, height):
        left = a[top : top + height]
        shift = own[top : top + height, None]
        for start in range(0, n, width):
            right = b[start : start + width]
            tile = space[: len(left) * len(right)].view(len(left), len(right))
            torch.mm(left, right.T, out=tile)
            tile.sub_(shift)
            if far:
                tile.clamp_(min=LEAST)
            tile.exp_()
            set_positives(tile, top, start, 1.0)
            rows[top : top + height] += torch.mv(tile, ones[: len(right)])
            columns[start : start + width] += torch.mv(tile.T, weight[top : top + height])
    return rows, columns * torch.exp((peak - own).double())


def running_maximum(a: "torch.Tensor", b: "torch.Tensor", own: "torch.Tensor") -> "torch.Tensor":
    """`logsumexp_j (a_i . b_j) - own_i` for any spread, on any device; only one of `a`, `b` is divided by tau."""
    import torch

    n = len(a)
    height, width = min(TILE[0], n), min(TILE[1], n)
    result = torch.empty(n, dtype=torch.float64, device=a.device)
    for top in range(0, n, height):
        left = a[top : top + height]
        peak = own[top : top + height].clone()
        total = torch.zeros(len(left), device=a.device)
        for start in range(0, n, width):
            tile = left @ b[start : start + width].T
            set_positives(tile, top, start, own[top : top + height])
            higher = torch.maximum(peak, tile.amax(dim=1))
            total = total * torch.exp(peak - higher) + tile.sub_(higher[:, None]).clamp_(min=LEAST).exp_().sum(dim=1)
            peak = higher
        result[top : top + height] = (peak - own[top : top + height]).double() + total.double().log()
    return result


def set_positives(tile: "torch.Tensor", top: int, start: int, value: "float | torch.Tensor") -> None:
    """Overwrites the tile's part of the main diagonal, so that a pair's own term is exact."""
    offset = top - start
    if offset >= tile.shape[1] or -offset >= tile.shape[0]:
        return
    diagonal = tile.diagonal(offset)
    if isinstance(value, float):
        diagonal.fill_(value)
    else:
        first = max(0, -offset)
        diagonal.copy_(value[first : first + len(diagonal)])

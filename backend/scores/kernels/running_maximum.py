"""An online log-sum-exp over tiles of similarities, for any spread; on the CPU and on an accelerator."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

TILE = (1024, 2048)  # rows x columns of the similarity tile: 8 MB, stays in cache
LEAST = -87.0  # exp of less is not a normal float32: it adds nothing beside 1, and takes 20 to 50 times as long


def running_maximum(a: "torch.Tensor", b: "torch.Tensor", own: "torch.Tensor") -> "torch.Tensor":
    """`logsumexp_j (a_i . b_j) - own_i` for any spread; only one of `a`, `b` is divided by tau."""
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

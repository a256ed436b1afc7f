"""Fused kernels for an accelerator: a similarity tile is reduced while it is in registers and never reaches memory.

float16 inputs, products accumulated in float32, as exact as float32 for embeddings that are stored in float16. Every program
writes its own partial result, so that sums have one order and runs repeat to the bit. Needs only torch and triton.
"""

import torch
import triton
import triton.language as tl

BLOCK_M, BLOCK_N, BLOCK_K = 128, 256, 64
_WARPS, _STAGES, _GROUP = 8, 3, 8


@triton.jit
def _tile(a, b, n, m, d, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    """One (BM, BN) tile of a b^T in float32, with its row and column numbers; neighbouring programs share rows in cache."""
    program = tl.program_id(0)
    tiles_m, tiles_n = tl.cdiv(n, BM), tl.cdiv(m, BN)
    first = program // (GROUP * tiles_n) * GROUP
    height = tl.minimum(tiles_m - first, GROUP)
    tile_m = first + (program % (GROUP * tiles_n)) % height
    tile_n = (program % (GROUP * tiles_n)) // height
    rows, columns = tile_m * BM + tl.arange(0, BM), tile_n * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    left = a + rows[:, None].to(tl.int64) * d + k[None, :]
    right = b + columns[None, :].to(tl.int64) * d + k[:, None]
    total = tl.zeros((BM, BN), dtype=tl.float32)
    for start in range(0, d, BK):
        inside = k < d - start
        x = tl.load(left, mask=(rows[:, None] < n) & inside[None, :], other=0.0)
        y = tl.load(right, mask=(columns[None, :] < m) & inside[:, None], other=0.0)
        total = tl.dot(x, y, total)
        left += BK
        right += BK
    return total, rows, columns, tile_m, tile_n


@triton.jit
def _exponentials(
    a, b, own, weight, row_parts, column_parts, n, d, scale,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    total, rows, columns, tile_m, tile_n = _tile(a, b, n, n, d, BM, BN, BK, GROUP)
    shift = tl.load(own + rows, mask=rows < n, other=0.0)
    share = tl.load(weight + rows, mask=rows < n, other=0.0)
    e = tl.exp2((total - shift[:, None]) * scale)
    e = tl.where(rows[:, None] == columns[None, :], 1.0, e)
    e = tl.where((rows[:, None] < n) & (columns[None, :] < n), e, 0.0)
    tl.store(row_parts + tile_n.to(tl.int64) * n + rows, tl.sum(e, axis=1), mask=rows < n)
    tl.store(column_parts + tile_m.to(tl.int64) * n + columns, tl.sum(e * share[:, None], axis=0), mask=columns < n)


@triton.jit
def _largest(
    a, b, parts, n, m, d, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr
):  # fmt: skip
    total, rows, columns, tile_m, tile_n = _tile(a, b, n, m, d, BM, BN, BK, GROUP)
    tl.store(parts + tile_n.to(tl.int64) * n + rows, tl.max(tl.abs(total), axis=1), mask=rows < n)


def exponential_sums(
    a: torch.Tensor, b: torch.Tensor, own: torch.Tensor, weight: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """`sum_j exp((a_i.b_j - own_i)/tau)` and `sum_i weight_i exp((a_i.b_j - own_i)/tau)`, two (n,) float64; the positive
    pair's exponential is exactly 1. a, b: (n, d) float16, contiguous; own, weight: (n,) float32."""
    n, d = a.shape
    tiles_m, tiles_n = triton.cdiv(n, BLOCK_M), triton.cdiv(n, BLOCK_N)
    row_parts = torch.empty(tiles_n, n, device=a.device)
    column_parts = torch.empty(tiles_m, n, device=a.device)
    _exponentials[(tiles_m * tiles_n,)](
        a, b, own, weight, row_parts, column_parts, n, d, 1.4426950408889634 / temperature,
        BLOCK_M, BLOCK_N, BLOCK_K, _GROUP, num_warps=_WARPS, num_stages=_STAGES,
    )  # fmt: skip
    return row_parts.sum(dim=0, dtype=torch.float64), column_parts.sum(dim=0, dtype=torch.float64)


def largest_similarity(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """`max_m |a_i.b_m|`, (n,) float32, of (n, d) and (m, d) float16, contiguous."""
    (n, d), m = a.shape, len(b)
    tiles_m, tiles_n = triton.cdiv(n, BLOCK_M), triton.cdiv(m, BLOCK_N)
    parts = torch.empty(tiles_n, n, device=a.device)
    _largest[(tiles_m * tiles_n,)](
        a, b, parts, n, m, d, BLOCK_M, BLOCK_N, BLOCK_K, _GROUP, num_warps=_WARPS, num_stages=_STAGES
    )
    return parts.amax(dim=0)

"""NormSim: the p-norm of an image's similarities to a target set."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import devices
from ..errors import InputError
from ..kernels import matmul
from ..pool import Pool
from ..progress import Progress, silent
from ..targets import target_path
from .base import Batch, Each, Method, here, param
from .kernels.targets import fitting_target, held, padded, second_moment, tiles
from .vas import quadratic_form

TILE = (1024, 2048)  # pairs x targets: 8 MB of similarities


def read_norm(p: str | float) -> float:
    """The order of the norm: a number >= 1, or infinity (`inf`). Raises InputError."""
    try:
        order = float(p)
    except ValueError:
        order = math.nan
    if not order >= 1:
        raise InputError(f"p is {p!r}; allowed is a number of at least 1, or inf.")
    return order


def norm_similarity(vectors: np.ndarray, targets: Any, p: str | float, *, device: str = "cpu") -> np.ndarray:
    """`( sum_m |<g_m, f_i>|^p )^(1/p)` of every row f_i of `vectors` (n, d), over the rows g_m of `targets` (M, d).

    p = inf is the largest absolute similarity, p = 2 goes through the d x d second moment. Returns (n,) float32; zero or
    non-finite rows give NaN. Targets are streamed in tiles (a memory map will do), the (n, M) matrix never exists;
    pairs are taken in tiles of one fixed size, so that a score does not depend on the neighbours.
    Cost: 2 M d FLOP per pair, for p = 2 only 1.25 d^2.
    """
    order = read_norm(p)
    if order == 2:
        return root_form(vectors, second_moment(targets) * len(targets), device=device)
    if device != "cpu":
        from .kernels.accelerator import norm_similarity as on_accelerator

        return on_accelerator(vectors, targets, order, device=device)
    import torch

    bad = matmul.bad_rows(vectors)
    left = padded(vectors, bad, TILE[0])
    peak, total = np.zeros(len(left), np.float32), np.zeros(len(left), np.float64)
    space = torch.empty(TILE[0] * TILE[1])
    with torch.inference_mode(), matmul.accurate():
        for tile in tiles(targets, TILE[1]):
            right = torch.from_numpy(tile).T
            for start in range(0, len(left), TILE[0]):
                rows = slice(start, start + TILE[0])
                out = space[: TILE[0] * len(tile)].view(TILE[0], len(tile))
                similarity = torch.mm(left[rows], right, out=out).numpy()
                _add(similarity, order, peak[rows], total[rows])
    norm = peak if order == math.inf else peak * total ** (1 / order)
    result = norm[: len(vectors)].astype(np.float32)
    result[bad | ~np.isfinite(result)] = np.nan
    return result


def root_form(vectors: np.ndarray, moment_sum: np.ndarray, *, device: str = "cpu") -> np.ndarray:
    """NormSim_2 from `sum_m g_m g_m^T` (d, d): the root of the quadratic form, (n,) float32."""
    return np.sqrt(np.maximum(quadratic_form(vectors, moment_sum, device=device), 0))


def _add(similarity: np.ndarray, order: float, peak: np.ndarray, total: np.ndarray) -> None:
    """Adds |similarity|^p to `total`, kept relative to the running `peak` so that no power under- or overflows."""
    new = np.maximum(peak, np.maximum(similarity.max(axis=1), -similarity.min(axis=1)))
    if order != math.inf:
        safe = np.where(new > 0, new, np.float32(1))
        np.abs(similarity, out=similarity)
        np.divide(similarity, safe[:, None], out=similarity)
        total *= (peak / safe).astype(np.float64) ** order
        total += np.power(similarity, np.float32(order), out=similarity).sum(axis=1, dtype=np.float64)
    peak[:] = new


@dataclass(frozen=True, kw_only=True)
class NormSim(Method):
    """NormSim_p: `|| (<g_1, f_i>, ..., <g_M, f_i>) ||_p` over the M image embeddings of a target set.

    Images only; both sides unit-norm; absolute values, so a similarity of -1 counts as 1. p = inf (the paper's best) is
    the similarity to the nearest target, p = 2 ranks as VAS. Meant for the survivors of a quality score: alone,
    NormSim_inf of ImageNet-1k is DataComp's "ImageNet distance", which does worse than no filter.
    The paper is said to cut at 0.7; every released script keeps a fraction (top 20 % of the pool after 30 % by CLIPLoss).

    Reads (n, d) embeddings, gives (n,) float32, NaN for a zero or non-finite embedding. Targets are read from disk in
    tiles. Cost: 2 M d FLOP per pair: 2 GFLOP for ImageNet-1k's 1.28M images at 768-d, 3.2 for target24's 2.1M.
    """

    id = "normsim"
    order = 60
    title = "NormSim"
    formula = r"\Big(\sum_{m=1}^{M} \big|\langle g_m, f_i\rangle\big|^p\Big)^{1/p}"
    paper = "Wang et al. 2024 (negCLIPLoss and NormSim), arXiv 2405.19547"
    cost = "2 GFLOP per pair for ImageNet-1k as target at 768 dimensions; 0.74 MFLOP for p = 2"
    published = (
        "DataComp medium, CLIPLoss top 30 % then NormSim-inf top 20 %, independent runs: target IN-1k ImageNet 32.8, average "
        "of 38 tasks 35.3; target24 32.7 and 35.7. Alone, top 20 % of IN-1k: 19.3 and 25.2 (no filter: 17.6, 25.8)"
    )
    scan_rows = 16384
    inputs = ("{model}_img",)

    model: str = param("l14", "model whose image embeddings are compared", of="model")
    target: str = param("imagenet1k", "target set that images should be near", of="target")
    p: str = param("inf", "order of the norm: inf, or a number of at least 1")
    device: str = param("auto", "where the products run", of="device")

    def __post_init__(self) -> None:
        super().__post_init__()
        read_norm(self.p)

    def check(self, pool: Pool) -> None:
        super().check(pool)
        fitting_target(pool, self.target, self.model)

    def flop(self, pairs: int, dim: int, targets: int = 0) -> float:
        return 2.0 * dim * (dim * (pairs + targets) if read_norm(self.p) == 2 else float(pairs) * targets)

    def arithmetic(self) -> str:
        return "single" if read_norm(self.p) != math.inf else "half"

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> np.ndarray | str:
        """For p = 2 the target's `sum g g^T`, otherwise the path of its file."""
        targets = fitting_target(pool, self.target, self.model)
        if read_norm(self.p) == 2:
            return second_moment(targets) * len(targets)
        return str(target_path(pool, self.target, self.model))

    def score(self, batch: Batch, state: Any) -> np.ndarray:
        device, vectors = devices.choose(self.device), batch.stored(self.needs()[0])
        if isinstance(state, np.ndarray):
            return root_form(vectors, state, device=device)
        return norm_similarity(vectors, held(state, device), self.p, device=device)

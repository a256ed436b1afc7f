"""CLIPLoss and NormSim on one GPU: rate against its float16 tensor rate, and error against float64.

    python tests/benchmarks/bench_gpu.py [BATCH] [TARGETS] [DIMENSIONS]

Needs torch, triton and numpy only: the kernels are imported without the rest of Poolscope. Reach: 40 % of the tensor rate
with float32 accumulation (989 TFLOP/s on an H100 or H200), and an error under 1e-4 of the scores' spread.
"""

import sys
import time
import types
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2] / "backend"
NAMED_PEAK = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40": 181e12, "4090": 165e12}


def bare_packages() -> None:
    """`poolscope` and its folders as empty packages, so that their kernels import without LanceDB."""
    for name, folder in (("poolscope", ROOT), ("poolscope.scores", ROOT / "scores")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules.setdefault(name, package)


def rows(n: int, d: int, seed: int) -> np.ndarray:
    generator = torch.Generator("cuda").manual_seed(seed)
    made = torch.randn(n, d, device="cuda", generator=generator) + 0.3
    return torch.nn.functional.normalize(made, dim=1).half().cpu().numpy()


def seconds(work, repeat: int = 10) -> float:
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(repeat):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeat


def main() -> None:
    bare_packages()
    from poolscope.kernels import tensor_cores
    from poolscope.scores.kernels import accelerator

    batch, targets, d = ([int(a) for a in sys.argv[1:]] + [32_768, 131_072, 768][len(sys.argv) - 1 :])[:3]
    name = torch.cuda.get_device_name()
    square = torch.randn(8192, 8192, device="cuda", dtype=torch.float16)
    measured = 2 * 8192**3 / seconds(lambda: square @ square)
    peak = next((rate for key, rate in NAMED_PEAK.items() if key in name), measured)
    print(f"{name}: cuBLAS {measured / 1e12:.0f} TFLOP/s in float16, peak {peak / 1e12:.0f}")

    images, texts, tau = rows(batch, d, 0), rows(batch, d, 1), 0.01
    texts = (0.3 * images.astype(np.float32) + texts).astype(np.float32)
    texts = (texts / np.linalg.norm(texts, axis=1, keepdims=True)).astype(np.float16)
    a, b = (torch.from_numpy(x).cuda() for x in (images, texts))
    own = (a.float() * b.float()).sum(dim=1)
    weight = torch.exp((own - own.max()) / tau)
    fused = 2 * batch * batch * d / seconds(lambda: tensor_cores.exponential_sums(a, b, own, weight, tau))
    whole = 2 * batch * batch * d / seconds(lambda: accelerator.log_sums(images, texts, temperature=tau), 3)
    got = -0.5 * tau * accelerator.log_sums(images, texts, temperature=tau)
    sample = np.arange(0, batch, max(1, batch // 64))
    x, y = a.double(), b.double()
    by_row, by_column = (torch.logsumexp(p[sample] @ q.T / tau, dim=1) for p, q in ((x, y), (y, x)))
    exact = ((x * y).sum(dim=1)[sample] - 0.5 * tau * (by_row + by_column)).cpu().numpy()
    error = float(np.abs(got[sample] - exact).max() / got.std())
    print(
        f"cliploss  kernel {fused / 1e12:6.0f} TFLOP/s = {fused / peak:.2f} of peak (reach 0.40), with transfers {whole / 1e12:.0f}"
    )
    print(
        f"          error {error:.1e} of the spread (reach 1e-4); {fused / (20 * batch * d):,.0f} pairs/s at 10 partitions"
    )

    goal = rows(targets, d, 2)
    g = torch.from_numpy(goal).cuda()
    part = a[:16_384].contiguous()
    fused = 2 * len(part) * targets * d / seconds(lambda: tensor_cores.largest_similarity(part, g))
    near = tensor_cores.largest_similarity(part, g)[:64].cpu().numpy()
    exact = (part[:64].double() @ g.double().T).abs().amax(dim=1).cpu().numpy()
    print(
        f"normsim   kernel {fused / 1e12:6.0f} TFLOP/s = {fused / peak:.2f} of peak (reach 0.40), error {np.abs(near - exact).max():.1e}"
    )


if __name__ == "__main__":
    main()

"""What the benchmarks of scores share: unit vectors, the fastest float32-accurate product, and timing."""

import resource
import time
from collections.abc import Callable

import numpy as np
import torch


def unit_rows(n: int, d: int, seed: int, mean: float = 0.3) -> np.ndarray:
    """(n, d) float16 unit vectors with a common direction, as CLIP's have."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, d), dtype=np.float32) + mean
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def seconds(work: Callable[[], object], repeat: int = 3) -> float:
    """The shortest of `repeat` times, after one run to warm up."""
    work()
    return min(once(work) for _ in range(repeat))


def routes(a: np.ndarray, b: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """Ways to multiply float32 (n, d) by (m, d) transposed on the processor."""
    left, right = torch.from_numpy(a), torch.from_numpy(b)
    out, tile = np.empty((len(a), len(b)), np.float32), torch.empty(len(a), len(b))

    def through_torch(precision: str) -> Callable[[], np.ndarray]:
        def work() -> np.ndarray:
            torch.set_float32_matmul_precision(precision)
            try:
                return torch.mm(left, right.T, out=tile).numpy()
            finally:
                torch.set_float32_matmul_precision("highest")

        return work

    found = {f"torch {precision}": through_torch(precision) for precision in ("highest", "high", "medium")}
    return {"numpy": lambda: np.matmul(a, b.T, out=out), **found}


def against_the_fastest_product(
    work: Callable[[], object], flop: float, d: int, rounds: int = 6
) -> tuple[str, float, float]:
    """`(route, its FLOP/s, the FLOP/s of work)` on one core: the best of alternating runs, so that other load hits both.

    Seconds are those of the processor, which other processes on the machine don't lengthen. Only routes count whose inner products of unit vectors are off by less than 1e-6.
    """
    torch.set_num_threads(1)
    a, b = (unit_rows(n, d, seed).astype(np.float32) for n, seed in ((1024, 0), (4096, 1)))
    exact = a[:64].astype(np.float64) @ b.astype(np.float64).T
    accurate = {
        name: route
        for name, route in routes(a, b).items()
        if name != "numpy" and np.abs(route()[:64] - exact).max() < 1e-6
    }
    best = dict.fromkeys([*accurate, "ours"], 0.0)
    work()
    for _ in range(rounds):
        for name, route in accurate.items():
            best[name] = max(best[name], 2 * len(a) * len(b) * d / once(route, time.thread_time))
        best["ours"] = max(best["ours"], flop / once(work, time.thread_time))
    ours = best.pop("ours")
    fastest = max(best, key=lambda name: best[name])
    return fastest, best[fastest], ours


def alternating(*works: Callable[[], object], rounds: int = 4) -> list[float]:
    """The shortest time of each, run in turns after one run to warm up, so that other load hits all alike."""
    for work in works:
        work()
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        best = [min(least, once(work)) for least, work in zip(best, works, strict=True)]
    return best


def once(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    work()
    return clock() - start


def peak_gb() -> float:
    """The most memory that this process has held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6

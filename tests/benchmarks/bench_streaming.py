"""Pointwise methods on a pool of 768 numbers a side: pairs a second through the engine, and the most memory held.

python tests/benchmarks/bench_streaming.py [PAIRS] [METHOD …]

Makes the pool in a temporary directory and deletes it; each method runs in a process of its own, records and commit included.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from rates import peak_gb, unit_rows

D, STEP = 768, 8192
PARAMETERS: dict[str, dict[str, str]] = {"clip_score": {}, "vas": {"target": "near"}}


def make_pool(place: Path, pairs: int) -> None:
    """A pool in fragments of the usual size, written batch by batch."""
    from poolscope.pool import Pool
    from poolscope.targets import add_target

    sides = pa.schema([(name, pa.list_(pa.float16(), D)) for name in ("l14_img", "l14_txt")])
    pool = Pool.create(place, sides, {"source": "benchmark"})
    rng = np.random.default_rng(0)
    blocks = [unit_rows(STEP, D, seed) for seed in (0, 1)]

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, pairs, STEP):
            n = min(STEP, pairs - start)
            columns = [pa.array(rng.integers(0, 2**63, n).astype(np.uint64)) for _ in range(2)]
            for block in blocks:
                rows = np.roll(block[:n], start // STEP, axis=1)
                columns.append(pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), D))
            yield pa.RecordBatch.from_arrays(columns, names=["uid_hi", "uid_lo", "l14_img", "l14_txt"])

    pool.append(batches())
    np.save(place.parent / "near.npy", unit_rows(5000, D, 2))
    add_target(pool, "near", place.parent / "near.npy", model="l14")


def measure(place: str, name: str) -> None:
    from poolscope import engine
    from poolscope.pool import Pool
    from poolscope.scores import build

    pool, before = Pool.open(place), peak_gb()
    begun, cpu = time.perf_counter(), time.process_time()
    engine.run(pool, build(name, **PARAMETERS[name]))
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    rate = len(pool) / took
    print(
        f"{name:12} {len(pool):,} pairs in {took:,.0f} s ({cpu:,.0f} s of processor): {rate:,.0f} pairs/s; 12.8M pairs: "
        f"{12.8e6 / rate / 60:,.1f} min ({12.8e6 * cpu / len(pool) / 60:,.1f} min of processor)"
    )
    print(f"{'':12} peak memory {peak_gb():.2f} GB, {before:.2f} GB before (reach: 2)", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        measure(*sys.argv[2:])
        return
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    with tempfile.TemporaryDirectory() as folder:
        make_pool(Path(folder) / "pool", pairs)
        print(f"load {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores", flush=True)
        for name in sys.argv[2:] or PARAMETERS:
            subprocess.run([sys.executable, __file__, "--measure", str(Path(folder) / "pool"), name], check=True)


if __name__ == "__main__":
    main()

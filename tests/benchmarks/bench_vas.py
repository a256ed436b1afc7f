"""vas: pairs a second through the pool, against a bare scan of the embedding column in the same process.

Once from the page cache, as a column that was just read, and once from the disk, as one that is larger than the memory.

python tests/benchmarks/bench_vas.py [PAIRS]
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from rates import alternating, peak_gb, unit_rows

from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.targets import add_target

D = 768


def make_pool(place: Path, pairs: int) -> Pool:
    pool = Pool.create(place, pa.schema([("l14_img", pa.list_(pa.float16(), D))]), {"source": "benchmark"})
    rng = np.random.default_rng(0)
    block = unit_rows(8192, D, 0)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, pairs, 8192):
            n = min(8192, pairs - start)
            rows = np.roll(block[:n], start // 8192, axis=1)
            columns = [pa.array(rng.integers(0, 2**63, n).astype(np.uint64)) for _ in range(2)]
            columns.append(pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), D))
            yield pa.RecordBatch.from_arrays(columns, names=["uid_hi", "uid_lo", "l14_img"])

    pool.append(batches())
    return pool


def forget(folder: Path) -> None:
    """Has the system drop these files from memory."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        pool = make_pool(Path(folder) / "pool", pairs)
        np.save(Path(folder) / "t.npy", unit_rows(5000, D, 2))
        add_target(pool, "near", Path(folder) / "t.npy", model="l14")
        method = build("vas", target="near")
        state = method.prepare(pool)

        def scan() -> None:
            for _ in pool.scan(["l14_img"], batch_size=method.scan_rows):
                pass

        def score() -> None:
            for unit in method.units(pool):
                method.compute(pool, unit, state)

        def cold(work: Callable[[], None]) -> float:
            forget(pool.path)
            started = time.perf_counter()
            work()
            return time.perf_counter() - started

        for place in ("page cache", "disk"):
            if place == "disk":
                took = np.min([(cold(scan), cold(score)) for _ in range(3)], axis=0)
                bare, ours = (pairs / seconds for seconds in took)
            else:
                bare, ours = (pairs / seconds for seconds in alternating(scan, score))
            print(f"from the {place}: bare scan {bare:,.0f} pairs/s, {bare * 2 * D / 1e9:.2f} GB/s")
            print(f"vas         {ours:12,.0f} pairs/s, so 12.8M pairs take {12.8e6 / ours:,.0f} s")
            print(f"ratio       {ours / bare:12.2f}  (reach: 0.50)")
        print(f"peak memory {peak_gb():12.2f} GB (reach: 2)")


if __name__ == "__main__":
    main()

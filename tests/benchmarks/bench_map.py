"""The map of a large pool: from the start of the process to the first map, and until every pair is placed.

    python tests/benchmarks/bench_map.py POOL [--dim 128]

A pool without image embeddings gets made-up ones (float16, 400 clusters of uneven size in 24 directions, and noise).
Prints one JSON line.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from poolscope.pool import Pool
from poolscope.pool.columns import fixed_list
from poolscope.projection.everyone import build_large

MODEL = "l14"
ROWS = 65_536


def made_up(pairs: int, dim: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    rng = np.random.default_rng(0)
    turn = rng.normal(size=(24, dim)).astype(np.float32) / np.sqrt(dim)
    centres = (rng.normal(size=(400, 24)) * 1.6).astype(np.float32)
    sizes = rng.exponential(size=400)
    for start in range(0, pairs, ROWS):
        count = min(ROWS, pairs - start)
        inner = (
            centres[rng.choice(400, count, p=sizes / sizes.sum())] + rng.standard_normal((count, 24), np.float32) * 0.5
        )
        vectors = inner @ turn + rng.standard_normal((count, dim), np.float32) * 0.03
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        whole = fixed_list(vectors.astype(np.float16))
        for at in range(0, count, 8192):
            yield pa.RecordBatch.from_arrays([whole.slice(at, 8192)], schema=schema)


def main() -> None:
    began = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--dim", type=int, default=128)
    chosen = parser.parse_args()
    pool = Pool.open(chosen.pool)
    if f"{MODEL}_img" not in pool.columns:
        schema = pa.schema([(f"{MODEL}_img", pa.list_(pa.float16(), chosen.dim))])
        pool.add_column_stream(
            schema, made_up(len(pool), chosen.dim, schema), kind="embedding", made_by={"model": "made up"}
        )
        print(f"embeddings made up in {time.perf_counter() - began:.0f} s", flush=True)
    began, cpu = time.perf_counter(), time.process_time()
    stages: dict[str, tuple[float, float]] = {}

    def progress(done: int, total: int, told: str = "") -> None:
        stages.setdefault(told, (round(time.perf_counter() - began, 1), round(time.process_time() - cpu, 1)))

    made = build_large(pool, MODEL, progress=progress)
    figures = {
        "pairs": len(pool),
        "dim": pool.columns[f"{MODEL}_img"].dim,
        "points": len(made),
        "landmarks": made.made_by["landmarks"],
        "stage_begins_s_and_cpu_s": stages,
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

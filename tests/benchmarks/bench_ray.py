"""The same score on 1 and on 2 local Ray workers: wall time, efficiency, and the same column.

    python tests/benchmarks/bench_ray.py POOL [--method basic]

Wall time says something only on free cores; the load is told beside it. Prints one JSON line.
"""

import argparse
import json
import os
import time
from pathlib import Path

from poolscope.engine import run
from poolscope.pool import Pool
from poolscope.scores import build


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--method", default="basic")
    chosen = parser.parse_args()
    pool = Pool.open(chosen.pool)
    took, columns = [], []
    for workers in (1, 2):
        began = time.perf_counter()
        name = f"bench_ray_{workers}"
        pool = run(pool, build(chosen.method), column=name, engine="ray", workers=workers, replace=True)
        took.append(round(time.perf_counter() - began, 1))
        columns.append(pool.array(name).tobytes())
        pool.drop_column(name)
    assert columns[0] == columns[1]
    figures = {"pairs": len(pool), "method": chosen.method, "one_s": took[0], "two_s": took[1]}
    print(json.dumps({**figures, "efficiency": round(took[0] / took[1] / 2, 2), "load": round(os.getloadavg()[0], 1)}))


if __name__ == "__main__":
    main()

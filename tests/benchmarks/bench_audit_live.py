"""What a slider step of the audit costs at 12.8M pairs and 200 groups: run as a script.

python tests/benchmarks/bench_audit_live.py [pairs] [groups]
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from poolscope.audit import Definition, Group, Groups, headline, measure
from poolscope.audit.curve import curves
from poolscope.kernels import bits, counts

REPEATS = 25


def groups_of(pairs: int, count: int) -> Groups:
    """Groups that hold a half, a quarter, … a 4,096th of the pool, as families do: k random words joined by AND."""
    rng = np.random.default_rng(0)
    matrix = np.full((count, bits.words(pairs)), np.uint64(0xFFFFFFFFFFFFFFFF))
    for number in range(count):
        for _ in range(1 + number * 12 // count):
            matrix[number] &= rng.integers(0, 2**64, matrix.shape[1], dtype=np.uint64)
    matrix[:, -1] = 0
    return Groups.of(
        [
            Group(Definition(f"a.{i}", "a", str(i), f"mentions {i}", "", "", "bench"), row)
            for i, row in enumerate(matrix)
        ],
        pairs,
    )


def spent(what: str, call: Callable[[], object], repeats: int = REPEATS) -> None:
    """Prints the least and the median wall time, and the median processor time, over `repeats` calls."""
    call()
    wall, used = [], []
    for _ in range(repeats):
        before, began = time.process_time(), time.perf_counter()
        call()
        wall.append(time.perf_counter() - began)
        used.append(time.process_time() - before)
    print(
        f"{what}: least {1000 * min(wall):.1f} ms, median {1000 * np.median(wall):.1f} ms, processor {1000 * np.median(used):.1f} ms"
    )


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 12_800_000
    groups = groups_of(pairs, int(sys.argv[2]) if len(sys.argv) > 2 else 200)
    rng = np.random.default_rng(1)
    mask = rng.random(pairs) < 0.3
    packed = bits.pack(mask)
    print(f"{pairs:,} pairs, {len(groups)} groups, {groups.matrix.nbytes / 1e6:.0f} MB of bitmaps")
    spent("pack the mask", lambda: bits.pack(mask))
    spent("count the groups", lambda: counts.group_counts(groups.matrix, packed))
    spent("all figures of a slider step", lambda: measure(groups, mask))
    spent("headline", lambda: headline(groups, mask))
    scores = rng.random(pairs, dtype=np.float32)
    spent("histograms of a score in all groups (once per score)", lambda: curves(groups, scores), repeats=2)


if __name__ == "__main__":
    main()

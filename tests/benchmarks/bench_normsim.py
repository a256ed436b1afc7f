"""normsim with p = inf: its FLOP rate against the fastest float32-accurate matrix product of this machine.

python tests/benchmarks/bench_normsim.py [PAIRS] [TARGETS] [DIMENSIONS]
"""

import sys

import numpy as np
from rates import against_the_fastest_product, peak_gb, unit_rows

from poolscope.scores.normsim import norm_similarity


def main() -> None:
    pairs, targets, d = ([int(a) for a in sys.argv[1:]] + [8_192, 8_192, 768][len(sys.argv) - 1 :])[:3]
    vectors, target = unit_rows(pairs, d, 0).astype(np.float32), unit_rows(targets, d, 1)
    route, ceiling, ours = against_the_fastest_product(
        lambda: norm_similarity(vectors, target, "inf"), 2 * pairs * targets * d, d
    )
    print(f"fastest accurate product  {ceiling / 1e9:8.0f} GFLOP/s ({route})")
    print(f"normsim                   {ours / 1e9:8.0f} GFLOP/s")
    print(f"ratio                     {ours / ceiling:8.2f}  (reach: 0.60)")
    print(f"peak memory               {peak_gb():8.2f} GB (reach: 1.5, whatever the pool's and the target's size)")


if __name__ == "__main__":
    main()

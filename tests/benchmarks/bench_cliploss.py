"""cliploss: its FLOP rate against the fastest float32-accurate matrix product of this machine, and its memory.

python tests/benchmarks/bench_cliploss.py [BATCH] [DIMENSIONS]
"""

import sys

from rates import against_the_fastest_product, peak_gb, unit_rows

from poolscope.scores.kernels.cliploss_kernel import batch_scores


def main() -> None:
    batch, d = ([int(a) for a in sys.argv[1:]] + [8_192, 768][len(sys.argv) - 1 :])[:2]
    images, texts = unit_rows(batch, d, 0), unit_rows(batch, d, 1)
    route, ceiling, ours = against_the_fastest_product(
        lambda: batch_scores(images, texts, temperature=0.01), 2 * batch * batch * d, d
    )
    print(f"fastest accurate product  {ceiling / 1e9:8.0f} GFLOP/s ({route})")
    print(
        f"cliploss, batch {batch:,}   {ours / 1e9:8.0f} GFLOP/s, {ours / (20 * batch * d):,.0f} pairs/s at 10 partitions of this batch"
    )
    print(f"ratio                     {ours / ceiling:8.2f}  (reach: 0.60)")
    print(f"peak memory               {peak_gb():8.2f} GB (reach: 1.5, whatever the pool's size)")


if __name__ == "__main__":
    main()

"""Import of DataComp-shaped metadata, with or without features; with them, against copying the same bytes.

python tests/benchmarks/import_pool.py METADATA_DIR POOL     (POOL is made, and removed at the end with --remove)
"""

import argparse
import os
import resource
import shutil
import time
from pathlib import Path

from poolscope.pool import Pool
from poolscope.sources import import_datacomp


def copied(source: Path, target: Path) -> float:
    """Seconds to copy the files and put them on the disk."""
    started = time.perf_counter()
    shutil.copytree(source, target)
    os.sync()
    took = time.perf_counter() - started
    shutil.rmtree(target)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metadata", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--remove", action="store_true")
    chosen = parser.parse_args()
    size = sum(path.stat().st_size for path in chosen.metadata.iterdir())
    copying = copied(chosen.metadata, chosen.pool.with_name(chosen.pool.name + "-copy"))
    started, cpu = time.perf_counter(), time.process_time()
    report = import_datacomp(chosen.metadata, chosen.pool)
    os.sync()
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{report.added:,} pairs, {size / 1e9:.2f} GB: imported in {took:.1f} s ({cpu:.1f} s of one core), peak {peak:.2f} GB"
    )
    print(f"copying the same bytes: {copying:.1f} s; the import has {copying / took:.0%} of its speed")
    assert len(Pool.open(chosen.pool)) == report.added + report.present
    if chosen.remove:
        shutil.rmtree(chosen.pool)


if __name__ == "__main__":
    main()

"""A reshard of 30 % of a pool by the tar index, against reading every shard through; and how the cost grows.

    python tests/benchmarks/reshard.py DIR [--pairs 60000]

DIR gets a pool of that many pairs and its shards (about 20 kB a sample), and is emptied at the end.
"""

import argparse
import io
import json
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from make_pool import make

from poolscope.export import export_shards
from poolscope.pool import Pool
from poolscope.recipe import Recipe, load, select
from poolscope.sources import import_datacomp, index_shards


def through(shards: Path, uids: set[str], out: Path) -> int:
    """Reads every tar as a stream and writes the samples whose uid is kept, as DataComp's resharder does."""
    out.mkdir()
    with tarfile.open(out / "0.tar", "w", format=tarfile.USTAR_FORMAT) as target:
        return sum(_kept(sample, uids, target) for path in sorted(shards.glob("*.tar")) for sample in _samples(path))


def _samples(path: Path) -> Iterator[dict[str, bytes]]:
    sample: dict[str, bytes] = {}
    key = None
    with tarfile.open(path, "r|") as tar:
        for member in tar:
            stem, _, extension = member.name.partition(".")
            if sample and stem != key:
                yield sample
                sample = {}
            key = stem
            handle = tar.extractfile(member)
            sample[extension] = handle.read() if handle else b""
    yield sample


def _kept(sample: dict[str, bytes], uids: set[str], target: tarfile.TarFile) -> int:
    uid = json.loads(sample["json"])["uid"]
    if uid not in uids:
        return 0
    for extension, content in sample.items():
        member = tarfile.TarInfo(f"{uid}-0.{extension}")
        member.size = len(content)
        target.addfile(member, io.BytesIO(content))
    return 1


def clocked(work) -> tuple[object, float, float]:
    started, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - started, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--pairs", type=int, default=60_000)
    chosen = parser.parse_args()
    root = chosen.directory
    metadata = make(root, chosen.pairs, file_pairs=20_000, shards=chosen.pairs)
    import_datacomp(metadata, root / "pool")
    _, wall, cpu = clocked(lambda: index_shards(Pool.open(root / "pool"), root / "shards"))
    pool = Pool.open(root / "pool")
    size = sum(path.stat().st_size for path in (root / "shards").glob("*.tar"))
    print(f"index of {chosen.pairs:,} pairs in {size / 1e9:.2f} GB: {wall:.1f} s, {cpu:.1f} s of one core")
    for top in (0.3, 0.1, 0.03):
        recipe: Recipe = load({"name": "x", "keep": [{"score": "clip_l14", "top": top}]})
        selection = select(recipe, pool)
        made, wall, cpu = clocked(lambda s=selection, t=top: export_shards(pool, s, root / f"out{t}", shard_size=5000))
        print(
            f"by index, {top:.0%}: {made.written:,} samples in {wall:.2f} s ({made.written / wall:,.0f} a second), {cpu:.2f} s of one core"
        )
        if top == 0.3:
            ours, ours_cpu = wall, cpu
            uids = set(pool.take(np.flatnonzero(selection.mask), ["uid"])["uid"].to_pylist())
            count = made.written
    written, wall, cpu = clocked(lambda: through(root / "shards", uids, root / "through"))
    assert written == count
    print(
        f"reading every shard through: {wall:.2f} s ({written / wall:,.0f} a second), {wall / ours:.1f} times as long, {cpu / ours_cpu:.1f} times the processor time"
    )
    shutil.rmtree(root)


if __name__ == "__main__":
    main()

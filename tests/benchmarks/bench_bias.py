"""Time of a whole bias report, and its null control: `python tests/benchmarks/bench_bias.py [PAIRS_PER_SET] [--null]`.

Two sets of 10,000 (or PAIRS_PER_SET) synthetic images with captions, all weight-free families, 64 pixels, the two
cores that it may use. `--null` labels the same pairs by random halves of that size instead, over 5 seeds, per family.
Aim: 10,000 per set within 10 minutes, the null control within 2 points of chance over 5 seeds.
"""

import argparse
import hashlib
import io
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw

from poolscope import bias
from poolscope.bias import groups
from poolscope.bias.controls import TOLERANCE
from poolscope.bias.families import weight_free
from poolscope.bias.sample import draw
from poolscope.bias.validation import CrossValidation, logistic
from poolscope.pool import Pool, uid_pairs

SEEDS = 5

WORDS = [
    "red", "blue", "house", "dog", "tree", "car", "photo", "of", "the", "a", "with", "old", "new", "summer", "sale",
    "icon", "vector", "shirt", "street", "view",
]  # fmt: skip


def image_bytes(number: int) -> bytes:
    """A JPEG of 256 pixels with shapes on a ground; odd numbers have a whiter ground."""
    rng = np.random.default_rng(number)
    ground = tuple(int(value) for value in rng.integers(150 if number % 2 else 60, 256, 3))
    image = Image.new("RGB", (256, 192 + number % 64), ground)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 12))):
        left, top = (int(value) for value in rng.integers(0, 200, 2))
        wide, high = (int(value) for value in rng.integers(10, 90, 2))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)([left, top, left + wide, top + high], fill=colour)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=int(rng.integers(60, 95)))
    return out.getvalue()


def make_pool(path: Path, count: int) -> Pool:
    rng = np.random.default_rng(0)
    places, content = [], bytearray()
    for number in range(count):
        made = image_bytes(number)
        places.append((len(content), len(made)))
        content += made
    path.mkdir(parents=True)
    (path / "images.bin").write_bytes(content)
    uids = uid_pairs(pa.array([hashlib.md5(str(number).encode()).hexdigest() for number in range(count)]))
    columns = {
        "text": pa.array([" ".join(rng.choice(WORDS, rng.integers(3, 12))) for _ in range(count)]),
        "image": pa.array([str(path / "images.bin")] * count),
        "image_offset": pa.array([offset for offset, _ in places]),
        "image_bytes": pa.array([size for _, size in places]),
        "side": pa.array(["odd" if number % 2 else "even" for number in range(count)]),
    }
    table = pa.table({"uid_hi": uids["f0"], "uid_lo": uids["f1"], **columns})
    pool = Pool.create(path / "pool", table.schema, {"made_by": "bench_bias"})
    pool.append(table.to_batches(max_chunksize=8192))
    return pool.reload()


def whole_report(pool: Pool, per_set: int) -> dict[str, object]:
    """A report on two sets that differ, and the seconds that it took."""
    began, cpu = time.monotonic(), time.process_time()
    report = bias.build(bias.by_column("side", pool), bias.Settings(per_set=per_set))
    null = report["controls"]["null"]
    slowest = sorted(report["families"], key=lambda one: -one["seconds"])[:5]
    return {
        "pairs_per_set": per_set, "families": len(report["families"]),
        "seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "null": round(null["accuracy"], 4), "null_runs": [round(run["accuracy"], 4) for run in null["runs"]],
        "slowest": {one["family"]: one["seconds"] for one in slowest},
    }  # fmt: skip


def null_of_every_family(pool: Pool, per_set: int) -> Iterator[dict[str, object]]:
    """Per family the accuracy on random halves of `per_set` pairs each, over 5 seeds."""
    everything = [bias.PairSet("all", pool, np.arange(len(pool)))]
    sample = draw(everything, per_set=2 * per_set)
    ids = groups.find(sample).ids
    members = np.ones(len(sample), dtype=bool)
    meters = [
        CrossValidation(labels=sample.halves(members, 2, seed), groups=ids, seed=seed, replicates=20, threads=2)
        for seed in range(SEEDS)
    ]
    for family in weight_free():
        features = family.features(sample)
        found = [validation.accuracy_of(logistic(features)).accuracy for validation in meters]
        yield {
            "family": family.name, "mean": round(float(np.mean(found)), 4), "runs": [round(one, 4) for one in found],
            "within": abs(float(np.mean(found)) - 0.5) <= TOLERANCE,
        }  # fmt: skip


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("per_set", nargs="?", type=int, default=10_000)
    words.add_argument("--null", action="store_true")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        pool = make_pool(Path(directory) / "bench", 2 * asked.per_set)
        print(json.dumps({"load": os.getloadavg()}), flush=True)
        for found in null_of_every_family(pool, asked.per_set) if asked.null else [whole_report(pool, asked.per_set)]:
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()

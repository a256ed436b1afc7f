"""Time of a whole bias report: `python tests/benchmarks/bench_bias.py [PAIRS_PER_SET]`, 10,000 by default.

Two sets of synthetic pictures with captions, all weight-free families, 64 pixels, the two cores that it may use.
Aim: 10,000 per set within 10 minutes, the null control within 2 points of chance over 5 seeds.
"""

import hashlib
import io
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw

from backend import bias
from backend.pool import Pool, uid_pairs

WORDS = [
    "red",
    "blue",
    "house",
    "dog",
    "tree",
    "car",
    "photo",
    "of",
    "the",
    "a",
    "with",
    "old",
    "new",
    "summer",
    "sale",
    "icon",
    "vector",
    "shirt",
    "street",
    "view",
]


def picture(number: int) -> bytes:
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
        made = picture(number)
        places.append((len(content), len(made)))
        content += made
    path.mkdir(parents=True)
    (path / "pictures.bin").write_bytes(content)
    uids = uid_pairs(pa.array([hashlib.md5(str(number).encode()).hexdigest() for number in range(count)]))
    columns = {
        "text": pa.array([" ".join(rng.choice(WORDS, rng.integers(3, 12))) for _ in range(count)]),
        "image": pa.array([str(path / "pictures.bin")] * count),
        "image_offset": pa.array([offset for offset, _ in places]),
        "image_size": pa.array([size for _, size in places]),
        "side": pa.array(["odd" if number % 2 else "even" for number in range(count)]),
    }
    table = pa.table({"uid_hi": uids["f0"], "uid_lo": uids["f1"], **columns})
    pool = Pool.create(path / "pool", table.schema, {"made_by": "bench_bias"})
    pool.append(table.to_batches(max_chunksize=8192))
    return pool.reload()


def main() -> None:
    per_set = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as directory:
        pool = make_pool(Path(directory) / "bench", 2 * per_set)
        began, cpu = time.monotonic(), time.process_time()
        report = bias.build(bias.by_column("side", pool), bias.Settings(per_set=per_set))
        null = report["controls"]["null"]
        print(
            json.dumps(
                {
                    "pairs_per_set": per_set,
                    "families": len(report["families"]),
                    "seconds": round(time.monotonic() - began, 1),
                    "cpu_seconds": round(time.process_time() - cpu, 1),
                    "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
                    "null": round(null["accuracy"], 4),
                    "null_runs": [round(run["accuracy"], 4) for run in null["runs"]],
                    "slowest": {
                        one["family"]: one["seconds"]
                        for one in sorted(report["families"], key=lambda one: -one["seconds"])[:5]
                    },
                }
            )
        )


if __name__ == "__main__":
    main()

"""Search on a large pool: time by index and by reading everything, and the recall of text-to-image search by index.

    python tests/benchmarks/bench_search.py POOL [--pairs 1000000] [--dim 768] [--queries 100] [--exact 20]

A pool that is not there is made: captions of made-up words with a few thousand real frequencies, images and captions
as CLIP has them: two narrow cones far apart (cosine of a matching pair about 0.3), 2,000 topics inside, of which
captions know a part. A pool that is there is searched with its own caption embeddings. Prints one JSON line.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from poolscope.pool import Pool
from poolscope.search import by_word, index, nearest

ROWS = 65_536
WORDS = 30_000


def made_up(pairs: int, dim: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(dim, 64)))[0].T.astype(np.float32)
    topics = rng.normal(size=(2000, 64)).astype(np.float32)
    gaps = {side: rng.normal(size=dim).astype(np.float32) * 1.3 / np.sqrt(dim) for side in ("img", "txt")}
    words = np.array([f"w{number}" for number in range(WORDS)])
    chance = 1 / np.arange(1, WORDS + 1)
    cumulative = np.cumsum(chance / chance.sum())
    for start in range(0, pairs, ROWS):
        count = min(ROWS, pairs - start)
        known = topics[rng.integers(0, 2000, count)] + rng.standard_normal((count, 64), np.float32) * 0.7
        sides = {}
        for side, share in (("img", 0.0), ("txt", 0.9)):
            inner = known + rng.standard_normal((count, 64), np.float32) * share
            vectors = inner @ turn * 0.09 + gaps[side] + rng.standard_normal((count, dim), np.float32) * 0.012
            sides[side] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
        chosen = words[np.minimum(np.searchsorted(cumulative, rng.random((count, 9))), WORDS - 1)]
        arrays = [
            pa.array(rng.integers(0, 2**63, count, dtype=np.uint64)),
            pa.array(np.arange(start, start + count, dtype=np.uint64)),
            pa.array([" ".join(row) for row in chosen]),
            *(pa.FixedSizeListArray.from_arrays(pa.array(sides[side].ravel()), dim) for side in ("img", "txt")),
        ]
        whole = pa.RecordBatch.from_arrays(arrays, schema=schema)
        for at in range(0, count, 4096):
            yield whole.slice(at, 4096)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--model", default="l14")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument(
        "--exact", type=int, default=20, help="so many of them are searched exactly too, for the recall"
    )
    chosen = parser.parse_args()
    sides = [f"{chosen.model}_{side}" for side in ("img", "txt")]
    if (chosen.pool / "pool.json").exists():
        pool = Pool.open(chosen.pool)
    else:
        fields = [pa.field("text", pa.utf8()), *(pa.field(name, pa.list_(pa.float16(), chosen.dim)) for name in sides)]
        pool = Pool.create(chosen.pool, pa.schema(fields), {"source": "made up"})
        pool.append(made_up(chosen.pairs, chosen.dim, pool.schema))
    built = {}
    for name in ("text", sides[0]):
        began, cpu = time.perf_counter(), time.process_time()
        index(pool, [name])
        built[name] = {"s": round(time.perf_counter() - began, 1), "cpu_s": round(time.process_time() - cpu, 1)}
    rows = np.random.default_rng(1).choice(len(pool), chosen.queries, replace=False)
    queries = pool.embeddings(sides[1], rows)
    times: dict[str, list[float]] = {"vector": [], "vector_exact": [], "word": [], "word_exact": []}
    recall: dict[int, list[float]] = {10: [], 60: []}

    def timed(what: str, search):
        began = time.perf_counter()
        hits = search()
        times[what].append(1000 * (time.perf_counter() - began))
        return hits

    nearest(pool, queries[0], sides[0])
    matching = []
    for number, query in enumerate(queries):
        quick = timed("vector", lambda query=query: nearest(pool, query, sides[0]))
        assert quick.by_index
        if number >= chosen.exact:
            continue
        plain = timed("vector_exact", lambda query=query: nearest(pool, query, sides[0], exact=True))
        for k, values in recall.items():
            values.append(float(np.isin(plain.rows[:k], quick.rows).mean()))
        matching.append(float(plain.similarity[0]))
    texts = pool.take(rows[:20], ["text"])["text"].to_pylist()
    for text in texts:
        plain_words = [word for word in text.split() if word.isalnum()][:2]
        if plain_words:
            timed("word", lambda words=plain_words: by_word(pool, " ".join(words)))
            timed("word_exact", lambda words=plain_words: by_word(pool, " ".join(words), exact=True))
    figures = {
        what: {"median_ms": round(float(np.median(values)), 1), "p95_ms": round(float(np.percentile(values, 95)), 1)}
        for what, values in times.items()
    }
    print(
        json.dumps(
            {
                "pairs": len(pool), "dim": int(queries.shape[1]), "index": built, **figures,
                "recall_text_to_image": {f"at_{k}": round(float(np.mean(v)), 4) for k, v in recall.items()},
                "best_cosine": round(float(np.median(matching)), 3), "load": round(os.getloadavg()[0], 1),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()

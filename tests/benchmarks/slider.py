"""One slider step on a large pool: three rules, three histograms, 200 groups counted; equal to the plain selection.

python tests/benchmarks/slider.py [--pairs 12800000] [--steps 60] [--kept DIR] [--dense]

A step takes one of the three rules in turn to any fraction from 5 to 60 %. Groups hold a half, a quarter, … a 4,096th
of the pool, as families do; with `--dense` each holds a quarter. With `--kept` the scores, the ranked columns and the
uid order are mapped from files, as they are in a pool.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from poolscope.kernels import hashing
from poolscope.kernels.counts import group_counts
from poolscope.kernels.incremental import MOST, Counter
from poolscope.recipe import Recipe, load, select_columns
from poolscope.recipe.live import LiveSelection

GROUPS = 200
EDGES = np.linspace(0.0, 0.45, 65)


class Arrays:
    """Three score columns on the float16 grid, in the places of a pool's columns."""

    def __init__(self, n: int, kept: Path | None) -> None:
        self.n = n
        rank = np.arange(n, dtype=np.uint32)
        np.random.default_rng(0).shuffle(rank)
        rows = np.empty_like(rank)
        rows[rank] = np.arange(n, dtype=np.uint32)
        self.rank, self.rows_by_uid = self._held("rank", rank, kept), self._held("rows", rows, kept)
        self._scores = {}
        for number, name in enumerate(("a", "b", "c")):
            scores = np.random.default_rng(number).standard_normal(n, dtype=np.float32)
            scores *= 0.05
            scores += 0.22
            self._scores[name] = scores.astype(np.float16).astype(np.float32)

    @staticmethod
    def _held(name: str, array: np.ndarray, kept: Path | None) -> np.ndarray:
        if kept is None:
            return array
        kept.mkdir(parents=True, exist_ok=True)
        np.save(kept / f"{name}.npy", array)
        return np.load(kept / f"{name}.npy", mmap_mode="r")

    def array(self, name: str) -> np.ndarray:
        return self._scores[name]

    def states(self, seed: int) -> np.ndarray:
        return hashing.draw(seed, self.rank.astype(np.uint64), self.rank.astype(np.uint64))

    def repeats(self, file: str) -> np.ndarray | None:
        return None

    def subset(self, name: str) -> np.ndarray:
        raise NotImplementedError

    def codes(self, name: str) -> tuple[np.ndarray, list[str]]:
        raise NotImplementedError

    where = tag = subset


def resident() -> float:
    """GB of memory that the process holds, pages of mapped files among them."""
    return status("VmRSS")


def status(name: str) -> float:
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) / 1e6


def recipe(tops: list[float]) -> Recipe:
    return load({"name": "x", "keep": [{"score": name, "top": top} for name, top in zip("abc", tops)]})


def groups(pairs: int, *, dense: bool) -> np.ndarray:
    """Bitmaps `(200, words)`; each is an AND of parts of one array of random words."""
    words = -(-pairs // 64)
    some = np.random.default_rng(9).integers(0, 2**64, words + 64 * GROUPS, dtype=np.uint64)
    bitmaps = np.empty((GROUPS, words), dtype=np.uint64)
    for group in range(GROUPS):
        bitmaps[group] = some[group:][:words]
        for more in range(1 if dense else group * 12 // GROUPS):
            bitmaps[group] &= some[GROUPS * (more + 1) + 61 * group % GROUPS :][:words]
    return bitmaps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=12_800_000)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--dense", action="store_true")
    chosen = parser.parse_args()
    columns = Arrays(chosen.pairs, chosen.kept)
    rng = np.random.default_rng(9)
    live = LiveSelection(columns, chosen.kept)
    started = time.perf_counter()
    live.step(recipe([0.5, 0.3, 0.2]))
    print(f"ranking three columns of {chosen.pairs:,} pairs: {time.perf_counter() - started:.1f} s")
    bitmaps = groups(chosen.pairs, dense=chosen.dense)
    live_groups = Counter(bitmaps, chosen.pairs)
    step = live.step(recipe([0.5, 0.3, 0.2]))
    live_groups.count(step.words)
    if bitmaps.nbytes <= MOST:
        live_groups.prepare()
    edges = dict.fromkeys("abc", EDGES.astype(np.float32))
    live.histograms(step, edges)
    took: dict[int, list[float]] = {0: [], 1: [], 2: []}
    parts = np.zeros(3)
    cpu = time.process_time()
    tops = [0.5, 0.3, 0.2]
    for number in range(chosen.steps):
        moved = number % 3
        tops[moved] = round(float(rng.uniform(0.05, 0.6)), 4)
        times = [time.perf_counter()]
        step = live.step(recipe(tops))
        times.append(time.perf_counter())
        histograms = live.histograms(step, edges)
        times.append(time.perf_counter())
        counted = live_groups.count(step.words)
        times.append(time.perf_counter())
        took[moved].append(1000 * (times[-1] - times[0]))
        parts += np.diff(times)
    cpu = 1000 * (time.process_time() - cpu) / chosen.steps
    everything = np.concatenate(list(took.values()))
    for moved, values in took.items():
        print(f"rule {moved + 1} moved: median {np.median(values):.1f} ms, p95 {np.percentile(values, 95):.1f} ms")
    print(
        "of it: "
        + ", ".join(f"{n} {1000 * p / chosen.steps:.1f} ms" for n, p in zip(("rules", "histograms", "groups"), parts))
    )
    print(f"processor time of a step, all cores together: {cpu:.1f} ms")
    print(f"all: median {np.median(everything):.1f} ms, p95 {np.percentile(everything, 95):.1f} ms, "
          f"memory {resident():.2f} GB ({status('RssFile'):.2f} of files), peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")  # fmt: skip
    started = time.perf_counter()
    plain = select_columns(recipe(tops), columns)
    took_plain = 1000 * (time.perf_counter() - started)
    assert (plain.mask == step.mask).all()
    for name, counts in histograms.items():
        held = np.clip(columns.array(name)[plain.mask], edges[name][0], edges[name][-1])
        assert (counts == np.histogram(held, edges[name])[0]).all()
    assert (counted == group_counts(bitmaps, step.words)).all()
    print(f"plain selection: {took_plain:.0f} ms, {took_plain / np.median(everything):.0f} times as long, same mask")


if __name__ == "__main__":
    main()

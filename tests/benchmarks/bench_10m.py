"""A pool of ten million pairs from end to end: seconds, processor seconds, memory and disk of each step, and the arithmetic for more.

    python tests/benchmarks/bench_10m.py FOLDER [--pairs 10000000] [--workers 1] [--only STEP …] [--write]

Each step runs in processes of their own in the pool FOLDER/pool and is done once: started again, it goes on with those that
are left. Embeddings are 64 numbers a side in float16, in 100,000 clusters, so that near-duplicates exist. Memory is that of
the step's processes together, mapped files included; disk is what the pool's directory grows by at most meanwhile. On a busy
machine processor seconds are what counts. `--write` puts the tables into assets/results.md.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from page import put

D, STEP, CLUSTERS, TARGETS = 64, 65_536, 100_000, 1000
DIMS, BATCH, PARTITIONS, READINGS = 768, 32_768, 10, 10
SCALES = {"128M": 128_000_000, "1.28B": 1_280_000_000}
SCORES: dict[str, dict[str, Any]] = {
    "clip_score": {},
    "cliploss": {"batch_size": 2048, "partitions": 2},
    "normsim": {"target": "near"},
    "vas": {"target": "near"},
    "vas_d": {"quality": "clip_score", "steps": 10},
    "normsim_d": {"quality": "cliploss", "steps": 10},
    "dedup": {"embedding": "l14_img", "threshold": 0.98},
}
RECIPE = "name: bench\nkeep:\n- {score: cliploss, top: 0.3}\n- {score: vas_d, min: 2}\n- {flag: dedup}\n"
EVERY = 50  # rows between two that are read one by one, to time that


def make(place: Path, pairs: int) -> None:
    """Writes the pool batch by batch, in fragments of the usual size, and a target set."""
    from poolscope.pool import Pool
    from poolscope.targets import add_target

    schema = pa.schema([(f"l14_{side}", pa.list_(pa.float16(), D)) for side in ("img", "txt")])
    pool = Pool.create(place, schema, {"source": "benchmark"})
    centers = np.random.default_rng(1).standard_normal((CLUSTERS, D), dtype=np.float32) + 0.3
    pool.append(_batches(centers, pairs))
    np.save(place.parent / "near.npy", _unit(centers[:TARGETS]))
    add_target(pool, "near", place.parent / "near.npy", model="l14")


def _batches(centers: np.ndarray, pairs: int) -> Iterator[pa.RecordBatch]:
    for number, start in enumerate(range(0, pairs, STEP)):
        rng, n = np.random.default_rng([2, number]), min(STEP, pairs - start)
        uids = [pa.array(rng.integers(0, 2**63, n).astype(np.uint64)) for _ in range(2)]
        spread = np.float32([[0.7], [0.05]])[
            (rng.random(n) < 0.1).astype(int)
        ]  # a tenth lies near its cluster's centre
        images = _unit(centers[rng.integers(0, CLUSTERS, n)] + spread * rng.standard_normal((n, D), dtype=np.float32))
        texts = _unit(images + np.float32(0.15) * rng.standard_normal((n, D), dtype=np.float32))
        sides = [pa.FixedSizeListArray.from_arrays(pa.array(side.reshape(-1)), D) for side in (images, texts)]
        yield pa.RecordBatch.from_arrays([*uids, *sides], names=["uid_hi", "uid_lo", "l14_img", "l14_txt"])


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def score(place: Path, name: str, workers: int) -> None:
    from poolscope.engine import run
    from poolscope.pool import Pool
    from poolscope.scores import build

    run(Pool.open(place), build(name, **SCORES[name]), workers=workers)


def dealt(place: Path) -> float:
    """One pass of `cliploss` alone, in seconds of processor: every pair read, written in random order, and read again."""
    from poolscope.pool import Pool
    from poolscope.scores import build
    from poolscope.scores.base import here
    from poolscope.scores.kernels.dealing import passes

    pool = Pool.open(place)
    units = build("cliploss", **SCORES["cliploss"] | {"partitions": 1}).units(pool)
    begun = time.process_time()
    for part, deal in passes(pool, ("l14_img", "l14_txt"), units, each=here):
        for unit in part:
            deal.read(pool, unit)
    return time.process_time() - begun


def singly(place: Path) -> float:
    """Every 50th of a random order's pairs read row by row, both sides, in seconds of processor."""
    from poolscope.pool import Pool
    from poolscope.scores.kernels.dealing import stored

    pool = Pool.open(place)
    rows = np.random.default_rng(0).permutation(len(pool))[: len(pool) // EVERY]
    stored(pool, "l14_img", rows[:16])  # loads what reading takes
    begun = time.process_time()
    for name in ("l14_img", "l14_txt"):
        stored(pool, name, rows)
    return time.process_time() - begun


def steps(place: Path, pairs: int, workers: int) -> dict[str, Callable[[], float | None] | list[str]]:
    """What is measured: a function of this file, or words of the command line."""
    recipe = place.parent / "bench.yaml"
    recipe.write_text(RECIPE)
    kept = str(place.parent / "kept.npy")
    return {
        "make": lambda: make(place, pairs),
        **{name: (lambda name=name: score(place, name, workers)) for name in SCORES},
        "select": ["select", str(recipe), "--pool", str(place), "--out", kept, "--force"],
        "dealt": lambda: dealt(place),
        "singly": lambda: singly(place),
    }


class Watch(threading.Thread):
    """The most memory that a process and its children hold, and the most bytes in a folder, every half second."""

    def __init__(self, process: psutil.Process, folder: Path) -> None:
        super().__init__(daemon=True)
        self._process, self._folder, self.memory, self.disk = process, folder, 0, 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.5):
            self.disk = max(self.disk, bytes_in(self._folder))
            try:
                family = [self._process, *self._process.children(recursive=True)]
                self.memory = max(self.memory, sum(each.memory_info().rss for each in family))
            except psutil.Error:
                continue


def bytes_in(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
            except OSError:
                continue
    return total


def measured(words: list[str], folder: Path) -> dict[str, float]:
    before, begun = bytes_in(folder), time.perf_counter()
    start = os.times()
    process = subprocess.Popen(words, env={"OMP_NUM_THREADS": "1", **os.environ}, stdout=subprocess.DEVNULL)
    watch = Watch(psutil.Process(process.pid), folder)
    watch.start()
    if process.wait():
        sys.exit(f"{' '.join(words)} ended with exit code {process.returncode}")
    watch.over.set()
    end = os.times()
    cpu = end.children_user + end.children_system - start.children_user - start.children_system
    return {
        "seconds": time.perf_counter() - begun, "cpu": cpu, "memory": watch.memory,
        "disk": max(0, watch.disk - before), "left": bytes_in(folder) - before,
    }  # fmt: skip


def table(figures: dict[str, dict[str, float]], pairs: int, workers: int) -> str:
    names = {
        "make": "make and import", **{name: f"`{name}`" for name in SCORES}, "select": "`select`, three rules",
        "dealt": "deal once", "singly": f"1 of {EVERY} read singly",
    }  # fmt: skip
    lines = [
        f"{pairs / 1e6:g} million pairs of {D} numbers a side, {workers} worker{'s' if workers > 1 else ''} with one thread each:\n",
        "| step | seconds of processor | seconds, on a busy machine | most memory | most disk meanwhile | disk left |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, words in names.items():
        if one := figures.get(name):
            lines.append(
                f"| {words} | {one['cpu']:,.0f} | {one['seconds']:,.0f} | {one['memory'] / 1e9:.1f} GB "
                f"| {one['disk'] / 1e9:.2f} GB | {one['left'] / 1e9:.2f} GB |"
            )
    if {"dealt", "singly"} <= figures.keys():
        whole = READINGS * 2 * 2 * DIMS * SCALES["128M"]
        a_gb = figures["dealt"]["work"] / (pairs * 4 * D / 1e9)
        a_row = figures["singly"]["work"] / (2 * (pairs // EVERY))
        lines.append(
            f"\nWithout the start of a process, a GB that is dealt takes {a_gb:.1f} s of processor, and an embedding that is "
            f"read by its number {1e6 * a_row:.0f} µs, however short. Ten readings of 128M pairs at {DIMS} numbers are then "
            f"{whole / 1e9 * a_gb / 3600:.1f} against {whole / (2 * DIMS) * a_row / 3600:.1f} hours of one core; and of the disk, "
            f"{_bytes(3 * whole)} in sequence (1.6 hours at 2 GB/s) against {whole / (2 * DIMS) / 1e9:.1f} billion reads of "
            f"{_bytes(2 * DIMS)} (7.1 hours at 100,000 a second, 30 days at 1,000)."
        )
    if missing := [name for name in names if name not in figures]:
        lines.append(f"\nNot measured in this run: {', '.join(f'`{name}`' for name in missing)}.")
    return "\n".join(lines)


def arithmetic() -> str:
    """What the same steps take at 768 numbers a side, from the methods' own formulas."""
    from poolscope.scores.kernels.neighbours import PROBES, cells_for, comparisons

    rows: dict[str, list[str]] = {}

    def add(what: str, value: str) -> None:
        rows.setdefault(what, []).append(value)

    for pairs in SCALES.values():
        side, start, cells = 2 * DIMS * pairs, 0.3, cells_for(pairs)
        steps, alive = 500, pairs * (start + 0.2) / 2
        add("`cliploss`, on disk at once", _bytes(2 * side))
        add("read and written in all, ten readings", _bytes(3 * READINGS * 2 * side))
        add("products", _flop(2.0 * PARTITIONS * BATCH * DIMS * pairs))
        add("one superblock's part of a fragment, a side", _bytes(262_144 * 4 * BATCH / pairs * 2 * DIMS))
        add("`vas_d`, `normsim_d`, laid out (dealt beside it at first)", f"{_bytes(start * side)} (twice)")
        add("files of 262,144 pairs, each a unit of a step", f"{-(-int(start * pairs) // 262_144):,}")
        add("read a step, if memory doesn't hold it", _bytes(start * side))
        add("products of 500 steps", _flop(1.25 * DIMS**2 * alive * steps))
        add("memory where steps are taken", _bytes(40 * start * pairs + pairs))
        add("`dedup`, cells", f"{cells:,}")
        add("on disk at once · written in all", f"{_bytes(side)} · {_bytes(PROBES * side)}")
        add("comparisons a pair, training of cells among them", f"{comparisons(pairs) / pairs:,.0f}")
        add("their products", _flop(2.0 * DIMS * comparisons(pairs)))
        add(
            "memory where groups are joined · cells are trained",
            f"{_bytes(50 * pairs)} · {_bytes(64 * cells * DIMS * 4)}",
        )
        add("groups, links and cells kept meanwhile", _bytes((8 + 8 + 4 + 1 + 8 * PROBES) * pairs))
    head = ["| at 768 numbers a side | " + " | ".join(SCALES) + " |", "|---|" + "---|" * len(SCALES)]
    return "\n".join([*head, *(f"| {what} | {' | '.join(values)} |" for what, values in rows.items())])


def _bytes(count: float) -> str:
    return next(
        f"{count / scale:,.3g} {unit}"
        for scale, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
        if count >= scale
    )


def _flop(count: float) -> str:
    return f"{count / 1e18:,.3g} EFLOP" if count >= 1e18 else f"{count / 1e15:,.3g} PFLOP"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="put the tables into assets/results.md")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    place, results = chosen.folder.resolve() / "pool", chosen.folder / "results.json"
    todo = steps(place, chosen.pairs, chosen.workers)
    if chosen.step:
        work = todo[chosen.step]()  # type: ignore[operator]
        (chosen.folder / "work.json").write_text(json.dumps(work or 0.0))
        return
    figures = json.loads(results.read_text()) if results.is_file() else {}
    for name, work in todo.items():
        if name in figures or (chosen.only and name not in chosen.only):
            continue
        own = [
            sys.executable,
            __file__,
            str(chosen.folder),
            "--pairs",
            str(chosen.pairs),
            "--workers",
            str(chosen.workers),
        ]
        words = [sys.executable, "-m", "poolscope", *work] if isinstance(work, list) else [*own, "--step", name]
        figures[name] = measured(words, chosen.folder)
        if "--step" in words:
            figures[name]["work"] = json.loads((chosen.folder / "work.json").read_text())
        results.write_text(json.dumps(figures, indent=1))
        print(name, {key: round(value, 1) for key, value in figures[name].items()}, flush=True)
    tables = table(figures, chosen.pairs, chosen.workers) + "\n\n" + arithmetic()
    print(tables, flush=True)
    if chosen.write:
        put(Path(__file__).name, tables)


if __name__ == "__main__":
    main()

"""`poolscope select` of the best 30 % by L/14, from process start to the .npy, against DataComp's way through its parquets.

    python tests/benchmarks/select_to_npy.py METADATA_DIR POOL [--rounds 3]

DataComp's rule keeps the ties at the threshold (`ties: all`), so both files must be equal byte for byte.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

FRACTION = 0.3
COLUMN = "clip_l14_similarity_score"
RECIPE = "name: L/14 top 30 %\nkeep:\n  - {score: clip_l14, top: 0.3, ties: all}\n"


def read_scores(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path, columns=[COLUMN])


def kept_of(arguments: tuple[Path, float]) -> np.ndarray:
    path, threshold = arguments
    frame = pd.read_parquet(path, columns=["uid", COLUMN])
    uids = frame["uid"][frame[COLUMN] >= threshold]
    return np.array([(int(uid[:16], 16), int(uid[16:32], 16)) for uid in uids], np.dtype("u8,u8"))


def by_datacomp(directory: Path, out: Path) -> None:
    """As the published baseline does: a frame of all scores, a full sort, a second pass, one Python integer a uid."""
    paths = sorted(directory.glob("*.parquet"))
    with multiprocessing.get_context("spawn").Pool(len(os.sched_getaffinity(0))) as workers:
        scores = pd.concat(list(workers.imap_unordered(read_scores, paths)))[COLUMN].to_numpy()
        threshold = -np.sort(-scores)[int(len(scores) * FRACTION)]
        kept = np.concatenate(list(workers.imap_unordered(kept_of, [(path, threshold) for path in paths])))
    kept.sort()
    np.save(out, kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metadata", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recipe, ours, theirs = Path(folder, "r.yaml"), Path(folder, "ours.npy"), Path(folder, "theirs.npy")
        recipe.write_text(RECIPE)
        argv = [
            sys.executable,
            "-m",
            "poolscope",
            "select",
            str(recipe),
            "--pool",
            str(chosen.pool),
            "--out",
            str(ours),
            "--force",
        ]
        took = []
        for _ in range(chosen.rounds):
            before = os.times()
            started = time.perf_counter()
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
            took.append(time.perf_counter() - started)
            after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        print(f"poolscope select: {min(took):.2f} s at best, {np.median(took):.2f} s median, {cpu:.2f} s of one core")
        started = time.perf_counter()
        by_datacomp(chosen.metadata, theirs)
        reference = time.perf_counter() - started
        same = ours.read_bytes() == theirs.read_bytes()
        print(
            f"DataComp's loop: {reference:.1f} s, {reference / np.median(took):.1f} times as long; files equal: {same}"
        )


if __name__ == "__main__":
    main()

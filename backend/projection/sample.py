"""The pairs that a map shows: all of a small pool, a sample of a large one that is stratified by regions of the embedding."""

import numpy as np

from ..kernels.hashing import lowest, uniform
from ..pool import Pool
from ..pool.columns import matrix
from ..progress import Progress, silent

REGIONS = 64
TRAIN = 20_000
AT_LEAST = 40


def embedded(pool: Pool, column: str, progress: Progress = silent) -> np.ndarray:
    """`(k,)` int64 rows whose embedding is there (no null, no NaN)."""
    parts, start = [], 0
    for batch in pool.scan([column]):
        parts.append(np.flatnonzero(np.isfinite(matrix(batch.column(0))).all(axis=1)) + start)
        start += batch.num_rows
        progress(start, len(pool), "looking for embeddings")
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def stratified(
    pool: Pool, column: str, rows: np.ndarray, size: int, seed: int, progress: Progress = silent
) -> np.ndarray:
    """`(size,)` sorted rows: every region of the embedding in proportion, small ones with at least a few dozen.

    Regions are k-means cells; inside a region pairs are taken in the order of a hash of (seed, uid).
    """
    if len(rows) <= size:
        return rows
    import faiss

    uids = pool.uids()
    order = uniform(seed, uids["f0"], uids["f1"])
    train = rows[lowest(order[rows], TRAIN)]
    vectors = pool.embeddings(column, np.sort(train))
    regions = min(REGIONS, max(1, len(vectors) // 40))
    kmeans = faiss.Kmeans(vectors.shape[1], regions, niter=15, seed=seed, spherical=True)
    kmeans.train(vectors)
    region = np.empty(len(rows), dtype=np.int32)
    for start in range(0, len(rows), 8192):
        part = pool.embeddings(column, rows[start : start + 8192])
        region[start : start + len(part)] = kmeans.index.search(part, 1)[1][:, 0]
        progress(start + len(part), len(rows), "choosing the pairs on the map")
    shares = quotas(np.bincount(region, minlength=regions), size)
    members = [rows[region == cell] for cell in range(regions)]
    chosen = [own[lowest(order[own], share)] for own, share in zip(members, shares)]
    return np.sort(np.concatenate(chosen))


def quotas(sizes: np.ndarray, total: int) -> np.ndarray:
    """`(r,)` int64 pairs to take per region: proportional, at least `AT_LEAST` where there are so many, `total` together."""
    floor = np.minimum(sizes, min(AT_LEAST, total // max(1, len(sizes))))
    rest = sizes - floor
    exact = floor + rest * ((total - floor.sum()) / max(1, rest.sum()))
    taken = np.floor(exact).astype(np.int64)
    missing = total - int(taken.sum())
    if missing > 0:
        gaps = np.where(taken < sizes, exact - taken, -1)
        taken[np.argsort(-gaps, kind="stable")[:missing]] += 1
    return taken

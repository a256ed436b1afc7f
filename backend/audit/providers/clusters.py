"""Embedding clusters: pairs whose images a model places together, named by the words that mark their captions."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...pool import Pool
from ...progress import Progress
from ..group import Group
from ..provider import Provider
from ..scan import image_column, vectors_of

SAMPLE = 100_000
CAPTIONS = 400  # of each cluster, for its name


@dataclass(frozen=True)
class Clusters(Provider):
    """k-means of the image embeddings of a sample, spherical, seeded; every pair goes to the nearest centre."""

    count: int = 24
    seed: int = 0
    id = "clusters"
    families = ("embedding cluster",)
    costly = True

    def missing(self, pool: Pool) -> str:
        if image_column(pool) is None:
            return "the pool has no image embeddings"
        return "" if len(pool) >= 10 * self.count else f"the pool has fewer than {10 * self.count} pairs"

    def key(self, pool: Pool) -> dict[str, Any]:
        column = image_column(pool)
        made_by = pool.columns[column].made_by if column else None
        return {"column": column, "made_by": made_by, "count": self.count, "seed": self.seed, "version": 1}

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        column = f"{pool.model()}_img"
        centres = self._centres(pool, column)
        codes = np.full(len(pool), -1, dtype=np.int16)
        for start, vectors in vectors_of(pool, column):
            there = ~np.isnan(vectors[:, 0])
            nearest = np.argmax(np.nan_to_num(vectors) @ centres.T, axis=1)
            codes[start : start + len(vectors)] = np.where(there, nearest, -1)
            progress(start + len(vectors), len(pool), "clusters")
        names = _names(pool, codes, len(centres), self.seed)
        return [
            Group.of(
                codes == place, f"cluster.{place:02d}", self.families[0], f"{place + 1}: {names[place]}",
                f"images like those captioned {names[place]}", source=self.id,
                method=f"k-means of {column} into {self.count}, on {min(SAMPLE, len(pool)):,} pairs, seed {self.seed}",
                error="clusters are the model's, have soft edges, and another seed gives others; the words are a hint",
            )
            for place in range(len(centres))
            if (codes == place).any()
        ]  # fmt: skip

    def _centres(self, pool: Pool, column: str) -> np.ndarray:
        """`(count, d)` float32 unit vectors."""
        import faiss

        order = pool.uid_order()
        rows = np.sort(order[:SAMPLE])  # uids are random, so the first of them are a random sample
        vectors = pool.embeddings(column, rows)
        vectors = np.ascontiguousarray(vectors[~np.isnan(vectors[:, 0])])
        means = faiss.Kmeans(
            vectors.shape[1], self.count, niter=20, seed=self.seed, spherical=True, min_points_per_centroid=1
        )
        means.train(vectors)
        return np.asarray(means.centroids, dtype=np.float32)


def _names(pool: Pool, codes: np.ndarray, count: int, seed: int) -> list[str]:
    """The three words that mark each cluster's captions most."""
    from ...search.terms import counts, log_odds

    if "text" not in pool.columns:
        return [f"no. {place + 1}" for place in range(count)]
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(codes == place) for place in range(count)]
    chosen = [rng.choice(rows, CAPTIONS, replace=False) if len(rows) > CAPTIONS else rows for rows in members]
    rows, labels = np.concatenate(chosen), np.repeat(np.arange(count), [len(part) for part in chosen])
    texts = [text or "" for text in pool.take(rows, ["text"])["text"].to_pylist()]
    vocabulary, table, _ = counts(texts, labels, count)
    if not vocabulary:
        return [f"no. {place + 1}" for place in range(count)]
    z = log_odds(table)
    return [", ".join(vocabulary[word] for word in np.argsort(-row, kind="stable")[:3]) for row in z]

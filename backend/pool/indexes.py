"""Indexes of a pool, for searching without reading all of it: approximate nearest vectors, words of captions."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lance
import numpy as np
from lance.query import MatchQuery, Occur, PhraseQuery

from ..progress import Progress, silent
from .commit import changing, opened

if TYPE_CHECKING:
    from .store import Pool

VECTORS = "IVF_RQ"
PARTITION = 4096  # vectors, about
REFINED, LOOKED_AT = 30, 32  # of 100: candidates that are compared exactly for each hit asked for; cells that are read
MOST_TOLD = 10_000


def index_vectors(pool: "Pool", column: str, progress: Progress = silent) -> None:
    """Makes (or makes again) the index of an embedding: IVF cells, vectors in them as one bit a number (RaBitQ,
    Gao and Long 2024, arXiv 2405.12497), compared by inner product."""
    pool.require(column, "embedding")
    partitions = max(1, min(len(pool) // PARTITION, 65_536))
    _build(
        pool,
        lambda table, told: table.create_index(
            column, VECTORS, name=vector_index(column), metric="dot", replace=True, num_partitions=partitions,
            progress_callback=told,
        ),
        f"index of {column}", progress,
    )  # fmt: skip


def index_words(pool: "Pool", column: str = "text", progress: Progress = silent) -> None:
    """Makes (or makes again) the index of the words of a text column: as written, lower case, with their places."""
    pool.require(column)
    _build(
        pool,
        lambda table, told: table.create_scalar_index(
            column, "INVERTED", name=word_index(column), replace=True, with_position=True, base_tokenizer="simple",
            lower_case=True, stem=False, remove_stop_words=False, ascii_folding=False, progress_callback=told,
        ),
        f"index of the words of {column}", progress,
    )  # fmt: skip


def indexed(pool: "Pool") -> set[str]:
    """The names of the indexes that there are."""
    return {index.name for index in pool._table.describe_indices()}


def vector_index(column: str) -> str:
    return f"{column}.vectors"


def word_index(column: str) -> str:
    return f"{column}.words"


def nearest(pool: "Pool", column: str, vector: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and inner products of about the `limit` nearest, best first, by the index; rows without an index count too.

    The candidates' own vectors are read, so that the products and their order are exact.
    """
    found = pool._table.scanner(
        columns=["_rowoffset", "_distance"],
        nearest={
            "column": column, "q": np.asarray(vector, dtype=np.float16), "k": limit,
            "minimum_nprobes": LOOKED_AT, "refine_factor": max(1, -(-REFINED * 100 // max(limit, 1))), "metric": "dot",
        },
    ).to_table()  # fmt: skip
    return found["_rowoffset"].to_numpy().astype(np.int64), (1 - found["_distance"].to_numpy()).astype(np.float32)


def words(pool: "Pool", column: str, terms: list[str], limit: int) -> tuple[np.ndarray, int]:
    """The `limit` rows that hold all `terms` (a word, or a phrase of several), the best by BM25 first; and how many
    there are, counted up to 10,000."""
    from lance.query import BooleanQuery

    parts: list[Any] = [
        PhraseQuery(term, column) if " " in term else MatchQuery(term, column, fuzziness=0) for term in terms
    ]
    query = parts[0] if len(parts) == 1 else BooleanQuery([(Occur.MUST, part) for part in parts])
    found = pool._table.scanner(
        columns=["_rowoffset", "_score"], full_text_query=query, limit=max(limit, MOST_TOLD)
    ).to_table()
    rows, score = found["_rowoffset"].to_numpy().astype(np.int64), found["_score"].to_numpy()
    return rows[np.lexsort((rows, -score))][:limit], len(rows)


def _build(
    pool: "Pool", make: Callable[[lance.LanceDataset, Callable[[Any], None]], Any], title: str, progress: Progress
) -> None:
    """Builds under the writer's lock: the index is of the newest version, whole or not there."""

    def told(event: Any) -> None:
        progress(int(event.completed or 0), int(event.total or 0), f"{title}: {event.stage}")

    with changing(Path(pool.path)):
        make(opened(Path(pool.path)), told)
    pool._table = opened(Path(pool.path))
    pool._refresh()

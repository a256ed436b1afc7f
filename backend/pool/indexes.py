"""Indexes of a pool, for searching without reading all of it: approximate nearest vectors, words of captions."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lancedb.index import FTS, IvfRq
from lancedb.query import BooleanQuery, FullTextQuery, LanceQueryBuilder, MatchQuery, Occur, PhraseQuery
from lancedb.table import LanceTable

from ..progress import Progress
from . import tables
from .commit import changing, opened
from .reading import unreadable

PARTITION = 4096  # vectors, about
REFINED, LOOKED_AT = 30, 32  # of 100: candidates that are compared exactly for each hit asked for; cells that are read
MOST_TOLD = 10_000


def build(directory: Path, column: str, *, words: bool, progress: Progress) -> None:
    """Makes (or makes again) the index of an embedding: IVF cells, vectors in them as one bit a number (RaBitQ, Gao and
    Long 2024, arXiv 2405.12497), compared by inner product; or of the `words` of a text column: as written, lower case,
    with their places. Under the writer's lock: the index is of the newest version, whole or not there."""
    title = f"index of the words of {column}" if words else f"index of {column}"
    name = word_index(column) if words else vector_index(column)
    with changing(directory):
        table = opened(directory)
        partitions = max(1, min(table.count_rows() // PARTITION, 65_536))
        config: Any = IvfRq(distance_type="dot", num_partitions=partitions)
        if words:
            config = FTS(with_position=True, base_tokenizer="simple", lower_case=True, stem=False,
                         remove_stop_words=False, ascii_folding=False)  # fmt: skip
        progress(0, 1, title)
        table.create_index(column, config=config, name=name, replace=True)
        progress(1, 1, title)


def indexed(table: LanceTable) -> set[str]:
    """The names of the indexes that there are."""
    return {index.name for index in table.list_indices()}


def vector_index(column: str) -> str:
    return f"{column}.vectors"


def word_index(column: str) -> str:
    return f"{column}.words"


def nearest(
    table: LanceTable, column: str, vector: np.ndarray, limit: int, where: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and inner products of about the `limit` nearest, best first, by the index; rows without an index count too.

    The candidates' own vectors are read, so that the products and their order are exact. `where` comes before the
    search: the nearest are those among the pairs for which it holds.
    """
    query = table.search(np.asarray(vector, dtype=np.float16), vector_column_name=column, query_type="vector")
    query = query.distance_type("dot").maximum_nprobes(0).minimum_nprobes(LOOKED_AT)
    query = query.refine_factor(max(1, -(-REFINED * 100 // max(limit, 1)))).limit(limit)
    hits = _run(query.select(["_rowoffset", "_distance"]), where)
    return hits["_rowoffset"].to_numpy().astype(np.int64), (1 - hits["_distance"].to_numpy()).astype(np.float32)


def words(
    table: LanceTable, column: str, terms: list[str], limit: int, where: str | None = None
) -> tuple[np.ndarray, int]:
    """The `limit` rows that hold all `terms` (a word, or a phrase of several), the best by BM25 first; and how many
    there are, counted up to 10,000. `where` comes before the search."""
    parts = [_part(term, column) for term in terms]
    asked = parts[0] if len(parts) == 1 else BooleanQuery([(Occur.MUST, part) for part in parts])
    query = table.search(asked, query_type="fts").limit(max(limit, MOST_TOLD))
    hits = _run(query.select(["_rowoffset", "_score"]), where)
    rows, score = hits["_rowoffset"].to_numpy().astype(np.int64), hits["_score"].to_numpy()
    return rows[np.lexsort((rows, -score))][:limit], len(rows)


def _part(term: str, column: str) -> FullTextQuery:
    if " " in term:
        return PhraseQuery(term, column)  # type: ignore[call-arg]  # its other fields have defaults
    return MatchQuery(term, column, fuzziness=0)  # type: ignore[call-arg]


def _run(query: LanceQueryBuilder, where: str | None) -> pa.Table:
    """What the query finds among the pairs for which `where` holds. Raises InputError if that can't be read."""
    if not where:
        return query.to_arrow()
    try:
        return query.where(where, prefilter=True).to_arrow()
    except tables.FAILURES as error:
        raise unreadable(where, error) from None

"""Index: what makes search quick in a large pool; a job, for it reads every embedding and caption once."""

from collections.abc import Sequence

from ..errors import InputError
from ..pool import Pool, indexes
from ..progress import Progress, silent

SMALLEST = 10_000  # below, reading everything is as quick


def index(pool: Pool, columns: Sequence[str] | None = None, *, progress: Progress = silent) -> list[str]:
    """Makes, or makes again, the indexes of `columns` (embeddings, `text`); None: image embeddings and `text`.

    Pairs that are added later are found too, by reading them; index again when they are many. Scores that are written
    meanwhile wait until an index is whole. Returns the columns. Raises InputError for a pool that is too small to need
    one, and for a column that is neither an embedding nor text.
    """
    if len(pool) < SMALLEST:
        raise InputError(
            f"pool {pool.name!r} has {len(pool):,} pairs; an index helps from {SMALLEST:,} on, search it without one."
        )
    if columns is None:
        columns = [*(["text"] if "text" in pool.columns else []), *(f"{model}_img" for model in pool.models)]
    for name in columns:
        if name != "text":
            pool.require(name, "embedding")
        else:
            pool.require(name)
    for name in columns:
        pool.index(name, progress)
    return list(columns)


def indexed(pool: Pool) -> bool:
    """Whether any index for searching the pool is there."""
    return bool(indexes.indexed(pool.table))

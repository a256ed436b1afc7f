"""Making the columns that a recipe names and a pool lacks."""

from typing import Any

from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from ..recipe.grammar import Recipe
from .inputs import fit
from .made_by import stale
from .run import run


def ensure(recipe: Recipe, pool: Pool, *, progress: Progress = silent, **options: Any) -> Pool:
    """Runs the methods of `recipe.scores` for the columns that the pool lacks; returns a handle that has them.

    Raises InputError for an entry without `method`, and for a column that neither the pool nor the recipe explains.
    """
    for column, entry in recipe.scores.items():
        if column in pool.columns and not _outdated(pool, column):
            continue
        parameters = dict(entry)
        method = parameters.pop("method", None)
        if not isinstance(method, str):
            raise InputError(
                f"scores.{column} names no method; write {{method: clip_score, …}}; see `poolscope methods`."
            )
        pool = run(pool, fit(method, pool, **parameters), column=column, progress=progress, **options)
    for column in sorted(recipe.columns() - pool.columns.keys()):
        pool.require(column)
    return pool


def _outdated(pool: Pool, column: str) -> bool:
    """Whether a column must be made again; one whose method or files are gone stays while it covers the pool."""
    try:
        return bool(stale(pool, column))
    except (InputError, OSError):
        return False

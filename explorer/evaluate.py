"""What the pages ask of the pool: the recipe evaluated on it, and the columns that rules can be about."""

from poolscope.explorer import pools
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection


def evaluate(recipe: Recipe, pool: Pool) -> Selection:
    """The selection of `recipe`. Raises InputError for a column that the pool lacks or that is of another kind."""
    return pools.desk(pool).step(recipe)


def scores_of(pool: Pool) -> list[str]:
    return [name for name, column in pool.columns.items() if column.kind == "score"]


def flags_of(pool: Pool) -> list[str]:
    return [name for name, column in pool.columns.items() if column.kind == "flag"]

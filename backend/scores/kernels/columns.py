"""The columns that a method joins, named in one parameter and separated by commas."""

from ...errors import InputError
from ...pool import Pool

JOINED = ("random", "rank_sum", "within", "ensemble", "mix")
"""Methods whose columns are no evidence of their own: they join others, or are made of chance."""


def split(columns: str) -> tuple[str, ...]:
    """The names in `columns`, each once.

    >>> split("clip_score, english,,english")
    ('clip_score', 'english')
    """
    return tuple(dict.fromkeys(name.strip() for name in columns.split(",") if name.strip()))


def standing_alone(pool: Pool) -> list[str]:
    """The scores and flags of a pool that `columns` means where it names none.

    Left out are joined and random columns, empty ones, and those that compare with a target set: a target set may hold
    what the tasks ask.
    """
    return [
        name
        for name, column in pool.columns.items()
        if column.kind in ("score", "flag")
        and column.made_by.get("method") not in JOINED
        and not (column.made_by.get("parameters") or {}).get("target")
        and pool.filled(name)
    ]


def check_columns(method: str, columns: str, pool: Pool, fewest: int) -> None:
    """Raises InputError unless `columns` names at least so many scores and flags of the pool."""
    names = split(columns)
    if len(names) < fewest:
        has = ", ".join(standing_alone(pool)) or "none"
        raise InputError(
            f"{method}: columns is {columns!r}; name at least {fewest} scores or flags, separated by commas; the pool has {has}."
        )
    for name in names:
        if pool.require(name).kind not in ("score", "flag"):
            pool.require(name, "score")

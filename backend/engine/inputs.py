"""Inputs: what the parameters of a method can name in a pool, what a default that the pool lacks becomes there, and making
the columns that a recipe names and a pool lacks."""

import dataclasses
from typing import Any

from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from ..recipe.grammar import Recipe
from ..scores import METHODS, Method, build
from ..scores.kernels.columns import standing_alone
from ..targets import targets
from .made_by import stale
from .run import run

MADE_BY = {"clip_l14": "clip_score"}
"""The method behind a score that DataComp brings under a name of its own."""


def fit(id: str, pool: Pool, /, **given: Any) -> Method:
    """The method `id` with the parameters `given`; others name what the pool has, where only one thing fits.

    A pool with one model needs no `model`, one with one target set no `target`; `columns` that name none are all that
    stand alone. Raises InputError as `build` does, and
    where several things fit.
    """
    chosen: dict[str, Any] = {}
    for parameter in dataclasses.fields(METHODS[id]) if id in METHODS else ():
        if parameter.metadata.get("of") == "columns" and not given.get(parameter.name):
            given[parameter.name] = ",".join(standing_alone(pool))
        if parameter.name in given or (fitting := _fitting(parameter, pool)) is None:
            continue
        if len(fitting) > 1:
            raise InputError(
                f"{id}: pool {pool.name!r} has no {parameter.metadata['of']} {parameter.default!r} but "
                f"{', '.join(fitting)}; choose one with --set {parameter.name}=…"
            )
        if fitting:
            chosen[parameter.name] = fitting[0]
    return build(id, **chosen, **given)


def fitted(id: str, pool: Pool) -> dict[str, Any]:
    """The defaults of a method; a name that the pool lacks becomes the first of its kind that the pool has."""
    if id not in METHODS:
        build(id)
    values = {}
    for field in dataclasses.fields(METHODS[id]):
        value = None if field.default is dataclasses.MISSING else field.default
        names = (_fitting(field, pool) or []) + named(field.metadata.get("of", ""), pool)
        if field.metadata.get("of") == "columns":
            values[field.name] = value or ",".join(standing_alone(pool))
        elif field.metadata.get("of") == "scores":
            known = set(str(value).split(",")) <= set(names)
            values[field.name] = value if known or len(names) < 2 else ",".join(names[:2])
        else:
            values[field.name] = names[0] if value and names and value not in names else value
    return values


def named(what: str, pool: Pool) -> list[str]:
    """What a parameter can name in this pool: models with embeddings, embeddings, target sets, scores, flags."""
    if what == "model":
        return pool.models
    if what == "target":
        return sorted({name.partition("/")[0] for name in targets(pool)})
    if what == "columns":
        return [name for name, column in pool.columns.items() if column.kind in ("score", "flag")]
    kind = "score" if what == "scores" else what
    return [name for name, column in pool.columns.items() if kind and column.kind == kind]


def _fitting(parameter: "dataclasses.Field[Any]", pool: Pool) -> list[str] | None:
    """What can stand in for a default that the pool lacks; None where nothing has to."""
    what, default = parameter.metadata.get("of", ""), parameter.default
    if not isinstance(default, str) or not default or what not in ("model", "embedding", "target", "score"):
        return None
    if default in named(what, pool):
        return None
    if what == "embedding":
        return [f"{model}_img" for model in pool.models]
    if what == "score":
        makers = (default, MADE_BY.get(default, default))
        return [name for name in named(what, pool) if pool.columns[name].made_by.get("method") in makers]
    return named(what, pool)


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

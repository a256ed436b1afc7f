"""The catalogue: each method with what it says about itself, fitted to a pool, and the ready recipes that use it."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..pool import Pool
from ..recipe import Recipe
from ..recipe.ready import ready
from ..scores import METHODS, build
from ..scores.base import Method


@dataclass(frozen=True)
class Entry:
    """One method on one pool. `parameters` are its defaults, with names that the pool has where the default's is missing.

    `needs` says of each column that it reads whether the pool has it; `problem` is why it can't start as it is, in one
    line, empty if it can; `columns` are the pool's columns that it made; `recipes` the ready ones that use it.
    """

    method: type[Method]
    parameters: dict[str, Any]
    needs: dict[str, bool]
    problem: str
    columns: tuple[str, ...]
    recipes: tuple[Recipe, ...]

    @property
    def built(self) -> Method:
        return build(self.method.id, **self.parameters)

    @property
    def summary(self) -> str:
        """The first paragraph of its documentation in one line."""
        return " ".join((self.method.__doc__ or self.method.title).strip().split("\n\n")[0].split())


def entry(id: str, pool: Pool) -> Entry:
    """The method `id` on `pool`. Raises InputError for an unknown method."""
    parameters = fitted(id, pool)
    method = build(id, **parameters)
    try:
        method.check(pool)
        problem = ""
    except InputError as error:
        problem = str(error)
    made = tuple(
        name
        for name, column in pool.columns.items()
        if column.made_by.get("method") == id and column.kind in ("score", "flag")
    )
    needs = {name: name in pool.columns for name in method.needs() if name}
    return Entry(type(method), parameters, needs, problem, made, recipes_with(id))


def fitted(id: str, pool: Pool) -> dict[str, Any]:
    """The defaults of a method; a name that the pool lacks becomes the first of its kind that the pool has."""
    if id not in METHODS:
        build(id)
    values = {}
    for field in dataclasses.fields(METHODS[id]):
        value = None if field.default is dataclasses.MISSING else field.default
        names = named(field.metadata.get("of", ""), pool)
        if field.metadata.get("of") == "scores":
            known = set(str(value).split(",")) <= set(names)
            values[field.name] = value if known or len(names) < 2 else ",".join(names[:2])
        else:
            values[field.name] = names[0] if value and names and value not in names else value
    return values


def named(what: str, pool: Pool) -> list[str]:
    """What a parameter can name in this pool: models with embeddings, embeddings, target sets, scores, flags."""
    if what == "model":
        return [name.removesuffix("_img") for name in named("embedding", pool) if name.endswith("_img")]
    if what == "target":
        return sorted(path.name for path in (pool.path / "targets").glob("*") if path.is_dir())
    kind = "score" if what == "scores" else what
    return [name for name, column in pool.columns.items() if kind and column.kind == kind]


def recipes_with(id: str) -> tuple[Recipe, ...]:
    """The ready recipes that make a column by this method."""
    return tuple(
        recipe
        for recipe in ready().values()
        if any(made.get("method") == id for made in recipe.scores.values())
        or id in recipe.columns() - set(recipe.scores)
    )

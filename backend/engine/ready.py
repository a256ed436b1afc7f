"""Ready recipes: those of the library, which papers report, and those that methods declare or that follow from them."""

from functools import lru_cache
from pathlib import Path

from ..errors import InputError
from ..number_format import percent
from ..pool import Pool
from ..recipe import Recipe, load
from ..recipe.ready import by_file, published, saved, unreadable
from ..scores import METHODS, Method

TOP = 0.3
EDITED = ", edited"


def ready() -> dict[str, Recipe]:
    """All ready recipes: by file name those of the library, by the method's id (`id-2`, …) those of methods."""
    return _ready(tuple(METHODS))


def library(pool: Pool) -> list[Recipe]:
    """The ready recipes whose columns `pool` has."""
    return [recipe for recipe in ready().values() if recipe.columns() <= pool.columns.keys()]


def find(named: str, pool: Pool) -> Recipe:
    """The recipe of a file, or the ready or saved recipe of that name, or saved in a file of it. Raises InputError."""
    if Path(named).is_file():
        return load(Path(named))
    known = {**ready(), **saved(pool)}
    for named_so in (known, by_file(pool)):
        if named in named_so:
            return named_so[named]
    broken = {name.removesuffix(".yaml"): why for name, why in unreadable(pool).items()}
    if named in broken:
        raise InputError(broken[named])
    raise InputError(f"no recipe {named[:200]!r}: give a .yaml file, or one of {', '.join(sorted(known)) or 'none'}")


def recipes_with(id: str) -> tuple[Recipe, ...]:
    """The ready recipes that make a column by this method."""
    return tuple(recipe for recipe in ready().values() if _uses(recipe, id))


def edited(recipe: Recipe) -> Recipe:
    """A changed recipe under a name that is true: what is known of a ready recipe doesn't hold once its rules differ.

    Its name and note stay as where it came from, its published results don't; with the old rules it is the old recipe.
    """
    origins = [one for one in ready().values() if recipe in (one, _from(one, recipe))]
    for origin in origins:
        if recipe.keep == origin.keep:
            return origin
    known = [one for one in ready().values() if (one.name, one.note) == (recipe.name, recipe.note)]
    return _from(known[0], recipe) if known and recipe.keep != known[0].keep else recipe


def _from(origin: Recipe, recipe: Recipe) -> Recipe:
    """The recipe's rules, as an edited form of the ready recipe `origin`."""
    note = f"Edited from {origin.name}: {origin.note}"
    return recipe.model_copy(update={"name": origin.name + EDITED, "note": note, "published": ""})


@lru_cache(maxsize=1)
def _ready(ids: tuple[str, ...]) -> dict[str, Recipe]:
    recipes = dict(published())
    for id in ids:
        try:
            method = METHODS[id]
        except InputError:  # a broken package; whoever asks for its method is told
            continue
        declared = [load(dict(one)) for one in method.recipes]
        if not declared and not any(_uses(recipe, id) for recipe in recipes.values()):
            declared = [_plain(method)]
        recipes |= {f"{id}-{number}" if number > 1 else id: one for number, one in enumerate(declared, start=1)}
    return recipes


def _uses(recipe: Recipe, id: str) -> bool:
    """Whether the recipe makes a column by the method, or names one that it must have made."""
    return any(how.get("method") == id for how in recipe.scores.values()) or id in recipe.columns() - set(recipe.scores)


def _plain(method: type[Method]) -> Recipe:
    """The recipe of a method that declares none: what its flag keeps, or the best 30 % by its score."""
    flag = method.kind == "flag"
    return load(
        {
            "name": method.title if flag else f"{method.title} {percent(TOP, 0)}",
            "note": f"The pairs that {method.title} keeps."
            if flag
            else f"The best {percent(TOP, 0)} by {method.title}.",
            "scores": {method.id: {"method": method.id}},
            "keep": [{"flag": method.id} if flag else {"score": method.id, "top": TOP}],
        }
    )

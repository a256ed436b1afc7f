"""Recipes by name: ready ones, as YAML files beside this one, and those saved with a pool."""

import hashlib
import re
from functools import cache
from pathlib import Path

from .. import files, paths
from ..errors import InputError
from ..pool import Pool
from .grammar import Recipe
from .notation import dump, load

FOLDER = Path(__file__).parent / "library"
LONGEST = 100  # characters of a file's name
EDITED = ", edited"


@cache
def ready() -> dict[str, Recipe]:
    """All ready recipes by file name: the combinations that papers report, and those of the demo."""
    return {path.stem: load(path) for path in sorted(FOLDER.glob("*.yaml"))}


def library(pool: Pool) -> list[Recipe]:
    """The ready recipes whose columns `pool` has."""
    return [recipe for recipe in ready().values() if recipe.columns() <= pool.columns.keys()]


def saved(pool: Pool) -> dict[str, Recipe]:
    """The recipes saved with the pool, by name; a broken file is left out."""
    found: dict[str, Recipe] = {}
    for path in sorted((pool.path / "recipes").glob("*.yaml")):
        try:
            recipe = load(path)
        except InputError:
            continue
        found[path.stem if recipe.name in found else recipe.name] = recipe
    return found


def find(named: str, pool: Pool) -> Recipe:
    """The recipe of a file, or the ready or saved recipe of that name. Raises InputError naming those."""
    if Path(named).is_file():
        return load(Path(named))
    known = {**ready(), **saved(pool)}
    if named in known:
        return known[named]
    raise InputError(f"no recipe {named[:200]!r}: give a .yaml file, or one of {', '.join(sorted(known)) or 'none'}")


def keep(recipe: Recipe) -> Path:
    """A file in the home's `recipes/` that holds `recipe`, named by its content: what a job's command line takes."""
    text = dump(recipe)
    path = paths.home() / "recipes" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.yaml"
    if not path.exists():
        files.write_text(path, text)
    return path


def path_of(name: str, pool: Pool) -> Path:
    """The file in which the pool keeps the recipe of that name; other names have other files.

    Raises InputError for a name without a letter or digit, or that can't be written as text.
    """
    if not re.search(r"\w", name) or not name.isprintable():
        raise InputError(f"a recipe can't be saved as {name[:LONGEST]!r}; give it a name with letters or digits.")
    stem = re.sub(r"[^\w\- .,%∩∪()+]", "_", name).strip(" .")[:LONGEST]
    while len(stem.encode()) > 2 * LONGEST:  # a file's name is limited in bytes
        stem = stem[:-1]
    if stem != name:
        stem = f"{stem} {hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return pool.path / "recipes" / f"{stem}.yaml"


def save(recipe: Recipe, pool: Pool, *, replace: bool = False) -> Path:
    """Writes the recipe to `recipes/` in the pool. Raises InputError if the name is taken and not to be replaced."""
    path = path_of(recipe.name, pool)
    named = [old for old in sorted((pool.path / "recipes").glob("*.yaml")) if old != path and _name(old) == recipe.name]
    if (path.exists() or named) and not replace:
        raise InputError(f"the pool has a recipe {recipe.name!r}; give another name, or replace it.")
    if path.exists() and _name(path) not in (None, recipe.name):
        raise InputError(f"{path.name!r} holds the recipe {_name(path)!r}; give this one another name.")
    files.write_text(path, dump(recipe))
    for old in named:  # saved under the file name of an older edition
        old.unlink()
    return path


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


def _name(path: Path) -> str | None:
    try:
        return load(path).name
    except InputError:
        return None

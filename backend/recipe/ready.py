"""The library of recipes, combinations that papers report and those of the demo, and the recipes saved with a pool."""

import hashlib
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

from .. import files, paths
from ..errors import InputError
from ..pool import Pool
from .grammar import Recipe
from .notation import dump, load

FOLDER = Path(__file__).parent / "library"


@cache
def published() -> dict[str, Recipe]:
    """The recipes of the library by file name: the combinations that papers report, and those of the demo."""
    return {path.stem: load(path) for path in sorted(FOLDER.glob("*.yaml"))}


def saved(pool: Pool) -> dict[str, Recipe]:
    """The recipes saved with the pool, by name; a broken file is left out, see `unreadable`."""
    recipes: dict[str, Recipe] = {}
    for stem, recipe in by_file(pool).items():
        recipes[stem if recipe.name in recipes else recipe.name] = recipe
    return recipes


def unreadable(pool: Pool) -> dict[str, str]:
    """Why recipes saved with the pool can't be read, by the name of their file."""
    reasons = {}
    for path in sorted((pool.path / "recipes").glob("*.yaml")):
        try:
            load(path)
        except InputError as error:
            reasons[path.name] = str(error)
    return reasons


def by_file(pool: Pool) -> dict[str, Recipe]:
    """The recipes saved with the pool, by the name of their file without its suffix."""
    recipes: dict[str, Recipe] = {}
    for path in sorted((pool.path / "recipes").glob("*.yaml")):
        with suppress(InputError):
            recipes[path.stem] = load(path)
    return recipes


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
        raise InputError(f"a recipe can't be saved as {name[:100]!r}; give it a name with letters or digits.")
    return pool.path / "recipes" / f"{files.slug(name)}.yaml"


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


def _name(path: Path) -> str | None:
    try:
        return load(path).name
    except InputError:
        return None

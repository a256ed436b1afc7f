"""The library of recipes, combinations that papers report and those of the demo, and the recipes saved with a pool."""

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
    return {path.name: str(read) for path, read in _read(pool).items() if isinstance(read, InputError)}


def by_file(pool: Pool) -> dict[str, Recipe]:
    """The recipes saved with the pool, by the name of their file without its suffix."""
    return {path.stem: read for path, read in _read(pool).items() if isinstance(read, Recipe)}


def _read(pool: Pool) -> dict[Path, Recipe | InputError]:
    """Each recipe saved with the pool, or why it can't be read, by its file."""
    return {path: _recipe_in(path) for path in sorted((pool.path / "recipes").glob("*.yaml"))}


def _recipe_in(path: Path) -> Recipe | InputError:
    try:
        return load(path)
    except InputError as error:
        return error


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
    names = {old: read.name for old, read in _read(pool).items() if isinstance(read, Recipe)}
    named = [old for old, name in names.items() if old != path and name == recipe.name]
    if (path.exists() or named) and not replace:
        raise InputError(f"the pool has a recipe {recipe.name!r}; give another name, or replace it.")
    if names.get(path, recipe.name) != recipe.name:
        raise InputError(f"{path.name!r} holds the recipe {names[path]!r}; give this one another name.")
    files.write_text(path, dump(recipe))
    for old in named:  # saved under the file name of an older edition
        old.unlink()
    return path

"""The library of recipes, combinations that papers report and those of the demo, and the recipes saved with a pool."""

from functools import cache
from pathlib import Path

from ..pool import Pool
from .grammar import Recipe, load

FOLDER = Path(__file__).parent / "library"


@cache
def published() -> dict[str, Recipe]:
    """The recipes of the library by file name."""
    return {path.stem: load(path) for path in sorted(FOLDER.glob("*.yaml"))}


def saved(pool: Pool) -> dict[str, Recipe]:
    """The recipes saved with the pool, by name; a broken file is left out."""
    from ..errors import InputError

    found: dict[str, Recipe] = {}
    for path in sorted((pool.path / "recipes").glob("*.yaml")):
        try:
            found[path.stem] = load(path)
        except InputError:
            continue
    return found


def keep(recipe: Recipe) -> Path:
    """A file in the home's `recipes/` that holds `recipe`, named by its content: what a job's command line takes."""
    import hashlib

    from .. import files, paths
    from .grammar import dump

    text = dump(recipe)
    path = paths.home() / "recipes" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.yaml"
    if not path.exists():
        files.write_text(path, text)
    return path


def save(recipe: Recipe, pool: Pool) -> Path:
    """Writes `recipes/<name>.yaml` in the pool, replacing one of that name."""
    import re

    from .. import files
    from ..errors import InputError
    from .grammar import dump

    stem = re.sub(r"[^\w\- .,%∩∪()+]", "_", recipe.name).strip(" .")[:100]
    if not stem:
        raise InputError(f"a recipe can't be saved as {recipe.name!r}; give it a name with letters or digits.")
    path = pool.path / "recipes" / f"{stem}.yaml"
    files.write_text(path, dump(recipe))
    return path

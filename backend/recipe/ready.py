"""Ready recipes: the combinations that papers report, and those of the demo, as YAML files beside this one."""

from functools import cache
from pathlib import Path

from ..pool import Pool
from .grammar import Recipe
from .notation import load

FOLDER = Path(__file__).parent / "library"


@cache
def ready() -> dict[str, Recipe]:
    """All ready recipes by file name."""
    return {path.stem: load(path) for path in sorted(FOLDER.glob("*.yaml"))}


def library(pool: Pool) -> list[Recipe]:
    """The ready recipes whose columns `pool` has."""
    return [recipe for recipe in ready().values() if recipe.columns() <= pool.columns.keys()]


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


def find(named: str, pool: Pool) -> Recipe:
    """The recipe of a file, or the ready or saved recipe of that name. Raises InputError naming those."""
    from ..errors import InputError

    if Path(named).is_file():
        return load(Path(named))
    known = {**ready(), **saved(pool)}
    if named in known:
        return known[named]
    raise InputError(f"no recipe {named[:200]!r}: give a .yaml file, or one of {', '.join(sorted(known)) or 'none'}")


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

"""Users: which recipes and working jobs need a thing that somebody wants to delete."""

import re
from pathlib import Path
from typing import Any

from .. import jobs, paths
from ..errors import InputError
from ..jobs import Job
from ..pool import Pool
from ..recipe import Recipe, load
from ..recipe.ready import by_file, published, saved

BY_RECIPE = ("train", "evaluate", "select", "export", "audit", "bias", "fetch")  # jobs that read what a recipe names


COLUMNS = ("score", "flag", "sample", "caption", "image", "source")  # keys of rules whose values are columns


def names(rule: Any, name: str, keys: tuple[str, ...] = COLUMNS) -> bool:
    """Whether plain data of a recipe names a column (or tag), also in rules that are off and in SQL."""
    if isinstance(rule, list):
        return any(names(part, name, keys) for part in rule)
    if not isinstance(rule, dict):
        return False
    sql = str(rule.get("where", "")) if "score" in keys else ""
    return (
        any(rule.get(key) == name for key in keys)
        or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql) is not None
        or any(names(part, name, keys) for part in rule.values())
    )


def working(pool: Pool) -> list[Job]:
    """The jobs on the pool that wait or run."""
    return [job for job in jobs.all() if not job.finished and _on(job, pool)]


def _on(job: Job, pool: Pool) -> bool:
    given = next((value for key, value in zip(job.argv, job.argv[1:]) if key in ("--pool", "-p", "--other-pool")), None)
    given = given or next((word.partition("=")[2] for word in job.argv if word.startswith("--pool=")), None)
    if given is None:
        return paths.default_pool().absolute() == pool.path.absolute()
    path = Path(given)
    same = path.resolve() == pool.path.resolve() if path.is_absolute() else path.name == pool.path.name
    return same or given == pool.uri


def reads(job: Job, column: str, pool: Pool) -> bool:
    """Whether the job may read the column: only one of a known recipe that doesn't, surely not."""
    if job.kind not in BY_RECIPE or pool.columns[column].kind not in ("score", "flag"):
        return True
    recipes = _recipes(job, pool)
    return not recipes or any(names(recipe.as_dict(), column) for recipe in recipes)


def _recipes(job: Job, pool: Pool) -> list[Recipe]:
    """The recipes that the job's command line names, but for those that a method declares."""
    known = {**published(), **by_file(pool), **saved(pool)}
    recipes = []
    for word in job.argv[1:]:
        try:
            recipes += [load(Path(word))] if Path(word).is_file() else [known[word]] if word in known else []
        except InputError:  # a file that is no recipe
            continue
    return recipes

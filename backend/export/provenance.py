"""The provenance beside every output: recipe, pool version, counts per rule and package versions."""

import time
from pathlib import Path
from typing import Any

from .. import files
from ..pool import Pool
from ..recipe import Recipe, Selection
from ..versions import versions


def provenance(pool: Pool, recipe: Recipe | None, selection: Selection | None) -> dict[str, Any]:
    """What an output was made from, as plain data."""
    columns = recipe.columns() if recipe else set()
    return {
        "recipe": recipe.as_dict() if recipe else None,
        "pool": pool.uri,
        "pool_version": pool.version,
        "counts": selection.as_json() if selection else {"pairs": len(pool), "kept": len(pool), "rules": []},
        "columns": {name: pool.columns[name].made_by for name in sorted(columns) if name in pool.columns},
        "versions": versions(),
        "made": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def beside(out: Path) -> Path:
    """Where the provenance of `out` is written."""
    return out.with_name(out.name + ".recipe.json")


def left_over(out: Path) -> list[Path]:
    """The provenance of `out` as a list of one, or none if it is one of ours whose output is gone: it may be replaced."""
    path = beside(out)
    if out.exists() or not path.is_file():
        return [path]
    ours = {"recipe", "pool_version", "counts"} <= files.known_json(path, {}).keys()
    return [] if ours else [path]


def write_beside(out: Path, pool: Pool, recipe: Recipe | None, selection: Selection | None) -> Path:
    """Writes `<out>.recipe.json`; the provenance holds the recipe as it was applied."""
    path = beside(out)
    files.write_json(path, provenance(pool, recipe, selection))
    return path

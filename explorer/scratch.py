"""Recipes written down for a job: the command line that a job runs takes a file."""

import hashlib
from pathlib import Path

from poolscope import files, paths
from poolscope.recipe import Recipe, dump


def keep(recipe: Recipe) -> Path:
    """A file that holds `recipe`, named by its content, in the home's `recipes/`."""
    text = dump(recipe)
    path = paths.home() / "recipes" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.yaml"
    if not path.exists():
        files.write_text(path, text)
    return path

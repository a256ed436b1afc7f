"""Recipes as text: read from and written as YAML, within bounds."""

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ..errors import InputError
from .grammar import KEYS, Recipe

LARGEST = 1_000_000
DEEPEST = 20


BOOL = "tag:yaml.org,2002:bool"


class Words(yaml.SafeLoader):
    """Reads `no`, `off` and `true` as the words that they are."""


Words.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != BOOL]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Truths(Words):
    """Reads `true` and `false` as truth values, as YAML 1.2 does, but `off` and `on` as words."""


_Truths.add_implicit_resolver(BOOL, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def load(source: str | Path | dict[str, Any]) -> Recipe:
    """A recipe from a YAML file, YAML text or plain data.

    Raises InputError, one line, for what can't be read: a missing file, broken YAML, an unknown word, a value out of range.
    """
    if isinstance(source, dict):
        return _validate(source, "recipe")
    named = str(source)
    is_path = isinstance(source, Path) or ("\n" not in named and ":" not in named) or named.endswith((".yaml", ".yml"))
    if is_path:
        path = Path(source)
        if not path.is_file():
            raise InputError(f"no recipe file {named!r}; give the path of a .yaml file.")
        if path.stat().st_size > LARGEST:
            raise InputError(f"{named!r} is larger than {LARGEST:,} bytes; a recipe is a short list of rules.")
        try:
            text = path.read_text()
        except (UnicodeDecodeError, OSError):
            raise InputError(f"{named!r} is not a text file; give the path of a .yaml file.") from None
    else:
        text = named
    return _validate(parse(text), named if is_path else "recipe")


def dump(recipe: Recipe) -> str:
    """The recipe as YAML; `load(dump(recipe)) == recipe`."""
    return yaml.safe_dump(recipe.as_dict(), sort_keys=False, allow_unicode=True, width=100)


def parse(text: str) -> Any:
    """The plain data of YAML text, within bounds. Raises InputError, one line, for what is none."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
                raise InputError(f"the recipe uses YAML aliases or more than {DEEPEST} levels; write the rules out.")
        return yaml.load(text, Loader=_Truths)
    except InputError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"the recipe is not YAML: {error}; see the README for an example.") from None


def _validate(content: Any, named: str) -> Recipe:
    if not isinstance(content, dict):
        raise InputError(
            f"{named[:80]!r} holds no recipe: it needs `name:` and `keep:`; see the README for an example."
        )
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part not in KEYS) or "recipe"
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            reason = f"{first['loc'][-1]!r} is not a word of the grammar"
        raise InputError(f"{named[:80]}: {place}: {reason}; see the grammar of recipes in docs/guide.md.") from None

"""HTML from Jinja2 templates: every value is escaped, and a name that a template misspells is an error."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .number_format import percent


def render(template: Path, *, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any) -> str:
    """The template filled in, with `thousands`, `share` (`0.123` → `12.3 %`) and the given `filters`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"thousands": "{:,}".format, "share": percent, **(filters or {})}
    return environment.get_template(template.name).render(**values)

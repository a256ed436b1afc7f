"""Parameters of methods: what they declare, whether a value is allowed, and the content that a value names."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from ... import devices
from ...errors import InputError
from ...pool import Pool, digests
from ...pool.columns import Kind


def param(
    default: Any,
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] | None = None,
    of: Literal["model", "embedding", "target", "score", "scores", "columns", "flag", "path", "device", ""] = "",
    content: Callable[[str], str] | None = None,
) -> Any:
    """A typed parameter of a method: its default, one line of help, its range, and what a string names.

    `content` gives the digest of what a value names where that is not simply a file; empty where it names nothing.
    """
    about = {"help": text, "low": low, "high": high, "choices": choices, "of": of, "content": content}
    return dataclasses.field(default=default, metadata=about)


def check(method: str, entry: "dataclasses.Field[Any]", value: Any) -> None:
    """Raises InputError for a value that the parameter doesn't allow."""
    limits = entry.metadata
    choices, low, high = limits.get("choices"), limits.get("low"), limits.get("high")
    if choices and value not in choices:
        raise InputError(f"{method}: {entry.name} is {value!r}; allowed are {', '.join(map(str, choices))}.")
    if limits.get("of") == "device":
        devices.check(value)
    if limits.get("of") == "path" and isinstance(value, str):
        _check_path(method, entry.name, value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and ((low is not None and not value >= low) or (high is not None and not value <= high)):
        raise InputError(
            f"{method}: {entry.name} is {value}; allowed is {low} to {high if high is not None else 'any'}."
        )


def _check_path(method: str, name: str, value: str) -> None:
    try:
        os.stat(value)
    except (FileNotFoundError, NotADirectoryError):  # a name of another kind, or a file that whoever reads it will miss
        return
    except (OSError, ValueError) as error:  # too long, with a NUL, or in a folder that is closed to us
        reason = getattr(error, "strerror", None) or str(error)
        shown = value if len(value) <= 80 else value[:80] + "…"
        raise InputError(f"{method}: {name} is {shown!r}, which can't be a path here ({reason}).") from None


def kinds(method: Any) -> dict[str, Kind]:
    """The kind of each column that the parameters of a method name."""
    known: dict[str, Kind] = {}
    for entry in dataclasses.fields(method):
        value, what = getattr(method, entry.name), entry.metadata.get("of")
        if what == "model":
            known |= {f"{value}_img": "embedding", f"{value}_txt": "embedding"}
        elif what in ("embedding", "score", "flag"):
            known[value] = what
        elif what == "scores":
            known |= {name.strip(): "score" for name in value.split(",")}
    return known


def content(method: Any, entry: "dataclasses.Field[Any]", pool: Pool) -> str:
    """The digest of what a parameter names; empty if it names no file, no target set and nothing else of content."""
    value, what = getattr(method, entry.name), entry.metadata.get("of")
    if digest := entry.metadata.get("content"):
        return str(digest(value))
    if what == "path" and value and Path(value).is_file():
        return digests.of_path(value)
    if what == "target" and value:
        from ...targets import target_digest

        column = getattr(method, "embedding", "") or getattr(method, "model", "")
        return target_digest(pool, value, column.removesuffix("_img").removesuffix("_txt"))
    return ""

"""Tables: the methods and the leaderboard as DataFrames, and what a notebook shows as HTML."""

import dataclasses
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def methods() -> "pd.DataFrame":
    """The methods that make scores and flags, by id: kind, title, parameters with their defaults, paper.

    >>> ps.methods().loc["clip_score", "title"]
    'CLIP score'
    """
    import pandas as pd

    from ..scores import METHODS

    rows = []
    for name in sorted(METHODS):
        method = METHODS[name]
        parameters = {
            entry.name: None if entry.default is dataclasses.MISSING else entry.default
            for entry in dataclasses.fields(method)
        }
        rows.append((name, method.kind, method.title, parameters, method.paper))
    return pd.DataFrame(rows, columns=["method", "kind", "title", "parameters", "paper"]).set_index("method")


def leaderboard(scale: str | None = None, *, published: bool = False) -> "pd.DataFrame":
    """The runs of this machine, best average first; `published` adds the reference rows of papers.

    Raises InputError for an unknown scale.

    >>> ps.leaderboard("demo").empty
    True
    """
    import pandas as pd

    from ..bench import leaderboard as rows_of

    names = ["run", "recipe", "scale", "seed", "kept", "pool_pairs", "average", "evaluated", "of", "state"]
    rows = rows_of(scale, published=published)
    return pd.DataFrame([[getattr(row, name) for name in names] for row in rows], columns=names)


def html(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table of text, for a notebook; everything in it is escaped."""
    heading = "".join(f"<th style='text-align:left'>{escape(word)}</th>" for word in head)
    lines = ["".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    above = f"<caption style='text-align:left'><b>{escape(caption)}</b></caption>"
    return f"<table>{above}<thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table>"

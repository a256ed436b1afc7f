"""The few lines of HTML that a notebook shows; everything in it is escaped."""

from collections.abc import Iterable, Sequence
from html import escape


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table of text."""
    heading = "".join(f"<th style='text-align:left'>{escape(word)}</th>" for word in head)
    lines = ["".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    above = f"<caption style='text-align:left'><b>{escape(caption)}</b></caption>"
    return f"<table>{above}<thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table>"

"""The parts of README.md and assets/results.md that scripts write."""

import re
from pathlib import Path

from poolscope.paths import ASSETS

RESULTS, README = ASSETS / "results.md", ASSETS.parent / "README.md"
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def put(name: str, text: str) -> None:
    """Replaces what stands in assets/results.md between the comments that name `name`. Raises ValueError without them."""
    begin, end = f"<!-- written by {name} -->", f"<!-- end of {name} -->"
    page = RESULTS.read_text()
    before, opened, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"{RESULTS} has no part {begin} … {end}")
    RESULTS.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}")


def put_table(path: Path, heading: str, table: str) -> None:
    """Replaces the first table after `heading`. Raises ValueError if there is none."""
    before, found, after = path.read_text().partition(f"{heading}\n")
    if not (found and _TABLE.search(after)):
        raise ValueError(f"{path} has no table under {heading!r}")
    path.write_text(before + found + _TABLE.sub(lambda _: f"{table.strip()}\n", after, count=1))

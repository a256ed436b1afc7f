"""The parts of assets/results.md that scripts write: each between two comments that name its script."""

from poolscope.paths import ASSETS

RESULTS = ASSETS / "results.md"


def put(name: str, text: str) -> None:
    """Replaces the part called `name`. Raises ValueError if the page has none."""
    begin, end = f"<!-- written by {name} -->", f"<!-- end of {name} -->"
    page = RESULTS.read_text()
    before, opened, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"{RESULTS} has no part {begin} … {end}")
    RESULTS.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}")

"""The README shows commands and options that exist, and leaves no command out."""

import re
from pathlib import Path
from typing import Any

import pytest

from poolscope.cli.app import command

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()
LINE = re.compile(r"(?:^|`)\$? ?(poolscope(?: [^`\n#]*)?)", re.MULTILINE)


def tree(group: Any = None, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every command by its words."""
    found = {}
    for name, one in (group or command()).commands.items():
        if hasattr(one, "commands"):
            found |= tree(one, (*path, name))
        else:
            found[*path, name] = one
    return found


COMMANDS = tree()
GROUPS = {path[:-1] for path in COMMANDS if len(path) > 1}
SHOWN = sorted({match.group(1).strip() for match in LINE.finditer(README)})


def said(line: str) -> tuple[str, ...] | None:
    """The command that a line of the README starts with; None for `poolscope` alone."""
    words = [word for word in line.split()[1:] if not word.startswith("-")]
    for length in (2, 1):
        if tuple(words[:length]) in COMMANDS:
            return tuple(words[:length])
    return None


@pytest.mark.parametrize("line", SHOWN)
def test_what_the_readme_shows_exists(line):
    words = line.split()
    if len(words) == 1 or words[1].startswith("-") or words[1] in ("…", "X"):
        return
    path = said(line)
    assert path is not None or (words[1],) in GROUPS, f"no command {line!r}"
    if path is None:
        return
    known = {option for parameter in COMMANDS[path].params for option in parameter.opts + parameter.secondary_opts}
    for option in re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", line):
        assert option in known | {"--help"}, f"{' '.join(path)} has no option {option}"


def test_the_readme_leaves_no_command_out():
    named = {said(line) for line in SHOWN}
    for alternatives in re.findall(r"`poolscope (\w+) ([\w|]+\|[\w|]+)", README):
        named |= {(alternatives[0], name) for name in alternatives[1].split("|")}
    missing = [" ".join(path) for path in COMMANDS if path not in named]
    assert not missing, "the README does not name: " + ", ".join(missing)


def test_make_targets_of_the_readme_exist():
    makefile = (Path(__file__).resolve().parent.parent / "Makefile").read_text()
    targets = set(re.findall(r"^make (\w+)|`make (\w+)", README, re.MULTILINE))
    for target in {first or second for first, second in targets}:
        assert f"\n{target}:" in makefile


def test_the_readme_leaves_no_method_out():
    from poolscope.scores import LISTED

    missing = [name for name in LISTED if f"| `{name}` |" not in README]
    assert not missing, "the README does not name: " + ", ".join(missing)

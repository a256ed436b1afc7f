"""Writes docs/commands.md and assets/docs/methods.md from what the code declares: `make docs`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poolscope.cli.app import command
from poolscope.scores import METHODS

HERE = Path(__file__).resolve().parent
WRITTEN = "<!-- Written by assets/docs/reference.py from what the code declares: `make docs`. -->"


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words, in the order of `poolscope --help`."""
    for name, one in (group or command()).commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield (*path, name), one


def command_reference() -> str:
    parts = [WRITTEN, "# Commands", "Every command and its options, as `poolscope COMMAND --help` prints them."]
    for path, one in commands():
        arguments = [p.metavar or p.name.upper() for p in one.params if p.param_type_name == "argument"]
        parts.append(f"## poolscope {' '.join(path)}")
        parts.append(f"`poolscope {' '.join([*path, *arguments])}`: {paragraph(one.help)}")
        rows = [row(parameter) for parameter in one.params if not getattr(parameter, "hidden", False)]
        if rows:
            parts.append("\n".join(["| | |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def row(parameter: Any) -> str:
    """An argument or option with its help and default."""
    if parameter.param_type_name == "argument":
        return f"| `{cell(parameter.metavar or parameter.name.upper())}` | {cell(parameter.help)} |"
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    number = isinstance(parameter.default, (int, float))
    value = "" if parameter.is_flag else f" {parameter.metavar or ('N' if number else 'VALUE')}"
    shown = (
        not parameter.is_flag and parameter.default not in (None, "", ()) and "[default:" not in (parameter.help or "")
    )
    default = f" [default: {parameter.default}]" if shown else ""
    return f"| `{cell(names + value)}` | {cell((parameter.help or '') + default)} |"


def method_reference() -> str:
    rows = [method_row(name) for name in METHODS if METHODS[name].__module__.startswith("poolscope.")]
    about = "What each is, what it costs and where it comes from; parameters: `poolscope methods`."
    head = ["| id | kind | what | cost | source |", "|---|---|---|---|---|"]
    return "\n\n".join([WRITTEN, "# Methods", about, "\n".join([*head, *rows])]) + "\n"


def method_row(name: str) -> str:
    method = METHODS[name]
    return f"| `{name}` | {method.kind} | {cell(method.title)} | {cell(method.cost)} | {cell(method.paper)} |"


def paragraph(text: str | None) -> str:
    return " ".join((text or "").split())


def cell(text: str | None) -> str:
    return paragraph(text).replace("|", "\\|")


def main() -> None:
    (HERE / "commands.md").write_text(command_reference())
    (HERE / "methods.md").write_text(method_reference())


if __name__ == "__main__":
    main()

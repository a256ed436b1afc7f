"""The tree of commands; a command's module is imported when it is asked for, what it uses when it runs."""

from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..versions import __version__
from .console import json_asked
from .options import typed

COMMANDS = {
    "info": "pool.info",
    "demo": "pool.demo",
    "versions": "delete.versions",
    "app": "serve.app",
    "map": "pool.map_",
    "import": "sources.app",
    "index": "shards.index",
    "fetch": "shards.fetch",
    "prepare": "prepare.prepare",
    "methods": "score.methods",
    "score": "score.score",
    "compare": "compare.compare",
    "embed": "score.embed",
    "target": "score.target",
    "search": "search.search",
    "search-index": "search.search_index",
    "select": "recipe.select",
    "export": "export.export",
    "tasks": "tasks.app",
    "train": "bench.train",
    "evaluate": "bench.evaluate",
    "leaderboard": "leaderboard.leaderboard",
    "submit": "bench.submit_run",
    "race": "sweep.race",
    "sweep": "sweep.app",
    "audit": "audit.audit",
    "groups": "audit.groups_app",
    "bias": "bias.bias",
    "jobs": "jobs.app",
    "delete": "delete.delete",
}
SILENT = ("app", "log")  # they report nothing


class Root(TyperGroup):
    """The top command; it keeps the words of the command line for `--detach`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        typed.set(list(args))
        return super().parse_args(ctx, args)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"poolscope {__version__}")
        raise typer.Exit


def _ask(as_json: bool) -> None:
    json_asked.set(as_json)


def poolscope(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unexpected error.", is_eager=True)
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", callback=_ask, expose_value=False, help="Print one JSON object on stdout and nothing else."
        ),
    ] = False,
) -> None:
    """See, tune and prove every data filter on a pool of image-text pairs."""


def _let_report(command: Any, option: Any) -> None:
    """Gives `--json` to a command, or to those of a group."""
    for one in getattr(command, "commands", {}).values():
        _let_report(one, option)
    if command.name not in SILENT and getattr(command, "invoke_without_command", True):
        command.params.append(option)


def command(names: Iterable[str] = COMMANDS) -> Any:
    """The whole command with the commands `names`, ready to run."""
    app = typer.Typer(
        cls=Root,
        name="poolscope",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(poolscope)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(".")
        function = getattr(import_module(f"poolscope.cli.{module}"), attribute)
        if isinstance(function, typer.Typer):
            app.add_typer(function, name=name)
        else:
            app.command(name)(function)
    whole = typer.main.get_command(app)
    _let_report(whole, whole.params.pop())  # declared once, with the options of `poolscope` itself
    return whole

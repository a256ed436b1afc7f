"""The tree of commands; every import of a backend part waits until its command runs."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from backend import __version__
from backend.cli import (
    audit,
    bench,
    bias,
    compare,
    jobs,
    leaderboard,
    pool,
    recipe,
    score,
    search,
    serve,
    sources,
    submission,
    sweep,
    tasks,
)


class Root(TyperGroup):
    """The top command; it keeps the words of the command line for `--detach`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta["argv"] = list(args)
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=Root,
    name="poolscope",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.command()(pool.info)
app.command()(pool.demo)
app.command("app")(serve.app)
app.command("map")(pool.map_)
sources.app.command("run")(bench.import_run)
app.add_typer(sources.app, name="import")
app.command()(sources.index)
app.command()(sources.fetch)
app.command()(score.methods)
app.command()(score.score)
app.command()(compare.compare)
app.command()(score.embed)
app.command()(score.target)
app.command()(search.search)
app.command("search-index")(search.search_index)
app.command()(recipe.select)
app.add_typer(recipe.export, name="export")
app.command()(tasks.tasks)
app.command()(bench.train)
app.command()(bench.evaluate)
app.command()(leaderboard.leaderboard)
app.command()(submission.submit)
app.add_typer(sweep.app, name="sweep")
app.command()(audit.audit)
app.command()(audit.groups)
app.command()(bias.bias)
app.add_typer(jobs.app, name="jobs")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"poolscope {__version__}")
        raise typer.Exit


@app.callback()
def poolscope(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unexpected error.", is_eager=True)
    ] = False,
) -> None:
    """See, tune and prove every data filter on a pool of image-text pairs."""


def command() -> Any:
    """The whole command, ready to run."""
    return typer.main.get_command(app)

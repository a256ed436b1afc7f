"""`poolscope submit`: what DataComp's leaderboard takes, written and checked; nothing is sent."""

from pathlib import Path
from typing import Annotated

import typer

from .console import emit, line
from .options import Json


def submit(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, from `poolscope leaderboard`.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="A new directory to write into.")],
    track: Annotated[str | None, typer.Option("--track", help="filtering or byod [default: the run's].")] = None,
    method_name: Annotated[str, typer.Option("--method-name", help="On the board [default: the recipe's name].")] = "",
    author: Annotated[str, typer.Option("--author", help="Your name, shown on the board.")] = "",
    email: Annotated[str, typer.Option("--email", help="Your address, shown on the board.")] = "",
    writeup: Annotated[str, typer.Option("--writeup", metavar="URL", help="Of a paper or page on the method.")] = "",
    checkpoint: Annotated[bool, typer.Option("--checkpoint", help="Put the weights in too.")] = False,
    as_json: Json = False,
) -> None:
    """Write a run as a submission to DataComp's board.

    The files are checked against the rules; sending them is left to you.
    """
    from ..bench.submission import submit as write

    written = write(
        run, out, track=track, method_name=method_name, author=author, email=email, writeup=writeup,
        checkpoint=checkpoint,
    )  # fmt: skip

    def text() -> None:
        line(f"{written.directory}: {', '.join(written.written)}")
        for error in written.errors:
            line(f"  breaks a rule: {error}")
        for warning in written.warnings:
            line(f"  mind: {warning}")
        line("valid as a submission" if written.valid else "not valid as a submission")

    emit(written.as_json(), as_json=as_json, text=text)

"""`poolscope jobs`: what runs in the background, how far it is, and how to end or resume it."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..number_format import percent
from .console import emit, line, progress_bar, table

if TYPE_CHECKING:
    from ..jobs import Job

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Watch, end and resume background jobs.")
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, from `poolscope jobs list`.")]


def as_json(job: "Job") -> dict[str, Any]:
    content = asdict(job) | {"log": str(job.log_path)}
    return {name: value for name, value in content.items() if name not in ("log_path", "pid")}


def _took(job: "Job") -> str:
    if job.started is None:
        return ""
    seconds = max(0, int((job.ended or time.time()) - job.started))
    return f"{seconds // 60}:{seconds % 60:02d}"


@app.command("list")
def list_() -> None:
    """List all jobs, newest first."""
    from .. import jobs

    listed = jobs.all()

    def text() -> None:
        if not listed:
            line("no jobs yet: long commands take --detach, and the app starts some")
            return
        columns = ("id#", "kind", "state", "progress#", "took#", "title", "message")
        table(
            columns,
            [(j.id, j.kind, j.state, f"{percent(j.progress, 0)}", _took(j), j.title, j.message) for j in listed],
        )

    emit({"jobs": [as_json(job) for job in listed]}, text=text)


@app.command()
def show(job: JobId) -> None:
    """Show one job."""
    from .. import jobs

    _show(jobs.get(job))


def _show(job: "Job") -> None:
    content = as_json(job)

    def text() -> None:
        line(f"job {job.id}: {job.title}")
        line(f"  state     {job.state}, {percent(job.progress, 0)}" + (f", {_took(job)} min" if job.started else ""))
        if job.message:
            line(f"  message   {job.message}")
        for name, value in job.figures.items():
            line(f"    {name} {value:.5g}")
        line(f"  command   poolscope {' '.join(job.argv)}")
        line(f"  log       {job.log_path}")

    emit(content, text=text)


@app.command()
def log(
    job: JobId,
    max_bytes: Annotated[int, typer.Option("--bytes", min=1, help="How many bytes of the end to print.")] = 65536,
) -> None:
    """Print the end of a job's log."""
    from .. import jobs

    typer.echo(jobs.log_tail(job, max_bytes), nl=False)


@app.command()
def wait(job: JobId) -> None:
    """Wait until a job has ended; exits with 1 unless it is done."""
    from .. import jobs

    with progress_bar(f"job {job}") as progress:
        while not (followed := jobs.get(job)).finished:
            progress(int(followed.progress * 100), 100, followed.message, **followed.figures)
            time.sleep(0.5)
    _show(followed)
    if followed.state != "done":
        raise typer.Exit(1)


@app.command()
def cancel(job: JobId) -> None:
    """End a job and all its processes."""
    from .. import jobs

    if jobs.get(job).finished:
        raise InputError(f"job {job} is {jobs.get(job).state} already: there is nothing to cancel")
    _show(jobs.cancel(job))


@app.command()
def resume(job: JobId) -> None:
    """Run a failed, cancelled or lost job again; it skips what is done."""
    from .. import jobs

    _show(jobs.resume(job))


@app.command()
def move(
    job: JobId,
    by: Annotated[int, typer.Option(help="Places: -1 is one earlier in its queue, 1 one later.")] = -1,
) -> None:
    """Move a waiting job in the queue of its device."""
    from .. import jobs

    _show(jobs.move(job, by))

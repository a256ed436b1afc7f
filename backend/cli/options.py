"""The options that many commands share, and the pool they stand for."""

from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ..errors import InputError
from .console import emit, json_asked, progress_bar, say

if TYPE_CHECKING:
    from ..pool import Pool

typed: ContextVar[list[str]] = ContextVar("typed")
"""The words of the command line that runs, which `--detach` gives to a job."""
PoolPath = Annotated[
    Path | None,
    typer.Option(
        "--pool",
        "-p",
        metavar="P",
        help="The pool's directory or LanceDB URI [default: $POOLSCOPE_POOL, then the demo pool].",
    ),
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Run it in the background as a job, print the job's id and return.")
]
Version = Annotated[
    int | None,
    typer.Option("--version", metavar="N", min=1, help="The pool's version to work on [default: the newest]."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what exists under that name.")]
Device = Annotated[str, typer.Option("--device", metavar="D", help="auto or cuda: all GPUs; cpu, or cuda:0.")]
Gpus = Annotated[
    int | None, typer.Option("--gpus", metavar="N", min=1, help="GPUs to spread the work over [default: all].")
]

Engine = Annotated[str, typer.Option("--engine", help="local or ray.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes to work in.")]
Address = Annotated[str | None, typer.Option("--address", metavar="A", help="Address of a Ray cluster.")]


def _column(name: str | None) -> str | None:
    """The name of a column, or of an embedding's two; refused before any work if no column can be called so."""
    if name is not None:
        from ..pool.store import check_name

        check_name(f"{name}_img" if name and len(name) > 60 else name)
    return name


def named(metavar: str, help: str) -> Any:
    """The option `--as` for a column that a command makes."""
    return typer.Option("--as", metavar=metavar, help=help, callback=_column)


def parse_settings(settings: list[str], *, option: str = "--set", example: str = "seed=0") -> dict[str, str]:
    """`["p=inf", "seed=0"]` as a dict; InputError for an entry without a key or a key given twice."""
    parsed: dict[str, str] = {}
    for entry in settings:
        key, equals, value = entry.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"{option} {entry!r} is not KEY=VALUE: write for example {option} {example}")
        if key in parsed:
            raise InputError(f"{option} {key} is given twice, as {parsed[key]!r} and {value!r}: give it once")
        parsed[key] = value
    return parsed


def comma_separated(given: str) -> list[str]:
    """`"a, b,a"` as `["a", "b"]`."""
    return list(dict.fromkeys(word.strip() for word in given.split(",") if word.strip()))


def listed(given: str | None, option: str, missing: str) -> list[str] | None:
    """The words that an option lists; None if it is not given. Raises InputError, which says what is `missing`, for none."""
    named = None if given is None else comma_separated(given)
    if named == []:
        raise InputError(f"{option} {given!r} names no {missing}")
    return named


def pool_path(given: Path | None) -> Path:
    """The pool a command is about: `--pool`, `$POOLSCOPE_POOL`, then the demo pool."""
    from ..paths import default_pool

    return default_pool() if given is None else given


def open_pool(given: Path | None, version: int | None = None) -> "Pool":
    """Opens the pool a command is about; builds the demo pool first where that is meant and missing."""
    from ..paths import demo_pool

    path = pool_path(given)
    if path == demo_pool() and not (path / "pool.json").exists():
        build_demo(path)
    from ..pool import Pool

    return Pool.open(path, version)


def build_demo(path: Path, *, with_records: bool = True) -> None:
    """Builds the demo pool with its progress shown; waits if another process is building it."""
    from .. import demo
    from ..engine.prepare import prepare

    say(f"building the demo pool in {path}")
    with progress_bar("demo pool") as progress:
        demo.build(path, prepare=prepare, with_records=with_records, progress=progress)


def submit(*, kind: str, device: str | None = "cpu", title: str) -> NoReturn:
    """Submits this very command line, without `--detach`, as a job and prints its id."""
    from .. import jobs

    argv = [word for word in typed.get() if word != "--detach"]
    job_id = jobs.submit(argv, kind=kind, device=device, title=title)
    emit({"job": job_id}, text=str(job_id))
    if not json_asked.get():
        say(f"started as a job: `poolscope jobs show {job_id}` tells how it goes")
    raise typer.Exit

"""`poolscope tasks`: the evaluation tasks, what of them is on this disk, and getting them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .bench import TaskKeys, TasksDir, keys
from .console import emit, line, progress_bar, table

if TYPE_CHECKING:
    from ..bench import Task


app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def tasks(
    context: typer.Context,
    task_keys: TaskKeys = None,
    tasks_dir: TasksDir = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read every tar of those on this disk; say what is wrong.")
    ] = False,
    fetch: Annotated[bool, typer.Option("--fetch", help="Download those that are not on this disk.")] = False,
    convert: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Make a task that is not published as tars (Flickr, MSCOCO, WinoGAViL)."),
    ] = None,
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="FILE", help="With --convert: its parquet tables, or WinoGAViL's CSV and images."
        ),
    ] = None,
) -> None:
    """List, check, download, make and add evaluation tasks."""
    if context.invoked_subcommand is not None:
        return
    from ..bench import tasks_list
    from ..bench.tasks import default_dirs

    chosen = keys(task_keys)
    into = tasks_dir or default_dirs()[0]
    content: dict[str, Any] = {}
    if convert is not None:
        content["made"] = str(_convert(convert, sources or [], into))
    if fetch:
        from ..bench.tasks.fetch import fetch as fetch_tasks

        with progress_bar("tasks") as progress:
            content["fetched"] = fetch_tasks(chosen, tasks_dir=into, progress=progress)
    known = tasks_list(tasks_dir)
    if chosen is not None:
        unknown = set(chosen) - {task.key for task in known}
        if unknown:
            raise InputError(f"task {min(unknown)!r} is unknown; see `poolscope tasks`")
        known = [task for task in known if task.key in chosen]
    wrong = _check(known) if check else {}
    listed = [task.as_json() | ({"wrong": wrong.get(task.key, [])} if check else {}) for task in known]
    emit({**content, "tasks": listed}, text=lambda: _print(known, wrong, check))
    broken = [key for key, texts in wrong.items() if texts]
    if broken:
        raise InputError(
            f"{len(broken):,} of {len(wrong):,} tasks are not whole, {broken[0]!r} first: get or add them again"
        )


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the task is called.")],
    source: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A folder per class, a table, images with captions, or a task's shards."),
    ],
    suite: Annotated[str, typer.Option(metavar="SUITE", help="The tasks that it is averaged with.")] = "own",
    templates: Annotated[
        list[str] | None, typer.Option("--template", metavar="TEXT", help="A prompt, {} is the class; repeat for more.")
    ] = None,
) -> None:
    """Make a task of your own; `train --tasks SUITE` and `evaluate --tasks SUITE` use it."""
    from ..bench.tasks.own import add as make

    with progress_bar("task") as progress:
        task = make(name, source, suite=suite, templates=templates or (), progress=progress)

    def text() -> None:
        classes = f" in {task.classes:,} classes" if task.classes else " with captions"
        line(f"task {task.task.key}: {task.examples:,} images{classes}; use it with --tasks {suite}")
        if task.training:
            line(f"  {task.training:,} images of its train split are its training part (`poolscope target training`)")
        for reason, count in task.skipped.most_common():
            line(f"  left out {count:,}: {reason}")

    emit(task.as_json(), text=text)


@app.command()
def remove(
    key: Annotated[str, typer.Argument(metavar="KEY", help="As `poolscope tasks` lists it: SUITE/NAME.")],
) -> None:
    """Delete a task of your own; results that runs have on it stay. `poolscope delete --undo` brings it back."""
    from .. import deletion
    from ..bench.tasks.own import root_of

    root = root_of(key)
    deletion.delete(deletion.find("task", key))
    words = f"removed {key} ({root}); `poolscope delete --undo` brings it back"
    emit({"removed": key}, text=words)


def _convert(key: str, sources: list[Path], into: Path) -> Path:
    from ..bench.tasks import convert
    from ..bench.tasks.fetch import ELSEWHERE

    if key not in ELSEWHERE:
        raise InputError(f"--convert {key!r}: allowed are {', '.join(ELSEWHERE)}; others come with --fetch")
    missing = [str(path) for path in sources if not path.exists()]
    if missing or not sources:
        raise InputError(f"--from {missing[0] if missing else ''!r} is no file: give the files of {ELSEWHERE[key]}")
    if key != "misc/winogavil":
        return convert.retrieval(key, sources, into)
    if len(sources) != 2:
        raise InputError(f"WinoGAViL is made from two: --from TABLE.csv --from IMAGES.zip; {len(sources)} were given")
    return convert.winogavil(sources[0], sources[1], into)


def _check(listed: "list[Task]") -> dict[str, list[str]]:
    """What is wrong with each task that is on this disk, by key."""
    from ..bench.tasks.fetch import check

    here = [task for task in listed if task.present]
    wrong = {}
    with progress_bar("tasks") as progress:
        for number, task in enumerate(here):
            progress(number, len(here), task.name)
            wrong[task.key] = check(task)
    return wrong


def _print(listed: "list[Task]", wrong: dict[str, list[str]], checked: bool) -> None:
    rows = [(t.key, t.name, t.suite, t.kind, t.metric, t.group, _state(t, wrong, checked), t.note) for t in listed]
    table(("key", "name", "suite", "kind", "metric", "group", "present", "note"), rows)
    for texts in wrong.values():
        for text in texts:
            line(f"wrong: {text}")


def _state(task: "Task", wrong: dict[str, list[str]], checked: bool) -> str:
    if not task.present:
        return ""
    return "yes" if not checked else "broken" if wrong.get(task.key) else "whole"

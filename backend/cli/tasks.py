"""`poolscope tasks`: the evaluation tasks, what of them is on this disk, and getting them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .bench import TaskKeys, TasksDir, keys
from .console import emit, line, progress_bar, table
from .options import Json

if TYPE_CHECKING:
    from ..bench import Task


def tasks(
    task_keys: TaskKeys = None,
    tasks_dir: TasksDir = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read every tar of those on this disk; say what is wrong.")
    ] = False,
    fetch: Annotated[bool, typer.Option("--fetch", help="Download those that are not on this disk.")] = False,
    convert: Annotated[
        str | None,
        typer.Option(
            "--convert", metavar="KEY", help="Make a task that is not published as tars (Flickr, MSCOCO, WinoGAViL)."
        ),
    ] = None,
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="FILE", help="With --convert: its parquet tables, or WinoGAViL's CSV and pictures."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List, check, download or make the evaluation tasks."""
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
    found = tasks_list(tasks_dir)
    if chosen is not None:
        unknown = set(chosen) - {task.key for task in found}
        if unknown:
            raise InputError(f"task {min(unknown)!r} is unknown; see `poolscope tasks`")
        found = [task for task in found if task.key in chosen]
    wrong = _check(found) if check else {}
    listed = [task.as_json() | ({"wrong": wrong.get(task.key, [])} if check else {}) for task in found]
    emit({**content, "tasks": listed}, as_json=as_json, text=lambda: _print(found, wrong, check))
    if any(wrong.values()):
        raise typer.Exit(1)


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
        raise InputError(f"WinoGAViL is made from two: --from TABLE.csv --from PICTURES.zip; {len(sources)} were given")
    return convert.winogavil(sources[0], sources[1], into)


def _check(found: "list[Task]") -> dict[str, list[str]]:
    """What is wrong with each task that is on this disk, by key."""
    from ..bench.tasks.fetch import check

    here = [task for task in found if task.present]
    wrong = {}
    with progress_bar("tasks") as progress:
        for number, task in enumerate(here):
            progress(number, len(here), task.name)
            wrong[task.key] = check(task)
    return wrong


def _print(found: "list[Task]", wrong: dict[str, list[str]], checked: bool) -> None:
    rows = [(t.key, t.name, t.kind, t.metric, t.group, _state(t, wrong, checked), t.note) for t in found]
    table(("key", "name", "kind", "metric", "group", "present", "note"), rows)
    for texts in wrong.values():
        for text in texts:
            line(f"wrong: {text}")


def _state(task: "Task", wrong: dict[str, list[str]], checked: bool) -> str:
    if not task.present:
        return ""
    return "yes" if not checked else "broken" if wrong.get(task.key) else "whole"

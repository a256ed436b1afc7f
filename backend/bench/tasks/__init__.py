"""The evaluation tasks: DataComp's 40, the demo's own, and any directory that describes itself."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ... import files, paths
from ...errors import InputError
from .kind import Kind
from .task import Task, from_json, weights


def default_dirs() -> list[Path]:
    """Where tasks are looked for: `$POOLSCOPE_TASKS` (or the home's `tasks/`), then the demo's."""
    given = os.environ.get("POOLSCOPE_TASKS")
    return [Path(given) if given else paths.home() / "tasks", paths.ASSETS / "demo" / "tasks"]


def tasks_list(tasks_dir: Path | str | None = None) -> list[Task]:
    """DataComp's tasks in its order, then every directory with a `task.json`; `present` says what is on disk.

    Raises InputError if `tasks_dir` is given and is no directory.
    """
    from .datacomp import TASKS

    if tasks_dir is not None and not Path(tasks_dir).is_dir():
        raise InputError(f"tasks directory {str(tasks_dir)!r} does not exist; give the one that holds wds_*_test")
    dirs = [Path(tasks_dir)] if tasks_dir is not None else default_dirs()
    listed: list[Task] = []
    for task in TASKS:
        root = next((d / task.folder for d in dirs if (d / task.folder / "test" / "nshards.txt").is_file()), None)
        listed.append(replace(task, root=root))
    own: dict[str, Task] = {}
    for directory in dirs:
        for description in sorted(directory.glob("[!.]*/task.json")):
            try:
                task = from_json(files.read_json(description, dict), description.parent)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(f"{description} does not describe a task: {error}") from error
            own.setdefault(task.key, _apart(task))
    return listed + [task for key, task in own.items() if key not in {t.key for t in listed}]


def _apart(task: Task) -> Task:
    """A task of somebody's own that calls itself one of a suite that ships is averaged apart from it."""
    ships = isinstance(task.root, Path) and paths.ASSETS in task.root.parents
    return task if ships or task.suite not in ("demo", "datacomp") else replace(task, suite="own")


def suites(tasks_dir: Path | str | None = None) -> dict[str, int]:
    """Suites with tasks on this disk, and how many."""
    return Counter(task.suite for task in tasks_list(tasks_dir) if task.present)


def choose(
    keys: Sequence[str] | None = None,
    *,
    suite: str | None = None,
    tasks_dir: Path | str | None = None,
    stream: str | None = None,
) -> list[Task]:
    """The tasks to evaluate: the named ones (all must be on disk; a suite's name stands for its tasks on disk), else
    every one of `suite` that is on disk.

    With `stream`, the URL that DataComp's task repositories are under, absent tasks are read from there.
    """
    known = {task.key: task for task in tasks_list(tasks_dir)}
    if stream is not None:
        known = {key: _streamed(task, stream) for key, task in known.items()}
    if keys is not None:
        keys = [key for name in keys for key in _members(name, known)]
        for key in keys:
            if key not in known:
                raise InputError(f"task {key!r} is unknown; see `poolscope tasks`")
            if not _readable(known[key]):
                raise InputError(f"task {key!r} is not on this disk; fetch it with `poolscope tasks` or set "
                                 "POOLSCOPE_TASKS to the directory that holds it")  # fmt: skip
        return [known[key] for key in dict.fromkeys(keys)]
    chosen = [task for task in known.values() if _readable(task) and suite in (None, task.suite)]
    if not chosen and tasks_dir is not None:
        chosen = [task for task in known.values() if _readable(task)]
    return chosen


def _members(name: str, known: dict[str, Task]) -> list[str]:
    """The keys that `name` stands for: its own, or those of the suite of that name."""
    if name in known:
        return [name]
    return [key for key, task in known.items() if task.suite == name and _readable(task)] or [name]


def _readable(task: Task) -> bool:
    return task.present or isinstance(task.root, str)


def _streamed(task: Task, base: str) -> Task:
    from .fetch import ELSEWHERE

    if task.present or task.suite != "datacomp" or task.key in ELSEWHERE:
        return task
    return replace(task, root=f"{base.rstrip('/')}/{task.folder}/resolve/main")


def kind_of(task: Task) -> type[Kind]:
    """The class that evaluates a task."""
    from . import classification, faces, retrieval, winogavil

    return {
        "classification": classification.Classification,
        "groups": classification.Groups,
        "groups_top5": classification.GroupsTop5,
        "fmow": classification.Fmow,
        "iwildcam": classification.IWildCam,
        "retrieval": retrieval.Retrieval,
        "winogavil": winogavil.WinoGAViL,
        "faces": faces.Faces,
    }[task.kind]


__all__ = ["Kind", "Task", "choose", "default_dirs", "kind_of", "suites", "tasks_list", "weights"]

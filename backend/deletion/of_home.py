"""What belongs to the home: runs, sweeps, jobs, tasks of one's own, and whole pools."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from .. import files, jobs, paths
from ..errors import InputError
from ..jobs import table
from ..pool import Pool, places, trash
from ..pool.lock import importing
from ..runs import Run, check_id
from .found import Found
from .users import working

TRASHES = "trashes.json"  # in the home: the directories of the pools and tasks that were deleted


def _run(name: str) -> Found:
    path = paths.runs() / check_id(name)
    if not path.is_dir():
        raise InputError(f"run {name!r} does not exist; give its whole id, as `poolscope leaderboard` shows it.")
    users, job = [], None
    if (path / "run.json").is_file():
        try:
            run = Run.load(name)
        except InputError:  # a damaged record can be deleted too
            run = None
        users = [f"process {run.pid}, which works on it"] if run is not None and run.running else []
        job = run.job if run is not None and users else None
    return Found(
        "run", name, trash.size(path), users, lambda: trash.move(paths.home(), "run", name, [path]),
        stop=lambda: job and jobs.cancel(job),
    )  # fmt: skip


def _sweep(name: str) -> Found:
    """The record and the recipes of a sweep; its runs stay."""
    folder = paths.home() / "sweeps"
    record = folder / f"{check_id(name)}.json"
    if not record.is_file():
        raise InputError(f"sweep {name!r} does not exist; this home has {_listed(folder.glob('*.json'))}.")
    moved = [path for path in (folder / name, record) if path.exists()]  # the record last: until then it can be named
    users = [
        f"job {job.id} ({job.title})" for job in jobs.all()
        if not job.finished and ("--sweep", name) in zip(job.argv, job.argv[1:])
    ]  # fmt: skip
    return Found("sweep", name, trash.size(*moved), users, lambda: trash.move(paths.home(), "sweep", name, moved))


def _listed(places: Iterable[Path]) -> str:
    return ", ".join(sorted(path.stem for path in places)[:20]) or "none"


def _job(name: str) -> Found:
    job = jobs.get(name)
    users = [] if job.finished else [f"its processes: it is {job.state}"]

    def logs() -> list[Path]:
        return [job.log_path] if job.log_path.exists() else []

    def act() -> None:
        for torn in trash.entries(paths.home()):  # ids are never given twice
            if (torn.kind, torn.name) == ("job", str(job.id)):
                trash.restore(torn)
        table.take(job.id, lambda row: trash.move(paths.home(), "job", str(job.id), logs(), note=row))

    return Found("job", str(job.id), trash.size(*logs()), users, act, stop=lambda: users and jobs.cancel(job.id))


def _task(name: str) -> Found:
    folder = Path(os.environ.get("POOLSCOPE_TASKS") or paths.home() / "tasks")
    known = {key: path.parent for path in sorted(folder.glob("[!.]*/task.json")) if (key := _key_of(path))}
    if name not in known:
        raise InputError(f"there is no task {name[:80]!r} of your own; there are: {', '.join(known) or 'none'}.")
    root = known[name]
    working_on = [job for job in jobs.all() if not job.finished and job.kind in ("train", "evaluate")]

    def act() -> None:
        _remember(root.parent)
        trash.move(root.parent, "task", name, [root])

    return Found("task", name, trash.size(root), [f"job {job.id} ({job.title})" for job in working_on], act)


def _key_of(description: Path) -> str:
    """The key of a task; empty if its description is damaged."""
    try:
        return str(files.read_json(description, dict).get("key", ""))
    except (OSError, ValueError):
        return ""


def _pool(name: str) -> Found:
    path = next((one.absolute() for one in (Path(name), paths.home() / "pools" / name) if _holds_pool(one)), None)
    if path is None:
        raise InputError(
            f"no pool {name[:200]!r} in a directory; give its path. A pool elsewhere is deleted at its store."
        )
    users = [f"job {job.id} ({job.title})" for job in working(Pool.open(path))]

    def act() -> None:
        with _no_import(path), Pool.open(path).changing():
            _remember(path.parent)
            trash.move(path.parent, "pool", str(path), [path])

    return Found("pool", str(path), trash.size(path), users, act)


def _holds_pool(path: Path) -> bool:
    try:
        return (path / "pool.json").exists() and not places.of(path).elsewhere
    except (OSError, ValueError):  # no such name is possible
        return False


@contextmanager
def _no_import(path: Path) -> Iterator[None]:
    try:
        with importing(path).acquire(timeout=0):
            yield
    except Timeout:
        raise InputError(f"an import into {str(path)!r} is running; end that first.") from None


def _remember(root: Path) -> None:
    """Keeps in mind where a pool's trash is."""
    files.write_json(paths.home() / TRASHES, sorted({*remembered(), str(root)}))


def remembered() -> list[str]:
    try:
        return [root for root in files.read_json(paths.home() / TRASHES, list) if isinstance(root, str)]
    except (OSError, ValueError):  # nothing was deleted yet, or the list is damaged
        return []


KINDS: dict[str, Callable[[str], Found]] = {"run": _run, "sweep": _sweep, "job": _job, "task": _task, "pool": _pool}

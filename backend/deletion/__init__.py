"""Deletion: what a thing frees and who uses it, deleting it, and undo until the next compaction.

Columns are hidden by name, see `pool.deleted`; files and directories move to a trash beside them: in the pool for what is
the pool's own, in the home for runs and jobs, in their parent directory for pools and tasks. `versions --clean` ends the undo
of what belongs to that pool, `delete --empty` of everything else. A target set or groups that others replace with --force
wait there too: undo puts the two in each other's place.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout

from .. import files, jobs, paths, targets
from ..audit import discarded
from ..errors import InputError
from ..jobs import table
from ..pool import Pool, places, trash
from ..pool.deleted import DeletedColumn
from ..pool.lock import importing
from ..recipe import tags
from ..recipe.ready import by_file
from .users import BY_RECIPE, names, reads, working

OF_POOL = ("column", "recipe", "tag", "report", "map", "target", "groups")
REPLACED = ("target", "groups")  # with --force, by others of the same name
TRASHES = "trashes.json"  # in the home: the directories of the pools and tasks that were deleted
KINDS = (*OF_POOL, "run", "sweep", "job", "task", "pool")


@dataclass(frozen=True)
class Found:
    """A thing that can be deleted: the bytes that it takes, who uses it, and how it is deleted."""

    kind: str
    name: str
    bytes: int
    users: list[str]
    act: Callable[[], object]
    stop: Callable[[], object] = field(default=lambda: None)


@dataclass(frozen=True)
class Deleted:
    """A thing that can be brought back; `when` it was deleted, in seconds since the epoch."""

    kind: str
    name: str
    when: float
    bytes: int
    kept: DeletedColumn | trash.Entry


def find(kind: str, name: str, pool: Pool | None = None) -> Found:
    """What `delete` would do. `pool` holds the thing, unless it is a run, a sweep, a job, a task or a pool.

    Raises InputError for an unknown kind and for a name that is not there.
    """
    if kind not in KINDS:
        raise InputError(f"{kind!r} can't be deleted; choose {', '.join(KINDS)}.")
    if kind in OF_POOL:
        if pool is None:
            raise InputError(f"a {kind} is part of a pool; name the pool with --pool.")
        return OF_A_POOL[kind](name, pool)
    return {"run": _run, "sweep": _sweep, "job": _job, "task": _task, "pool": _pool}[kind](name)


def delete(found: Found, *, force: bool = False) -> None:
    """Deletes it; `undo` brings it back until the next compaction. Raises InputError if it is in use, unless `force`."""
    if found.users and not force:
        raise InputError(
            f"{found.kind} {found.name!r} is in use by {'; '.join(found.users)}; wait, or delete it with --force."
        )
    found.stop()
    found.act()


def deleted(pool: Pool | None = None) -> list[Deleted]:
    """What can be brought back, the latest first: of the home, and of the pool."""
    entries = [entry for root in _roots(pool) for entry in trash.entries(root)]
    found = [Deleted(entry.kind, entry.name, entry.when, entry.bytes, entry) for entry in entries]
    if pool is not None:
        pool = pool.reload()
        gone = pool.deleted_columns()
        found += [Deleted("column", one.name, one.when, pool.bytes_of(one.stored), one) for one in gone]
    return sorted(found, key=lambda one: one.when, reverse=True)


def undo(pool: Pool | None = None, kind: str | None = None, name: str | None = None) -> Deleted:
    """Brings back what was deleted last (of that kind and name). Raises InputError if there is nothing, or its place is
    taken by now."""
    fitting = [one for one in deleted(pool) if kind in (None, one.kind) and name in (None, one.name)]
    if not fitting:
        what = " ".join(word for word in (kind, repr(name) if name else None) if word) or "the last deletion"
        raise InputError(f"{what} can't be brought back: nothing was deleted, or a compaction removed it for good.")
    last = fitting[0]
    if isinstance(last.kept, DeletedColumn):
        assert pool is not None
        pool.restore_column(last.kept)
        return last
    if last.kind in REPLACED:
        _step_aside(last, pool)
    with _of(pool, last.kept):
        if last.kind == "job":
            table.put(last.kept.note)
        trash.restore(last.kept)
    if last.kind == "groups" and pool is not None:
        discarded.mark(pool)
    return last


def _step_aside(last: Deleted, pool: Pool | None) -> None:
    """Deletes what took the place of a thing, if anything did; that can be undone as well."""
    try:
        there = find(last.kind, last.name, pool)
    except InputError:
        return
    delete(there)


def emptied() -> tuple[int, int]:
    """How many runs, jobs, tasks and pools wait in the trash, and their bytes: what `empty` would free."""
    entries = [entry for root in _roots(None) for entry in trash.entries(root)]
    return len(entries), sum(entry.bytes for entry in entries)


def empty() -> None:
    """Removes the deleted runs, jobs, tasks and pools for good."""
    for root in _roots(None):
        trash.empty(root)


# --- what belongs to a pool -----------------------------------------------------------------------------------------


def _column(name: str, pool: Pool) -> Found:
    column = pool.require(name)
    users = [f"recipe {recipe.name!r}" for recipe in by_file(pool).values() if names(recipe.as_dict(), name)]
    users += [f"job {job.id} ({job.title})" for job in working(pool) if reads(job, name, pool)]
    if column.with_pairs:
        users.append("the pool itself: it came with the pairs, and nothing here could make it again")
    return Found("column", name, pool.bytes_of(name), users, lambda: pool.delete_column(name))


def _recipe(name: str, pool: Pool) -> Found:
    known = {stem: (recipe.name, pool.path / "recipes" / f"{stem}.yaml") for stem, recipe in by_file(pool).items()}
    path = next((path for title, path in known.values() if title == name), known.get(name, ("", None))[1])
    if path is None:
        raise _missing("recipe", name, pool, [title for title, _ in known.values()])
    users = [f"job {job.id} ({job.title})" for job in working(pool) if name in job.argv or str(path) in job.argv]
    return _files("recipe", name, pool, [path], users)


def _tag(name: str, pool: Pool) -> Found:
    if name not in tags.names(pool):
        raise _missing("tag", name, pool, tags.names(pool))
    users = [f"recipe {recipe.name!r}" for recipe in by_file(pool).values() if names(recipe.as_dict(), name, ("tag",))]
    return _files("tag", name, pool, [pool.path / "tags" / f"{name}.npy"], users)


def _report(name: str, pool: Pool) -> Found:
    known = {path.stem: path for path in sorted((pool.path / "reports").glob("*.json"))}
    stem = Path(name).name.removesuffix(".json")
    if stem not in known:
        raise _missing("report", name, pool, list(known))
    return _files("report", stem, pool, [known[stem]], [])


def _map(name: str, pool: Pool) -> Found:
    known = {path.parent.name: path.parent for path in sorted((pool.path / "maps").glob("*/map.json"))}
    if name not in known:
        raise _missing("map", name, pool, list(known))
    users = [f"job {job.id} ({job.title})" for job in working(pool) if job.kind in ("map", "prepare")]
    return _files("map", name, pool, [known[name]], users)


def _target(name: str, pool: Pool) -> Found:
    known = targets.targets(pool)
    fitting = [one for one in known if name in (one, one.rpartition("/")[0])]
    if len(fitting) != 1:
        raise _missing("target", name, pool, known)
    set_, _, model = fitting[0].rpartition("/")
    path = targets.target_path(pool, set_, model)
    users = [f"job {job.id} ({job.title})" for job in working(pool) if job.kind not in BY_RECIPE or set_ in job.argv]

    def act() -> None:
        with pool.changing():
            labels = [beside for beside in [path.with_suffix(".npz")] if beside.exists()]
            trash.move(pool.path, "target", fitting[0], [path, path.with_suffix(".json"), *labels])
        targets.drop_table(pool, set_, model)

    return Found("target", fitting[0], trash.size(path), users, act)


def _groups(name: str, pool: Pool) -> Found:
    known = discarded.own(pool)
    if name not in known:
        raise _missing("groups", name, pool, sorted(known))
    users = [f"job {job.id} ({job.title})" for job in working(pool) if job.kind in ("groups", "audit", "bias")]
    return Found("groups", name, trash.size(*known[name]), users, lambda: discarded.discard(pool, name))


def _files(kind: str, name: str, pool: Pool, moved: list[Path], users: list[str]) -> Found:
    def act() -> None:
        with pool.changing():
            trash.move(pool.path, kind, name, moved)

    return Found(kind, name, trash.size(*moved), users, act)


OF_A_POOL: dict[str, Callable[[str, Pool], Found]] = {
    "column": _column, "recipe": _recipe, "tag": _tag, "report": _report, "map": _map, "target": _target, "groups": _groups,
}  # fmt: skip


def _missing(kind: str, name: str, pool: Pool, known: list[str]) -> InputError:
    return InputError(f"pool {pool.name!r} has no {kind} {name[:80]!r}; it has {', '.join(known[:20]) or 'none'}.")


# --- what belongs to the home ---------------------------------------------------------------------------------------


def _run(name: str) -> Found:
    from ..runs import Run, check_id

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
    from ..runs import check_id

    folder = paths.home() / "sweeps"
    record = folder / f"{check_id(name)}.json"
    if not record.is_file():
        raise InputError(f"sweep {name!r} does not exist; this home has {_listed(folder.glob('*.json'))}.")
    moved = [path for path in (record, folder / name) if path.exists()]
    users = [
        f"job {job.id} ({job.title})" for job in jobs.all()
        if not job.finished and ("--sweep", name) in zip(job.argv, job.argv[1:])
    ]  # fmt: skip
    return Found("sweep", name, trash.size(*moved), users, lambda: trash.move(paths.home(), "sweep", name, moved))


def _listed(found: Iterable[Path]) -> str:
    return ", ".join(sorted(path.stem for path in found)[:20]) or "none"


def _job(name: str) -> Found:
    job = jobs.get(name)
    logs = [job.log_path] if job.log_path.exists() else []
    users = [] if job.finished else [f"its processes: it is {job.state}"]

    def act() -> None:
        row = table.take(job.id)
        trash.move(paths.home(), "job", str(job.id), logs, note=row)

    return Found("job", str(job.id), trash.size(*logs), users, act, stop=lambda: users and jobs.cancel(job.id))


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
    files.write_json(paths.home() / TRASHES, sorted({*_remembered(), str(root)}))


def _remembered() -> list[str]:
    try:
        return [root for root in files.read_json(paths.home() / TRASHES, list) if isinstance(root, str)]
    except (OSError, ValueError):  # nothing was deleted yet, or the list is damaged
        return []


def _roots(pool: Pool | None) -> list[Path]:
    """The directories that may have a trash: the pool's own if one is given, and those of the home and of its pools."""
    known = map(Path, _remembered())
    return [*([pool.path] if pool is not None else []), *dict.fromkeys([paths.home(), *known])]


def _of(pool: Pool | None, entry: trash.Entry) -> AbstractContextManager[None]:
    """The pool's writer lock for what belongs to it."""
    return pool.changing() if pool is not None and entry.root == pool.path else nullcontext()

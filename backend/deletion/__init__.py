"""Deletion: what a thing frees and who uses it, deleting it, and undo until the next compaction.

Columns are hidden by name, see `pool.deleted`; files and directories move to a trash beside them: in the pool for what is
the pool's own, in the home for runs and jobs, in their parent directory for pools and tasks. `versions --clean` ends the undo
of what belongs to that pool, `delete --empty` of everything else. A target set or groups that others replace with --force
wait there too: undo puts the two in each other's place.
"""

from contextlib import nullcontext
from pathlib import Path

from .. import paths
from ..audit import discarded
from ..errors import InputError
from ..jobs import table
from ..pool import Pool, trash
from ..pool.deleted import DeletedColumn
from . import of_home, of_pool
from .found import Deleted, Found

OF_POOL = tuple(of_pool.KINDS)
REPLACED = ("target", "groups")  # with --force, by others of the same name
KINDS = (*OF_POOL, *of_home.KINDS)

__all__ = ["KINDS", "OF_POOL", "Deleted", "Found", "delete", "deleted", "emptied", "empty", "find", "undo"]


def find(kind: str, name: str, pool: Pool | None = None) -> Found:
    """What `delete` would do. `pool` holds the thing, unless it is a run, a sweep, a job, a task or a pool.

    Raises InputError for an unknown kind and for a name that is not there.
    """
    if kind not in KINDS:
        raise InputError(f"{kind!r} can't be deleted; choose {', '.join(KINDS)}.")
    if kind in of_home.KINDS:
        return of_home.KINDS[kind](name)
    if pool is None:
        raise InputError(f"a {kind} is part of a pool; name the pool with --pool.")
    return of_pool.KINDS[kind](name, pool)


def delete(thing: Found, *, force: bool = False) -> None:
    """Deletes it; `undo` brings it back until the next compaction. Raises InputError if it is in use, unless `force`."""
    if thing.users and not force:
        raise InputError(
            f"{thing.kind} {thing.name!r} is in use by {'; '.join(thing.users)}; wait, or delete it with --force."
        )
    thing.stop()
    thing.act()


def deleted(pool: Pool | None = None) -> list[Deleted]:
    """What can be brought back, the latest first: of the home, and of the pool."""
    entries = [entry for root in _roots(pool) for entry in trash.entries(root)]
    listing = [Deleted(entry.kind, entry.name, entry.when, entry.bytes, entry) for entry in entries]
    if pool is not None:
        pool = pool.reload()
        gone = pool.deleted_columns()
        listing += [Deleted("column", one.name, one.when, pool.bytes_of(one.stored), one) for one in gone]
    return sorted(listing, key=lambda one: one.when, reverse=True)


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
    with pool.changing() if pool is not None and last.kept.root == pool.path else nullcontext():
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


def _roots(pool: Pool | None) -> list[Path]:
    """The directories that may have a trash: the pool's own if one is given, and those of the home and of its pools."""
    known = map(Path, of_home.remembered())
    return [*([pool.path] if pool is not None else []), *dict.fromkeys([paths.home(), *known])]

"""`poolscope delete` and `versions`: what nobody needs any more; it can be brought back until the next compaction."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .console import emit, json_asked, line, table
from .options import PoolPath, open_pool, pool_path

if TYPE_CHECKING:
    from ..pool import Pool


def delete(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND", help="column, recipe, tag, report, map, target, groups, run, sweep, job, task or pool."
        ),
    ] = None,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="What to delete; of a pool its path.")
    ] = None,
    pool: PoolPath = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Delete even what is in use.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Bring back what was deleted last, or last of that KIND and NAME.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="List what can be brought back.")] = False,
    empty: Annotated[
        bool, typer.Option("--empty", help="Remove deleted runs, jobs, tasks and pools for good; does it with --yes.")
    ] = False,
) -> None:
    """Delete columns, recipes, runs and more, with an undo.

    Says what it frees and asks. What belongs to a pool can be brought back until `poolscope versions --clean`, runs, jobs,
    tasks and pools until `poolscope delete --empty`.
    """
    if undo + show + empty > 1:
        raise InputError("--undo, --list and --empty exclude each other: give one of them")
    if undo:
        _undo(_present(pool), kind, names or [None])
    elif show:
        _list(_present(pool))
    elif empty:
        _empty(yes)
    elif kind is None or not names:
        raise InputError(
            "name what to delete: for example `poolscope delete column clip_score`; see `poolscope delete --help`"
        )
    else:
        _delete(kind, list(dict.fromkeys(names)), pool, yes, force)


def _delete(kind: str, names: list[str], path: Any, yes: bool, force: bool) -> None:
    from .. import deletion

    opened = open_pool(path) if kind in deletion.OF_POOL else None
    things = [deletion.find(kind, name, opened) for name in names]
    for one in things:
        if one.users and not force:
            deletion.delete(one)  # says what uses it
    frees = size(sum(one.bytes for one in things))
    what = f"{kind} {', '.join(one.name for one in things)}"
    done = yes or (not json_asked.get() and sys.stdin.isatty() and typer.confirm(f"Delete {what}? It takes {frees}."))
    for one in things if done else []:
        deletion.delete(one, force=force)

    def text() -> None:
        if done:
            until = "poolscope versions --clean" if kind in deletion.OF_POOL else "poolscope delete --empty"
            line(f"deleted {what}, {frees}; `poolscope delete --undo` brings it back until `{until}` frees that room")
        else:
            line(f"would delete {what}, {frees}. Add --yes to do it")

    about = [{"kind": one.kind, "name": one.name, "bytes": one.bytes, "used_by": one.users} for one in things]
    emit({"deleted": about, "done": done}, text=text)


def _undo(pool: "Pool | None", kind: str | None, names: Sequence[str | None]) -> None:
    from .. import deletion

    back = [deletion.undo(pool, kind, name) for name in names]
    content = {"restored": [{"kind": one.kind, "name": one.name, "bytes": one.bytes} for one in back]}
    emit(content, text=", ".join(f"{one.kind} {one.name}" for one in back) + " is back")


def _list(pool: "Pool | None") -> None:
    from datetime import datetime

    from .. import deletion

    listed = deletion.deleted(pool)
    when = [datetime.fromtimestamp(one.when).astimezone() for one in listed]
    content = [
        {"kind": one.kind, "name": one.name, "deleted": moment.isoformat(timespec="seconds"), "bytes": one.bytes}
        for one, moment in zip(listed, when)
    ]

    def text() -> None:
        rows = [(one.kind, one.name, f"{at:%Y-%m-%d %H:%M}", size(one.bytes)) for one, at in zip(listed, when)]
        table(("kind", "name", "deleted", "size#"), rows) if rows else line("nothing deleted can be brought back")

    emit({"deleted": content}, text=text)


def _empty(yes: bool) -> None:
    from .. import deletion

    count, frees = deletion.emptied()
    if yes:
        deletion.empty()
    what = f"{count:,} deleted runs, jobs, tasks and pools, {size(frees)}"
    words = f"freed {what}" if yes else f"would free {what}; they can't be brought back afterwards. Add --yes to do it"
    emit({"emptied": yes, "frees": {"deleted": count, "bytes": frees}}, text=words)


def _present(given: Any) -> "Pool | None":
    """The pool, if there is one: nothing is built to look at a trash."""
    from ..pool import Pool

    path = pool_path(given)
    if given is None and not Pool.exists(path):
        return None
    return Pool.open(path)


def versions(
    pool: PoolPath = None,
    clean: Annotated[
        bool,
        typer.Option("--clean", help="Remove all versions but the newest; says what that frees, does it with --yes."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --clean: do it.")] = False,
) -> None:
    """List the versions of a pool, or remove old ones.

    Removing them also removes for good what was deleted from the pool.
    """
    if yes and not clean:
        raise InputError("--yes does nothing alone: write `poolscope versions --clean --yes`")
    opened = open_pool(pool)
    kept, freed = opened.versions(), opened.prunable()
    if clean and yes:
        freed = opened.clean()
    content: dict[str, Any] = {
        "pool": opened.name, "version": opened.version, "cleaned": clean and yes,
        "frees": {"versions": freed.versions, "bytes": freed.bytes, "deleted": freed.deleted},
        "versions": [
            {"version": one.number, "made": one.made.isoformat(timespec="seconds"), "pairs": one.pairs, "bytes": one.bytes}
            for one in kept
        ],
    }  # fmt: skip
    gone = f" and {freed.deleted:,} deleted thing{'s' if freed.deleted > 1 else ''}" if freed.deleted else ""
    amount = f"{freed.versions:,} old versions{gone}, {size(freed.bytes)}"

    def text() -> None:
        if not clean:
            table(
                ("version#", "made", "pairs#", "size#"),
                [(one.number, f"{one.made:%Y-%m-%d %H:%M:%S}", f"{one.pairs:,}", size(one.bytes)) for one in kept],
            )
            line(f"`poolscope versions --clean` would free {amount}")
        elif yes:
            line(f"freed {amount}; version {opened.version} stays, and files outside the table stay as they are")
        else:
            line(
                f"would free {amount}; no selection can be repeated on them, and nothing deleted brought back, afterwards. Add --yes to do it"
            )

    emit(content, text=text)


def size(amount: float) -> str:
    """Bytes in the unit that suits them."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"

"""`poolscope groups`: the groups that an audit compares, and those of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from .audit import FamiliesOption, family_names
from .console import emit, line, progress_bar, table
from .options import Detach, PoolPath, open_pool, submit

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def groups(
    context: typer.Context,
    pool: PoolPath = None,
    families: FamiliesOption = None,
    again: Annotated[bool, typer.Option("--again", help="Find groups anew, even those found before.")] = False,
    detach: Detach = False,
) -> None:
    """List, find, add and remove groups of pairs.

    They are what an audit compares, and are kept with the pool.
    """
    if context.invoked_subcommand is not None:
        return
    if detach:
        submit(kind="groups", title="Find groups")
    from ..audit import catalog
    from ..audit.measure import SMALLEST

    opened = open_pool(pool)
    with progress_bar("groups") as progress:
        members = catalog.find(opened, families=family_names(families), again=again, progress=progress)
    sizes = [int(size) if size >= SMALLEST else None for size in members.sizes]
    absent = {one.id: one.missing(opened) for one in catalog.providers(opened) if one.missing(opened)}
    content = {
        "pairs": len(opened),
        "groups": [{**about.as_json(), "n": size} for about, size in zip(members.definitions, sizes)],
        "absent": absent,
    }

    def text() -> None:
        rows = [
            (about.family, about.id, about.title, "under 10" if size is None else f"{size:,}")
            for about, size in zip(members.definitions, sizes)
        ]
        table(("family", "id", "group", "pairs#"), rows)
        for provider, reason in absent.items():
            line(f"not found: {provider}: {reason}")

    emit(content, text=text)


@app.command()
def add(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A lexicon (.yaml), or a table of keys and groups.")],
    pool: PoolPath = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the groups are called [default: the file's name].")
    ] = None,
    on: Annotated[
        str | None, typer.Option(metavar="uid|id|url", help="What a table's keys are [default: as it has them].")
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="COLUMN", help="The table's column of keys.")] = None,
    column: Annotated[str | None, typer.Option(metavar="COLUMN", help="Its column of group names.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace groups of that name.")] = False,
) -> None:
    """Add groups of your own: a lexicon, or a table that gives the group of each uid, id or url."""
    from ..audit.measure import SMALLEST
    from ..audit.own_groups import add as add_groups

    opened = open_pool(pool)
    with progress_bar("groups") as progress:
        added = add_groups(opened, source, name=name, on=on, key=key, column=column, force=force, progress=progress)

    sizes = {group: size if size >= SMALLEST else None for group, size in added.groups.items()}

    def text() -> None:
        line(f"{added.kind} {added.name}: {len(sizes):,} group{'' if len(sizes) == 1 else 's'}")
        for group, size in sizes.items():
            line(f"  {group}: {'under 10' if size is None else f'{size:,}'} pairs")
        for count, words in (
            (added.unknown, "keys not in the pool"),
            (added.repeated, "rows that repeat a key (the first counts)"),
            (added.blank, "rows without a key or a group"),
            (added.bad_rows, "rows that could not be read"),
        ):
            if count:
                line(f"  left out {count:,}: {words}")

    emit(added.as_json() | {"groups": sizes}, text=text)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As they were called when they were added.")],
    pool: PoolPath = None,
) -> None:
    """Remove groups of your own; a lexicon that they replaced counts again. `poolscope delete --undo` brings them back."""
    from ..audit.own_groups import remove as remove_groups

    kind = remove_groups(open_pool(pool), name)
    words = f"removed {kind} {name}; `poolscope delete --undo` brings it back"
    emit({"removed": name, "kind": kind}, text=words)

"""`poolscope import columns`: scores, embeddings, flags and metadata that were computed elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import emit, line, progress_bar
from .options import Detach, PoolPath, comma_separated, named, open_pool, submit

if TYPE_CHECKING:
    from ..sources import Joined


def columns(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="A table (parquet, CSV, JSON, …), .npy or .npz of values by key.")
    ],
    pool: PoolPath = None,
    on: Annotated[str, typer.Option(metavar="uid|id|url|row", help="What the file's keys are.")] = "uid",
    key: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The file's key column [default: named as --on].")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For a .npy: its keys in order, .npy or one a line.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="score|flag|embedding|metadata", help="What the values are [default: by type]."),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option("--columns", metavar="A,B,…", help="The file's columns to take [default: all that are new]."),
    ] = None,
    name: Annotated[str | None, named("NAME", "Name of the column; of an embedding, of its model.")] = None,
    side: Annotated[
        str | None, typer.Option(metavar="img|txt", help="The side of a pair that an embedding embeds.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL[/PRETRAINED]", help="The embedding's open_clip model, to search by text."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace columns made before.")] = False,
    detach: Detach = False,
) -> None:
    """Join columns computed elsewhere to the pairs of a pool.

    Pairs without a value get NaN or null and are counted, as are keys that the pool lacks and keys that repeat.
    """
    if detach:
        submit(kind="import", title=f"Import {source.name}")
    from ..sources.computed import import_columns

    taken = comma_separated(names) if names else None
    with progress_bar("import") as progress:
        report = import_columns(
            open_pool(pool), source, on=on, key=key, keys=keys, kind=kind, columns=taken, name=name, side=side,
            model=model, force=force, progress=progress,
        )  # fmt: skip

    emit(report.as_json(), text=lambda: _show(report))


def _show(joined: "Joined") -> None:
    for one in joined.columns:
        line(f"{one['kind']} {one['name']}: {one['pairs']:,} pairs have a value, {one['missing']:,} have none")
    for count, words in (
        (joined.unknown, "keys not in the pool"),
        (joined.repeated, "rows that repeat a key (the first counts)"),
        (joined.bad_rows, "rows that could not be read"),
    ):
        if count:
            line(f"  {words}: {count:,}")
    for note in joined.notes:
        line(f"  {note}")
    if joined.left_out:
        line(f"  left out, for they came with the pairs: {', '.join(joined.left_out)}")

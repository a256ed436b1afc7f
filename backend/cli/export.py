"""`poolscope export`: files of what a recipe keeps: a subset, a table, a dataset, shards."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .console import emit, progress_bar
from .options import Address, Detach, Engine, Force, PoolPath, Version, Workers, listed, open_pool, submit
from .recipe import apply

export = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Write the kept pairs, their recipe beside them."
)
RecipeOption = Annotated[
    str | None, typer.Option("--recipe", "-r", metavar="RECIPE.yaml", help="What to keep [default: every pair].")
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Where to write.")]


@export.command()
def subset(
    out: Out,
    recipe: RecipeOption = None,
    pool: PoolPath = None,
    version: Version = None,
    force: Force = False,
    detach: Detach = False,
) -> None:
    """Write the kept uids (.npy, as DataComp) or own ids (.txt)."""
    from ..export.subset import check_subset, export_subset

    check_subset(out, force=force)
    if detach:
        submit(kind="export", title=f"Export {out.name}")
    applied, opened, selection = apply(recipe, pool, version)
    export_subset(opened, selection, out, recipe=applied, force=force)
    content = {"out": str(out), "recipe": applied.name, **selection.as_json()}
    what = "ids" if out.suffix == ".txt" else "uids"
    emit(content, text=f"{out}: {selection.drawn:,} {what}")


@export.command("table")
def export_table_(
    out: Out,
    recipe: RecipeOption = None,
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="The columns to write [default: uid, id, text, url].")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="parquet|csv|jsonl", help="What to write [default: by the suffix]."),
    ] = None,
    safe_cells: Annotated[
        bool, typer.Option("--safe-cells", help="In CSV, quote text that a spreadsheet would run as a formula.")
    ] = False,
    force: Force = False,
    pool: PoolPath = None,
    version: Version = None,
    detach: Detach = False,
) -> None:
    """Write columns of the kept pairs as parquet, CSV or JSONL."""
    from ..export.table import check_table

    check_table(out, form, safe_cells=safe_cells, force=force)
    names = listed(columns, "--columns", "column: write for example --columns uid,text")
    if detach:
        submit(kind="export", title=f"Export {out.name}")
    from ..export import export_table
    from ..export.values import schema_of, usual

    opened = open_pool(pool, version)
    names = names or usual(opened)
    schema_of(opened, names)
    applied, opened, selection = apply(recipe, pool, version)
    with progress_bar("export") as progress:
        export_table(
            opened, selection, out, columns=names, form=form, safe_cells=safe_cells, force=force, recipe=applied,
            progress=progress,
        )  # fmt: skip
    content = {"out": str(out), "columns": names, "recipe": applied.name, **selection.as_json()}
    emit(content, text=f"{out}: {selection.kept:,} pairs, {len(names)} columns")


@export.command()
def dataset(
    out: Out,
    recipe: RecipeOption = None,
    form: Annotated[
        str,
        typer.Option("--format", metavar="imagefolder|parquet", help="Image files with metadata, or all in parquet."),
    ] = "imagefolder",
    metadata: Annotated[
        str, typer.Option(metavar="jsonl|csv", help="What an image folder's metadata is written as.")
    ] = "jsonl",
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="The columns to write [default: all of one value a pair].")
    ] = None,
    shard_size: Annotated[int, typer.Option(min=1, help="Pairs per parquet.")] = 10_000,
    pool: PoolPath = None,
    version: Version = None,
    detach: Detach = False,
) -> None:
    """Write the kept pairs with their images as a Hugging Face dataset."""
    from ..export.dataset import check_dataset

    check_dataset(out, form, metadata)
    names = listed(columns, "--columns", "column: write for example --columns uid,text")
    if detach:
        submit(kind="export", title=f"Export {out.name}")
    from ..export import export_dataset
    from ..export.values import schema_of

    opened = open_pool(pool, version)
    schema_of(opened, names or [])
    applied, opened, selection = apply(recipe, pool, version)
    with progress_bar("export") as progress:
        written = export_dataset(
            opened, selection, out, form=form, metadata=metadata, columns=names, recipe=applied, shard_size=shard_size,
            progress=progress,
        )  # fmt: skip
    content = {
        "out": str(out), "format": form, "written": written.written, "files": written.files, "missing": written.missing,
        "recipe": applied.name, **selection.as_json(),
    }  # fmt: skip
    words = f"{out}: {written.written:,} pairs with their images"
    if written.missing:
        words += f"; {written.missing:,} kept pairs have no readable image, see {out.name}.missing.txt"
    emit(content, text=words)


@export.command()
def shards(
    out: Out,
    recipe: RecipeOption = None,
    shard_size: Annotated[int, typer.Option(min=1, help="Pairs per tar.")] = 10_000,
    blur: Annotated[bool, typer.Option("--blur", help="Blur the faces of the pool's face_bboxes.")] = False,
    engine: Engine = "local",
    workers: Workers = 1,
    address: Address = None,
    pool: PoolPath = None,
    version: Version = None,
    detach: Detach = False,
) -> None:
    """Write webdataset shards of the kept pairs, ready to train on."""
    if detach:
        submit(kind="export", title=f"Export {out.name}")
    from ..export import export_shards

    applied, opened, selection = apply(recipe, pool, version)
    with progress_bar("shards") as progress:
        report = export_shards(
            opened, selection, out, recipe=applied, shard_size=shard_size, blur=blur, engine=engine, workers=workers,
            address=address, progress=progress,
        )  # fmt: skip
    content = {
        "out": str(out), "shards": report.shards, "written": report.written, "missing": report.missing,
        "unreadable": report.unreadable, "recipe": applied.name, **selection.as_json(),
    }  # fmt: skip
    words = f"{out}: {report.written:,} pairs in {report.shards:,} shards"
    if report.missing:
        words += f"; {report.missing:,} kept pairs are in no shard, see missing.txt"
    emit(content, text=words)
    if report.unreadable:
        raise InputError(
            f"{report.unreadable:,} indexed samples can't be read any more, see unreadable.txt: index their shards again"
        )

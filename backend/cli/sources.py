"""`poolscope import`: pairs from whatever lies at a path into a pool."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from ..devices import slot
from ..errors import InputError
from .bench import import_run
from .console import emit, line, progress_bar, say
from .import_columns import columns
from .options import Address, Detach, Device, Engine, Workers, named, parse_settings, submit

if TYPE_CHECKING:
    from ..sources import Plan, Report


class AnySource(TyperGroup):
    """`import PATH…` without a subcommand looks at what is there."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["any", *args]
        return super().parse_args(context, args)


app = typer.Typer(
    cls=AnySource,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make or extend a pool from what lies at PATH.\n\n`poolscope import PATH… --pool P` looks at what is there and "
    "says what it does; `poolscope import any --help` lists its options. The commands below are explicit.",
)

Target = Annotated[Path, typer.Option("--pool", "-p", metavar="P", help="The pool to make or extend.")]
Column = Annotated[str | None, typer.Option(metavar="COLUMN", help="The source's column [default: the usual names].")]
Captions = Annotated[
    str, typer.Option("--captions", metavar="all|first|longest", help="What to take of several captions.")
]


def show_report(report: "Report", plan: "Plan | None" = None) -> None:
    """Prints what an import added and skipped, and why; as JSON also its `plan`."""

    def text() -> None:
        line(f"{report.added:,} pairs added" + (f", {report.present:,} were there" if report.present else ""))
        counts = [(reason, f"skipped {count:,}") for reason, count in report.skipped.most_common()]
        counts += [(reason, f"{count:,} of them have no caption") for reason, count in report.uncaptioned.most_common()]
        for reason, words in counts:
            examples = ", ".join(report.examples.get(reason, [])[:2])
            line(f"  {words}: {reason}" + (f" ({examples})" if examples else ""))
        for note in report.notes:
            line(f"  note: {note}")
        line(f"report: {report.path}")

    emit(report.as_json() | ({"plan": plan.as_json()} if plan else {}), text=text)


@app.command()
def datacomp(
    source: Annotated[
        str, typer.Argument(metavar="METADATA_DIR", help="The directory of parquet and npz files, or its URL.")
    ],
    pool: Target,
    embeddings: Annotated[
        str | None, typer.Option(metavar="l14,b32|none", help="Features to take [default: all there are].")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column", metavar="ROLE=NAME", help="The parquet's name for uid, text, url, …; repeat for more."
        ),
    ] = None,
    shards: Annotated[
        str | None, typer.Option(metavar="DIR", help="Tars of the images, to index for reading them.")
    ] = None,
    dedup_features: Annotated[
        bool, typer.Option("--dedup-features", help="Take the copy-detection features too, as the embedding dedup.")
    ] = False,
    verify: Annotated[
        bool, typer.Option(help="Leave out files whose features differ from their similarity scores.")
    ] = True,
    engine: Engine = "local",
    workers: Workers = 2,
    address: Address = None,
    detach: Detach = False,
) -> None:
    """Import DataComp's metadata and features; damaged files are reported and can be added later."""
    from ..sources.layout import families

    chosen = None if embeddings is None else families(embeddings)
    named = parse_settings(columns or [], option="--column", example="text=caption")
    if detach:
        submit(kind="import", title=f"Import {Path(source).name}")
    from ..sources import import_datacomp

    with progress_bar("import") as progress:
        report = import_datacomp(
            source, pool, embeddings=chosen, columns=named, shards=shards, dedup_features=dedup_features,
            verify=verify,
            engine=engine, workers=workers, address=address, progress=progress,
        )  # fmt: skip
    show_report(report)


@app.command()
def webdataset(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A directory of tar shards, one tar, a brace pattern or a URL.")
    ],
    pool: Target,
    image_key: Annotated[
        str | None, typer.Option(metavar="EXT", help="Extension of the image [default: any usual one].")
    ] = None,
    caption_key: Annotated[
        str | None,
        typer.Option(
            metavar="EXT|FIELD",
            help="Extension of the caption, or its field in the .json [default: txt, then the usual fields].",
        ),
    ] = None,
    captions: Captions = "all",
    embed: Annotated[
        str | None, typer.Option(metavar="MODEL[/PRETRAINED]", help="Embed the pairs too, see `poolscope embed`.")
    ] = None,
    name: Annotated[str | None, named("NAME", "Name of the embedding [default: made from MODEL].")] = None,
    device: Device = "auto",
    detach: Detach = False,
) -> None:
    """Import webdataset shards.

    Broken samples are counted, listed in a report, and skipped. An interrupted import goes on where it stopped.
    """
    if detach:
        submit(kind="import", device=slot(device) if embed else "cpu", title=f"Import {Path(source).name}")
    from ..models import Model
    from ..sources import import_webdataset

    if embed:  # a model that does not exist is reported before the import, not after it
        Model.parse(embed)
    with progress_bar("import") as progress:
        report = import_webdataset(
            source, pool, image_key=image_key, caption_key=caption_key, captions=captions, progress=progress
        )
    if embed:
        _embed(pool, embed, name, device)
    show_report(report)


@app.command("any", hidden=True)
def anything(
    context: typer.Context,
    sources: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, directories, glob or brace patterns, or URLs.")
    ],
    pool: Annotated[Path | None, typer.Option("--pool", "-p", metavar="P", help="The pool to make or extend.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what an import would do, and stop there.")] = False,
    uid: Column = None,
    text: Column = None,
    image: Column = None,
    url: Column = None,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="The column of the source's own ids.")
    ] = None,
    width: Column = None,
    height: Column = None,
    images: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where relative image paths start [default: found].")
    ] = None,
    captions: Captions = "all",
    delimiter: Annotated[
        str | None, typer.Option(metavar="C", help="What separates cells: ';', tab, … [default: found].")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="E", help="utf-16, latin-1, gb18030, … [default: found].")
    ] = None,
    header: Annotated[bool | None, typer.Option(help="Whether the first row names columns [default: found].")] = None,
    check: Annotated[bool, typer.Option(help="Open every image to see that it is whole.")] = True,
    image_key: Annotated[str | None, typer.Option(metavar="EXT", help="Shards: extension of the image.")] = None,
    caption_key: Annotated[
        str | None, typer.Option(metavar="EXT|FIELD", help="Shards: extension or field of the caption.")
    ] = None,
    detach: Detach = False,
) -> None:
    """Look at what is there, say what will be done, and import it."""
    from ..sources import Options, look

    only: Literal["table"] | None = "table" if context.info_name == "table" else None

    options = Options(
        text=text, image=image, url=url, id=id_, uid=uid, width=width, height=height, images=images, captions=captions,
        delimiter=delimiter, encoding=encoding, header=header, check=check, image_key=image_key,
        caption_key=caption_key,
    )  # fmt: skip
    plan = look(sources, options, only=only)
    if dry_run:
        emit(plan.as_json(), text=lambda: show_plan(plan, line))
        return
    if pool is None:
        raise InputError("--pool is missing: name the pool to make or extend, or add --dry-run to look only.")
    if detach:
        submit(kind="import", title=f"Import {Path(sources[0]).name}")
    show_plan(plan, say)
    with progress_bar("import") as progress:
        report = plan.run(pool, progress=progress)
    show_report(report, plan)


def show_plan(plan: "Plan", write: Callable[[str], None]) -> None:
    """Writes what an import would do, a line at a time."""
    for part in plan.parts:
        shown = ", ".join(Path(file).name for file in part.files[:3])
        more = f" and {len(part.files) - 3:,} more" if len(part.files) > 3 else ""
        write(f"{part.kind}: {len(part.files):,} {'file' if len(part.files) == 1 else 'files'} ({shown}{more})")
        if part.mapping:
            write("  columns: " + ", ".join(f"{role} = {column}" for role, column in part.mapping.items()))
        if part.columns:
            write("  further columns: " + ", ".join(part.columns.values()))
        for note in part.notes:
            write(f"  note: {note}")
        for row in part.preview:
            place = "/".join(str(row[name]) for name in ("image", "member") if row.get(name)) or row.get("url") or ""
            problem = f" ({row['problem']})" if row.get("problem") else ""
            write(f"  {str(row.get('text') or '(no caption)')[:70]}  <- {place}{problem}")
        for what, why in part.left_out.items():
            write(f"  left out: {what}: {why}")


def _embed(pool: Path, model: str, name: str | None, device: str) -> None:
    from .. import engine
    from ..models import embedding_name
    from ..pool import Pool
    from .score import warn_of_teacher

    column = name or embedding_name(model)
    warn_of_teacher(model, Pool.open(pool))
    with progress_bar(f"embed as {column}") as progress:
        engine.embed(Pool.open(pool), model, name=column, device=device, progress=progress)
    say(f"embeddings: {column}_img, {column}_txt")


app.command("table", help="Import tables of captions with image files, URLs or bytes.")(anything)
app.command("columns")(columns)
app.command("run")(import_run)

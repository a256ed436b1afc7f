"""`poolscope audit` and `groups`: whom a recipe keeps and drops, and the groups that are compared, found or of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import files
from ..errors import InputError
from ..number_format import percent
from .console import emit, json_asked, line, progress_bar, say, table
from .options import Detach, Force, PoolPath, Version, listed, open_pool, submit
from .recipe import RecipeName, ready

if TYPE_CHECKING:
    from ..audit import Audit, Row
    from ..pool import Pool

SHOWN = 30
FamiliesOption = Annotated[
    str | None,
    typer.Option(
        "--families", metavar="A,B,…", help="Families of groups, see `poolscope groups` [default: all cheap ones]."
    ),
]


def audit(
    recipe: RecipeName,
    pool: PoolPath = None,
    version: Version = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="report.html", help="Write a report, and its figures as JSON beside it."),
    ] = None,
    families: FamiliesOption = None,
    strata: Annotated[
        str | None, typer.Option(metavar="S", help="Also compare within language, domain, length or a column.")
    ] = None,
    minimum: Annotated[int, typer.Option(min=1, help="Leave out groups of fewer pairs.")] = 100,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="R", help="Expected shares: uniform, or a YAML file of group id: share; flags amplification."
        ),
    ] = None,
    force: Force = False,
    detach: Detach = False,
) -> None:
    """Audit a recipe: whom it keeps and drops.

    The keep rate of every group, with intervals and controls.
    """
    if out is not None:
        if out.suffix != ".html":
            raise InputError(f"{out.name!r} does not end in .html: name the output for example kept.html")
        files.new(out, out.with_suffix(".json"), force=force)
    if detach:
        submit(kind="audit", title=f"Audit {Path(recipe).stem}")
    from ..audit import audit as make_audit

    read, opened = ready(recipe, pool, version)
    with progress_bar("groups") as progress:
        audited = make_audit(
            opened,
            read,
            families=family_names(families),
            strata=strata,
            minimum=minimum,
            reference=shares(reference),
            progress=progress,
        )
    content = audited.as_json()
    if out is not None:
        content["out"] = [str(path) for path in write_report(audited, opened, out, force)]
    emit(content, text=lambda: show(audited))
    if out is not None and not json_asked.get():
        say(f"report: {out}, figures: {out.with_suffix('.json')}")


def write_report(audited: "Audit", pool: "Pool", out: Path, force: bool) -> list[Path]:
    """The report with the separating words of the groups that lose most."""
    import numpy as np

    from ..audit import catalog, html
    from ..audit.words import separating
    from ..recipe import load, select

    mask = select(load(audited.recipe), pool).mask if audited.recipe.get("keep") else np.ones(len(pool), dtype=bool)
    groups = catalog.load(pool)
    words = {
        row.definition.id: separating(pool, np.flatnonzero(groups.mask(row.definition.id)), mask)
        for row in html.worst(audited)
    }
    return html.write(audited, out, words=words, force=force)


def show(audited: "Audit") -> None:
    share = audited.kept / audited.pairs if audited.pairs else 0.0
    line(f"{audited.recipe['name']}: kept {audited.kept:,} of {audited.pairs:,} pairs ({percent(share)})")
    line(audited.headline.text)
    rows = sorted(audited.rows, key=lambda row: row.lift if row.lift is not None else -1.0)
    table(
        ("group", "family", "pairs#", "kept#", "rate#", "lift#", "odds ratio#", "q#"),
        [_cells(row) for row in rows[:SHOWN]],
    )
    if len(rows) > SHOWN:
        line(f"{len(rows) - SHOWN} more groups are kept more than these; --json and --out list them all")


def _cells(row: "Row") -> tuple[str, ...]:
    kept = "under 10" if row.kept is None else f"{row.kept:,}"
    rate = f"under {percent(row.rate_below)}" if row.rate is None and row.rate_below else f"{percent(row.rate or 0.0)}"
    ratios = ("" if value is None else f"{value:.2f}" for value in (row.lift, row.odds_ratio))
    q = "" if row.q is None else "<0.0001" if row.q < 0.0001 else f"{row.q:.4f}"
    return row.definition.title, row.definition.family, f"{row.n:,}", kept, rate, *ratios, q


def family_names(given: str | None) -> list[str] | None:
    """`--families` as a list; None stays None."""
    return listed(given, "--families", "family: see `poolscope groups`")


def shares(given: str | None) -> dict[str, float] | str | None:
    """The reference of `--reference`: `uniform`, or the shares in a YAML file."""
    if given is None or given == "uniform":
        return given
    path = Path(given)
    if not path.is_file():
        raise InputError(
            f"--reference {given!r} is no file: write uniform, or the path of a YAML file of `group id: share`"
        )
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
        return {str(id): float(share) for id, share in content.items()}
    except (yaml.YAMLError, AttributeError, TypeError, ValueError, RecursionError):
        raise InputError(
            f"--reference {given!r} is not `group id: share` in YAML: for example gender.woman: 0.5"
        ) from None


groups_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@groups_app.callback()
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


@groups_app.command()
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


@groups_app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As they were called when they were added.")],
    pool: PoolPath = None,
) -> None:
    """Remove groups of your own; a lexicon that they replaced counts again. `poolscope delete --undo` brings them back."""
    from ..audit.own_groups import remove as remove_groups

    kind = remove_groups(open_pool(pool), name)
    words = f"removed {kind} {name}; `poolscope delete --undo` brings it back"
    emit({"removed": name, "kind": kind}, text=words)

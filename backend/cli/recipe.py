"""`poolscope select`: what a recipe keeps of a pool, and the recipes that commands name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..number_format import percent
from .console import emit, line, progress_bar, table
from .options import Detach, Force, PoolPath, Version, open_pool, submit

if TYPE_CHECKING:
    from ..pool import Pool
    from ..recipe import Recipe, Selection

RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE.yaml", help="A recipe file, or the name of a ready or saved recipe.")
]


def read_recipe(named: str, pool: "Pool") -> "Recipe":
    """The recipe of a file, or the ready or saved recipe of that name."""
    from ..engine.ready import find

    return find(named, pool)


def ready(named: str | None, pool: Path | None, version: int | None = None) -> tuple["Recipe", "Pool"]:
    """The recipe (None keeps everything) and the pool, on which scores that it explains and the pool lacks are made first."""
    from ..recipe import Recipe

    opened = open_pool(pool, version)
    recipe = Recipe(name="no filter") if named is None else read_recipe(named, opened)
    return recipe, make_scores(recipe, opened)


def apply(named: str | None, pool: Path | None, version: int | None = None) -> tuple["Recipe", "Pool", "Selection"]:
    """The recipe, the pool with its scores, and what it keeps of it."""
    from ..recipe import select

    recipe, opened = ready(named, pool, version)
    return recipe, opened, select(recipe, opened)


def make_scores(recipe: "Recipe", pool: "Pool") -> "Pool":
    """A handle on the pool that has every column of the recipe; those it explains are computed if they lack, but not on
    an older version."""
    if not recipe.scores or pool.pinned:
        return pool
    from ..engine import ensure

    with progress_bar("scores of the recipe") as progress:
        return ensure(recipe, pool, progress=progress)


def show_selection(recipe: "Recipe", selection: "Selection") -> None:
    share = selection.kept / selection.pairs if selection.pairs else 0.0
    drawn = f", {selection.drawn:,} draws" if selection.copies is not None else ""
    line(f"{recipe.name}: kept {selection.kept:,} of {selection.pairs:,} pairs ({percent(share)}){drawn}")
    if selection.counts:
        table(
            ("rule", "kept after it#", "dropped by it#", "threshold#", "which is"),
            [
                (c.rule, f"{c.kept:,}", f"{c.dropped:,}", "" if c.threshold is None else f"{c.threshold:.5g}", c.note)
                for c in selection.counts
            ],
        )
    for number, count in enumerate(selection.counts, start=1):
        if count.warning:
            line(f"warning: rule {number}, {count.rule}, {count.warning}")


def select(
    recipe: RecipeName,
    pool: PoolPath = None,
    version: Version = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write the kept uids (.npy, DataComp's format) or ids (.txt)."
        ),
    ] = None,
    uid: Annotated[
        list[str] | None,
        typer.Option(metavar="UID", help="Tell why this pair, by uid or id, is kept; repeat for more."),
    ] = None,
    force: Force = False,
    detach: Detach = False,
    near: Annotated[
        int, typer.Option(metavar="N", min=0, help="Show the N pairs next to each threshold, kept and dropped.")
    ] = 0,
) -> None:
    """Apply a recipe and count what each rule drops."""
    from ..export.subset import check_subset, export_subset

    if out is not None:
        check_subset(out, force=force)
    if detach:
        submit(kind="select", title=f"Select with {recipe}")

    applied, opened, selection = apply(recipe, pool, version)
    content = {"recipe": applied.name, **selection.as_json()}
    if out is not None:
        content["out"] = str(export_subset(opened, selection, out, recipe=applied, force=force))
    asked = reasons_for(uid or [], applied, opened, selection)
    if asked:
        content["asked"] = asked
    nearest = pairs_near(near, applied, opened) if near else []
    if nearest:
        content["near"] = nearest

    def text() -> None:
        show_selection(applied, selection)
        if nearest:
            rows = [(n["rule"], n["side"], n["uid"], n["score"], n["text"]) for n in nearest]
            table(("rule#", "just", "uid", "score#", "caption"), rows)
        for one in asked:
            line(f"{one['uid']}: {one['reason']}")

    emit(content, text=text)


def pairs_near(limit: int, recipe: "Recipe", pool: "Pool") -> list[dict[str, Any]]:
    """The `limit` pairs just kept and the `limit` just dropped at the threshold of each score rule, nearest first."""
    from ..recipe import Desk
    from ..recipe.grammar import ScoreRule

    desk, pairs = Desk(pool, rank=False), []
    for index, rule in enumerate(recipe.keep):
        if not rule.on or not isinstance(rule, ScoreRule):
            continue
        edge = desk.edge(recipe, index, limit)
        for side, rows in (("kept", edge.kept), ("dropped", edge.dropped)):
            scores = () if edge.scores is None else edge.scores[rows].tolist()
            for score, pair in zip(scores, pool.take(rows, ["uid", "text"]).to_pylist(), strict=True):
                pairs.append({"rule": index + 1, "side": side, "score": score, **pair})
    return pairs


def reasons_for(pairs: list[str], recipe: "Recipe", pool: "Pool", selection: "Selection") -> list[dict[str, Any]]:
    """Of each pair asked for: whether it is kept, the number of the rule that dropped it (0: none), and why."""
    from ..engine.reason import reason
    from ..recipe import PoolColumns
    from ..recipe.subset_files import rows_named

    columns, answers = PoolColumns(pool), []
    for one in pairs:
        rows = rows_named(pool, [one])
        if not len(rows):
            raise InputError(f"--uid {one!r} is no uid or id of the pool; `poolscope search` finds pairs")
        for row, uid in zip(rows.tolist(), pool.take(rows, ["uid"])["uid"].to_pylist(), strict=True):
            number = int(selection.dropped_by[row])
            why = reason(row, recipe, selection, columns)
            answers.append({"uid": uid, "kept": not number, "rule": number, "reason": why})
    return answers

"""`poolscope race`: seeds dealt out to recipes where they decide which is best."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import cell, emit, line, progress_bar, table
from .options import Detach, Gpus, PoolPath, open_pool, submit
from .recipe import make_scores, read_recipe

if TYPE_CHECKING:
    from ..bench.race import Race


def race(
    recipes: Annotated[
        list[str], typer.Argument(metavar="RECIPE.yaml…", help="Recipe files, or names of ready or saved recipes.")
    ],
    scale: Annotated[str, typer.Option(metavar="S", help="demo, small, …")] = "demo",
    budget: Annotated[
        str | None, typer.Option(metavar="T", help="Time for all its runs, as 2h, 90m or 1h30m [default: no end].")
    ] = None,
    confidence: Annotated[float, typer.Option(help="How surely the best recipe stays in.")] = 0.95,
    seeds: Annotated[int, typer.Option(min=2, help="At most so many seeds of each.")] = 10,
    pool: PoolPath = None,
    name: Annotated[
        str | None, typer.Option("--as", metavar="RACE", help="Its name [default: made of its recipes and settings].")
    ] = None,
    gpus: Gpus = None,
    detach: Detach = False,
) -> None:
    """Find the best recipe with few runs.

    Recipes that are surely behind get no more seeds. The same command goes on with a race that was stopped, and runs
    on the leaderboard count. It ends with the best, those that can't be told from it, and what it spent.
    """
    from ..bench.race import as_json as content
    from ..bench.race import enter, go_on, seconds
    from ..devices import gpus as gpus_here
    from ..devices import slot

    allowed = None if budget is None else seconds(budget)
    if detach:
        device = slot(count=gpus or max(1, gpus_here()))
        submit(kind="race", device=device, title=f"Race of {len(recipes)} recipes, {scale}")
    opened = open_pool(pool)
    read = [read_recipe(recipe, opened) for recipe in recipes]
    for recipe in read:
        opened = make_scores(recipe, opened)
    entered = enter(opened, read, scale=scale, budget=allowed, confidence=confidence, most=seeds, name=name,
                    job=os.environ.get("POOLSCOPE_JOB"))  # fmt: skip
    with progress_bar("race") as progress:
        done = go_on(entered, progress, gpus=gpus)
    result = content(done)
    emit(result, text=lambda: _print(done, result))


def _print(race: "Race", result: dict[str, Any]) -> None:
    from ..bench.race import sentence

    table(
        ("recipe", "kept#", "seeds#", "average#", ""),
        [
            (e["recipe"], f"{e['kept']:,}", e["seeds"], cell(e["mean"]),
             _place(e["recipe"], result))
            for e in sorted(result["recipes"], key=lambda e: -(e["mean"] or 0.0))
        ],
    )  # fmt: skip
    line(f"{race.id}: {sentence(race)}")


def _place(recipe: str, result: dict[str, Any]) -> str:
    if recipe == result["best"]:
        return "best so far" if result["state"] != "decided" else "best"
    return "behind" if recipe in result["behind"] else "can't be told from the best"

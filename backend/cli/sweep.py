"""`poolscope sweep` and `race`: many runs, as a grid with its response curve, or dealt out until the best is known."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..devices import slot
from ..errors import InputError
from .console import cell, emit, json_asked, line, progress_bar, say, table
from .options import Detach, Gpus, PoolPath, comma_separated, open_pool, submit
from .recipe import make_scores, read_recipe

if TYPE_CHECKING:
    from ..bench.race import Race
    from ..bench.response import Point
    from ..bench.sweep import Sweep

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Train on a grid of fractions, methods and seeds.")
Name = Annotated[str, typer.Argument(metavar="SWEEP", help="The sweep's name, from `poolscope sweep list`.")]


@app.command()
def start(
    scores: Annotated[str | None, typer.Option(metavar="A,B,…", help="Scores whose top is varied.")] = None,
    fractions: Annotated[
        str, typer.Option(metavar="F,G,…", help="Fractions of the pool; 1 is no filter.")
    ] = "0.2,0.4,0.6,0.8,1",
    recipes: Annotated[
        list[str] | None, typer.Option("--recipe", metavar="R", help="A recipe to train on as it is; can be repeated.")
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="N,M,…", help="Seeds of each.")] = "0,1,2",
    base: Annotated[
        str | None, typer.Option(metavar="R", help="A recipe whose rules come before the varied one.")
    ] = None,
    scale: Annotated[str, typer.Option(metavar="S", help="demo, small, …")] = "demo",
    pool: PoolPath = None,
    name: Annotated[str | None, typer.Option("--as", metavar="SWEEP", help="Its name [default: made up].")] = None,
) -> None:
    """Queue one run per fraction (or recipe) and seed.

    An interrupted command, started again under the same name, goes on where it stopped.
    """
    from ..bench import sweep as sweeping

    wanted = comma_separated(scores or "")
    parts, numbers = _numbers(fractions, "--fractions", float), _numbers(seeds, "--seeds", int)
    opened = open_pool(pool)
    first = None if base is None else read_recipe(base, opened)
    others = [read_recipe(recipe, opened) for recipe in recipes or ()]
    for recipe in (*([first] if first else []), *others):
        opened = make_scores(recipe, opened)
    sweep = sweeping.start(
        opened, wanted, scale=scale, fractions=parts, seeds=numbers, name=name, device=slot(), base=first,
        recipes=others,
    )  # fmt: skip
    emit(_content(sweep), text=sweep.id)
    if not json_asked.get():
        say(f"{len(sweep.cells)} runs are queued: `poolscope sweep show {sweep.id}` tells how they go")


@app.command("list")
def list_() -> None:
    """List all sweeps, newest first."""
    from ..bench.sweep import Sweep, progress

    listed = Sweep.every()

    def text() -> None:
        if not listed:
            line("no sweeps yet: `poolscope sweep start --scores clip_score` queues one")
            return
        rows = [(s.id, s.scale, s.pool, len(s.cells), _states(progress(s))) for s in listed]
        table(("sweep", "scale", "pool", "runs#", "state"), rows)

    emit({"sweeps": [_content(one) for one in listed]}, text=text)


@app.command()
def show(sweep: Name) -> None:
    """Show how far a sweep is, and its response curve so far."""
    from ..bench.sweep import Sweep, response

    loaded = Sweep.load(sweep)
    points = response(sweep)
    content = {**_content(loaded), "points": points}
    emit(content, text=lambda: _show(loaded, points))


@app.command()
def stop(sweep: Name) -> None:
    """Cancel what of a sweep is queued or running; what is done stays."""
    from ..bench import sweep as sweeping

    stopped = sweeping.stop(sweep)
    content = {**_content(sweeping.Sweep.load(sweep)), "stopped": stopped}
    emit(content, text=f"{stopped} runs of {sweep} were cancelled")


@app.command()
def resume(sweep: Name) -> None:
    """Queue again what of a sweep was cancelled or failed, or was never queued."""
    from ..bench import sweep as sweeping

    queued = sweeping.resume(sweep)
    content = {**_content(sweeping.Sweep.load(sweep)), "resumed": queued}
    emit(content, text=f"{queued} runs of {sweep} are queued again")


def _content(sweep: "Sweep") -> dict[str, Any]:
    from ..bench.sweep import progress

    return {
        "sweep": sweep.id, "scale": sweep.scale, "pool": sweep.pool, "created": sweep.created,
        "states": progress(sweep),
        "runs": [{"recipe": c.recipe, "score": c.axis, "fraction": c.value, "seed": c.seed, "job": c.job} for c in sweep.cells],
    }  # fmt: skip


def _show(sweep: "Sweep", points: "list[Point]") -> None:
    from ..bench.sweep import progress

    line(f"{sweep.id} at scale {sweep.scale}: {_states(progress(sweep))}")
    if points:
        columns = ("score", "kept, %#", "recipe", "pairs kept#", "seeds#", "average#", "spread (sd)#")
        table(
            columns,
            [
                (p.axis, f"{100 * (p.value if p.share is None else p.share):.3g}", p.recipe,
                 cell(p.kept, ","), len(p.seeds), cell(p.mean), cell(p.sd))
                for p in points
            ],
        )  # fmt: skip


def _states(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items())


def _numbers(text: str, option: str, kind: Any) -> list[Any]:
    """`"0.2, 1"` as numbers. Raises InputError that names the word that is none."""
    numbers = []
    for word in comma_separated(text):
        try:
            numbers.append(kind(word))
        except ValueError:
            wanted = "whole numbers" if kind is int else "numbers"
            raise InputError(f"{option} {word!r} is no number: give {wanted} with commas between") from None
        if kind is int and numbers[-1] < 0:
            raise InputError(f"{option} {word!r} is negative: seeds are 0 or more")
    return list(dict.fromkeys(numbers))


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
    emit(result, text=lambda: _print_race(done, result))


def _print_race(race: "Race", result: dict[str, Any]) -> None:
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

"""`poolscope tasks`, `train` and `evaluate`: the benchmark of a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import emit, line, progress_bar, say, table
from backend.cli.options import Detach, Device, Json, PoolPath, open_pool, submit
from backend.cli.recipe import RecipeName, make_scores, read_recipe
from backend.devices import slot
from backend.errors import InputError

if TYPE_CHECKING:
    from backend.bench import Estimate, Launch, Problem, Result, Run, Scale
    from backend.pool import Pool
    from backend.recipe import Recipe

TaskKeys = Annotated[
    str | None, typer.Option("--tasks", metavar="A,B,…", help="Keys of tasks [default: all of the scale on this disk].")
]
TasksDir = Annotated[
    Path | None, typer.Option("--tasks-dir", metavar="DIR", help="Where tasks are [default: $POOLSCOPE_TASKS].")
]


def tasks(tasks_dir: TasksDir = None, as_json: Json = False) -> None:
    """List the evaluation tasks and which are on this disk."""
    from backend.bench import tasks_list

    found = tasks_list(tasks_dir)

    def text() -> None:
        rows = [(t.key, t.name, t.kind, t.metric, t.group, "yes" if t.present else "") for t in found]
        table(("key", "name", "kind", "metric", "group", "present"), rows)

    emit({"tasks": [task.as_json() for task in found]}, as_json=as_json, text=text)


def keys(given: str | None) -> list[str] | None:
    """`"a, b"` as a list; None stays None."""
    if given is None:
        return None
    named = [word.strip() for word in given.split(",") if word.strip()]
    if not named:
        raise InputError(f"--tasks {given!r} names no task: see `poolscope tasks`")
    return named


def train(
    context: typer.Context,
    recipe: RecipeName,
    scale: Annotated[str, typer.Option("--scale", metavar="S", help="demo, small, medium, large or xlarge.")],
    pool: PoolPath = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the model's start and the order of pairs.")] = 0,
    run_id: Annotated[str | None, typer.Option("--as", metavar="RUN", help="The run's id [default: made up].")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run of that id.")] = False,
    gpus: Annotated[int | None, typer.Option("--gpus", min=0, help="GPUs to use, 0 for the CPU.")] = None,
    accum: Annotated[int, typer.Option("--accum", min=1, help="Parts to split a batch into, to fit memory.")] = 1,
    task_keys: TaskKeys = None,
    tasks_dir: TasksDir = None,
    no_evaluation: Annotated[bool, typer.Option("--no-evaluation", help="Only train.")] = False,
    shards: Annotated[
        Path | None, typer.Option("--shards", metavar="DIR", help="Train on shards that were exported before.")
    ] = None,
    keep_shards: Annotated[bool, typer.Option("--keep-shards", help="Keep the shards that are written.")] = False,
    track: Annotated[str, typer.Option("--track", help="filtering, or byod for a pool of your own data.")] = "filtering",
    sweep: Annotated[str | None, typer.Option("--sweep", metavar="NAME", help="The sweep that the run is part of.")] = None,
    only_estimate: Annotated[
        bool, typer.Option("--estimate", help="Only tell what it would cost and what stands in its way.")
    ] = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Train a model on what a recipe keeps, and evaluate it."""
    from backend.bench import Launch
    from backend.bench import train as train_run
    from backend.bench.board import known_track
    from backend.bench.scales import scale_named

    wanted, launch, named = scale_named(scale), Launch(gpus=gpus, accum=accum), keys(task_keys)
    known_track(track)
    if detach:
        device = "cpu" if gpus == 0 else slot()
        submit(context, kind="train", device=device, title=f"Train on {Path(recipe).stem}, {scale}, seed {seed}")
    opened = open_pool(pool)
    read = read_recipe(recipe, opened)
    opened = make_scores(read, opened)
    if only_estimate:
        return show_cost(read, opened, wanted, launch, as_json)
    with progress_bar(f"run at scale {scale}") as progress:
        run = train_run(
            read, opened, scale=wanted, seed=seed, run_id=run_id, resume=resume, launch=launch, shards=shards,
            keep_shards=keep_shards, evaluate=not no_evaluation, tasks=named, tasks_dir=tasks_dir, sweep=sweep,
            track=track, progress=progress,
        )  # fmt: skip
    return show_run(run, as_json)


def show_cost(recipe: "Recipe", pool: "Pool", scale: "Scale", launch: "Launch", as_json: bool) -> None:
    """Prints the estimate of a run and what `preflight` finds."""
    from backend.bench import estimate, preflight
    from backend.recipe import select

    kept = select(recipe, pool).kept
    cost = estimate(kept, scale, pool=pool, device="cpu" if launch.gpus == 0 else None)
    problems = preflight(kept, scale, launch=launch, pool=pool)
    content = {
        "recipe": recipe.name,
        "kept": kept,
        "estimate": cost.as_json(),
        "problems": [p.as_json() for p in problems],
    }
    emit(content, as_json=as_json, text=lambda: _print_cost(recipe.name, cost, problems))


def _print_cost(name: str, cost: "Estimate", problems: "list[Problem]") -> None:
    line(f"{name} at scale {cost.scale}: {cost.pairs:,} pairs, each seen {cost.repeats:g} times")
    line(f"  about {cost.total_seconds / 60:.1f} minutes here ({cost.basis}), {cost.macs:.2g} multiply-adds")
    line("  GPU hours: " + ", ".join(f"{gpu} {hours:g}" for gpu, hours in cost.gpu_hours.items()))
    line(f"  disk: {cost.total_disk / 1e9:.2f} GB")
    for problem in problems:
        line(f"  {problem.level}: {problem.text}")


def show_run(run: "Run", as_json: bool) -> None:
    content = {
        "run": run.id, "recipe": run.recipe, "scale": run.scale, "seed": run.seed, "state": run.state,
        "pairs": run.pool_pairs, "kept": run.kept, "samples_seen": run.samples_seen, "path": str(run.path),
        "seconds": run.seconds, "results": run.results(), "not_comparable": run.not_comparable,
    }  # fmt: skip

    def text() -> None:
        line(f"run {run.id}: {run.state}, {run.kept or 0:,} pairs kept, in {run.path}")
        rows = [(r["key"], r["dataset"], _number(r["metrics"].get("main_metric"))) for r in run.results()]
        if rows:
            table(("task", "name", "value#"), rows)
        for reason in run.not_comparable:
            say(f"not comparable with other runs of its scale: {reason}")

    emit(content, as_json=as_json, text=text)


def evaluate(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or MODEL/PRETRAINED, or MODEL/CHECKPOINT.")],
    task_keys: TaskKeys = None,
    tasks_dir: TasksDir = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option("--precision", help="fp32, bf16 or fp16.")] = "fp32",
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, help="Pictures at once.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Do tasks again that have a result.")] = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Evaluate a run or a model zero-shot.

    Results of finished tasks are kept: started again, it goes on with the next task.
    """
    named = keys(task_keys)
    if detach:
        submit(context, kind="evaluate", device=slot(device), title=f"Evaluate {run}")
    from backend.bench import evaluate as evaluate_model

    with progress_bar("evaluation") as progress:
        results = evaluate_model(
            run, tasks=named, tasks_dir=tasks_dir, device=device, precision=precision, batch_size=batch_size,
            again=again, progress=progress,
        )  # fmt: skip
    content = {"run": run, "results": [result.as_json() for result in results]}
    emit(content, as_json=as_json, text=lambda: _print_results(results))


def _print_results(results: "list[Result]") -> None:
    table(
        ("task", "name", "value#", "pictures#"),
        [(r.key, r.dataset, _number(r.main), f"{r.examples:,}") for r in results],
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"

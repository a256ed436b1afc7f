"""`poolscope train`, `evaluate`, `import run` and `submit`: the benchmark of a recipe."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..devices import slot
from ..errors import InputError
from .console import cell, emit, line, progress_bar, say, table
from .options import Detach, Device, PoolPath, listed, parse_settings, submit
from .recipe import RecipeName, ready

if TYPE_CHECKING:
    from ..bench import Estimate, Launch, Problem, Run, Scale
    from ..pool import Pool
    from ..recipe import Recipe

TaskKeys = Annotated[
    str | None,
    typer.Option(
        "--tasks",
        metavar="A,B,…",
        help="Keys of tasks, or a suite [default: the scale's suite, as far as it is on this disk].",
    ),
]
TasksDir = Annotated[
    Path | None, typer.Option("--tasks-dir", metavar="DIR", help="Where tasks are [default: $POOLSCOPE_TASKS].")
]


def keys(given: str | None) -> list[str] | None:
    """`--tasks` as a list; None stays None."""
    return listed(given, "--tasks", "task: see `poolscope tasks`")


def train(
    recipe: RecipeName,
    scale: Annotated[str, typer.Option(metavar="S", help="demo, debug, small, medium, large or xlarge.")],
    pool: PoolPath = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the model's start and the order of pairs.")] = 0,
    run_id: Annotated[str | None, typer.Option("--as", metavar="RUN", help="The run's id [default: made up].")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run of that id.")] = False,
    gpus: Annotated[int | None, typer.Option(min=0, help="GPUs per machine, 0 for the CPU.")] = None,
    nodes: Annotated[int, typer.Option(min=1, help="Machines; for more than one, scripts to submit are written.")] = 1,
    time: Annotated[
        str | None, typer.Option(metavar="T", help="Slurm's limit for a job, 12:00:00; writes scripts to submit.")
    ] = None,
    partition: Annotated[
        str | None, typer.Option(metavar="P", help="Slurm's partition; writes scripts to submit.")
    ] = None,
    accum: Annotated[int, typer.Option(min=1, help="Parts to split a batch into, to fit memory.")] = 1,
    precision: Annotated[
        str | None,
        typer.Option(help="amp, amp_bf16, bf16, fp16 or fp32 [default: the scale's; demo: the device's fastest]."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Loader processes per device.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting of the scale; the run is then not comparable."
        ),
    ] = None,
    task_keys: TaskKeys = None,
    tasks_dir: TasksDir = None,
    no_evaluation: Annotated[bool, typer.Option("--no-evaluation", help="Only train.")] = False,
    shards: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Train on shards that were exported before.")
    ] = None,
    keep_shards: Annotated[bool, typer.Option("--keep-shards", help="Keep the shards that are written.")] = False,
    in_place: Annotated[bool, typer.Option("--in-place", help="Read the pool's own tars; write no shards.")] = False,
    track: Annotated[str, typer.Option(help="filtering, or byod for a pool of your own data.")] = "filtering",
    sweep: Annotated[str | None, typer.Option(metavar="NAME", help="The sweep that the run is part of.")] = None,
    only_estimate: Annotated[
        bool, typer.Option("--estimate", help="Only tell what it would cost and what stands in its way.")
    ] = False,
    detach: Detach = False,
) -> None:
    """Train a model on what a recipe keeps, and evaluate it."""
    from .. import bench
    from ..bench.board import known_track
    from ..bench.scales import scale_named

    known_track(track)
    wanted, named = scale_named(scale).changed(**changes(settings or [])), keys(task_keys)
    launch = bench.Launch(gpus=gpus, nodes=nodes, accum=accum, precision=precision, workers=workers, time=time,
                          partition=partition)  # fmt: skip
    if detach:
        submit(kind="train", device="cpu" if launch.submitted else slot(count=gpus),
               title=f"Train on {Path(recipe).stem}, {scale}, seed {seed}")  # fmt: skip
    read, opened = ready(recipe, pool)
    if only_estimate:
        return show_cost(read, opened, wanted, launch, in_place=in_place)
    with progress_bar(f"run at scale {scale}") as progress:
        run = bench.train(
            read, opened, scale=wanted, seed=seed, run_id=run_id, resume=resume, launch=launch, shards=shards,
            keep_shards=keep_shards, in_place=in_place, evaluate=not no_evaluation, tasks=named, tasks_dir=tasks_dir, sweep=sweep,
            track=track, progress=progress,
        )  # fmt: skip
    return show_run(run)


def changes(given: list[str]) -> dict[str, Any]:
    """`--set` entries as settings of a scale, each in its setting's type."""
    from dataclasses import fields

    from ..bench.scales import Scale

    kinds: dict[str, Callable[[str], Any]] = {"int": int, "float": float, "bool": _truth}
    types = {f.name: getattr(f.type, "__name__", str(f.type)) for f in fields(Scale)}
    changed: dict[str, Any] = {}
    for name, text in parse_settings(given, example="samples_seen=2048").items():
        try:
            changed[name] = kinds.get(types.get(name, ""), str)(text)
        except ValueError:
            raise InputError(f"--set {name}={text!r}: {name} is a number") from None
        if isinstance(changed[name], int) and not isinstance(changed[name], bool) and changed[name] < 1:
            raise InputError(f"--set {name}={text}: it must be 1 or more")
    return changed


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise InputError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def import_run(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Holds info.pkl, and eval_results.jsonl if evaluated.")
    ],
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="On the leaderboard [default: the directory's].")
    ] = "",
) -> None:
    """Put a run that DataComp's own tools made on the leaderboard.

    Its pickle is read by a reader that knows paths, text and numbers only: no code in it is run.
    """
    from ..bench.foreign import import_run as read_run

    show_run(read_run(directory, name=name))


def show_cost(recipe: "Recipe", pool: "Pool", scale: "Scale", launch: "Launch", *, in_place: bool = False) -> None:
    """Prints the estimate of a run and what `preflight` finds."""
    from ..bench import estimate, preflight
    from ..recipe import select

    selection = select(recipe, pool)
    kept, drawn = selection.kept, selection.drawn
    cost = estimate(drawn, scale, pool=pool, device=launch.kind, count=launch.world)
    problems = preflight(drawn, scale, launch=launch, pool=pool, in_place=in_place)
    content = {"recipe": recipe.name, "kept": kept, "estimate": cost, "problems": problems}
    emit(content, text=lambda: _print_cost(recipe.name, cost, problems))


def _print_cost(name: str, cost: "Estimate", problems: "list[Problem]") -> None:
    line(f"{name} at scale {cost.scale}: {cost.pairs:,} pairs, each seen {cost.repeats:g} times")
    where = "here" if cost.devices == 1 else f"on {cost.devices} devices"
    line(f"  about {cost.total_seconds / 60:.1f} minutes {where} ({cost.basis}), {cost.macs:.2g} multiply-adds")
    line(f"  GPU hours: {', '.join(f'{gpu} {hours:g}' for gpu, hours in cost.gpu_hours.items())} ({cost.gpu_basis})")
    line(f"  disk: {cost.total_disk / 1e9:.2f} GB, {cost.checkpoints} checkpoints, one after every {cost.steps // cost.checkpoints:,} "
         f"of {cost.steps:,} steps")  # fmt: skip
    for problem in problems:
        line(f"  {problem.level}: {problem.text}")


def show_run(run: "Run") -> None:
    content = {
        "run": run.id, "recipe": run.recipe, "scale": run.scale, "seed": run.seed, "state": run.state,
        "pairs": run.pool_pairs, "kept": run.kept, "samples_seen": run.samples_seen, "path": str(run.path),
        "seconds": run.seconds, "results": run.results(), "not_comparable": run.not_comparable,
    }  # fmt: skip

    def text() -> None:
        line(f"run {run.id}: {run.state}, {run.kept or 0:,} pairs kept, in {run.path}")
        rows = [(r["key"], r["dataset"], cell(r["metrics"].get("main_metric"))) for r in run.results()]
        if rows:
            table(("task", "name", "value#"), rows)
        for reason in run.not_comparable:
            say(f"not comparable with other runs of its scale: {reason}")

    emit(content, text=text)


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or MODEL/PRETRAINED, or MODEL/CHECKPOINT.")],
    task_keys: TaskKeys = None,
    tasks_dir: TasksDir = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="fp32, bf16 or fp16.")] = "fp32",
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images at once.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Do tasks again that have a result.")] = False,
    stream: Annotated[
        bool,
        typer.Option("--stream", help="Read tasks that are not on this disk over the network, without keeping them."),
    ] = False,
    detach: Detach = False,
) -> None:
    """Evaluate a run or a model zero-shot.

    Results of finished tasks are kept: started again, it goes on with the next task.
    """
    named = keys(task_keys)
    if detach:
        submit(kind="evaluate", device=slot(device), title=f"Evaluate {run}")
    from ..bench import evaluate as evaluate_model
    from ..bench.fitting import collect
    from ..bench.tasks.fetch import source

    if collect(run):
        say(f"run {run}: its training has ended, its weights are kept")
    with progress_bar("evaluation") as progress:
        results = evaluate_model(
            run, tasks=named, tasks_dir=tasks_dir, device=device, precision=precision, batch_size=batch_size,
            again=again, stream=source() if stream else None, progress=progress,
        )  # fmt: skip
    columns = ("task", "name", "value#", "images#")
    rows = [(r.key, r.dataset, cell(r.main), f"{r.examples:,}") for r in results]
    emit({"run": run, "results": results}, text=lambda: table(columns, rows))


def submit_run(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, from `poolscope leaderboard`.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="A new directory to write into.")],
    track: Annotated[str | None, typer.Option(help="filtering or byod [default: the run's].")] = None,
    method_name: Annotated[str, typer.Option(help="On the board [default: the recipe's name].")] = "",
    author: Annotated[str, typer.Option(help="Your name, shown on the board.")] = "",
    email: Annotated[str, typer.Option(help="Your address, shown on the board.")] = "",
    writeup: Annotated[str, typer.Option(metavar="URL", help="Of a paper or page on the method.")] = "",
    checkpoint: Annotated[bool, typer.Option("--checkpoint", help="Put the weights in too.")] = False,
) -> None:
    """Write a run as a submission to DataComp's board.

    The files are checked against the rules; sending them is left to you.
    """
    from ..bench.submission import submit as write

    written = write(
        run, out, track=track, method_name=method_name, author=author, email=email, writeup=writeup,
        checkpoint=checkpoint,
    )  # fmt: skip

    def text() -> None:
        line(f"{written.directory}: {', '.join(written.written)}")
        for error in written.errors:
            line(f"  breaks a rule: {error}")
        for warning in written.warnings:
            line(f"  mind: {warning}")
        line("valid as a submission" if written.valid else "not valid as a submission")

    emit(written.as_json(), text=text)

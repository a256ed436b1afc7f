"""`poolscope train`, `evaluate` and `import run`: the benchmark of a recipe."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..devices import slot
from ..errors import InputError
from .console import cell, emit, line, progress_bar, say, table
from .options import Detach, Device, Json, PoolPath, listed, parse_settings, submit
from .recipe import RecipeName, ready

if TYPE_CHECKING:
    from ..bench import Estimate, Launch, Problem, Result, Run, Scale
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


ScaleOption = Annotated[str, typer.Option("--scale", metavar="S", help="demo, debug, small, medium, large or xlarge.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the model's start and the order of pairs.")]
RunId = Annotated[str | None, typer.Option("--as", metavar="RUN", help="The run's id [default: made up].")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run of that id.")]
Gpus = Annotated[int | None, typer.Option("--gpus", min=0, help="GPUs per machine, 0 for the CPU.")]
Nodes = Annotated[
    int, typer.Option("--nodes", min=1, help="Machines; for more than one, scripts to submit are written.")
]
Time = Annotated[
    str | None,
    typer.Option("--time", metavar="T", help="Slurm's limit for a job, 12:00:00; writes scripts to submit."),
]
Partition = Annotated[
    str | None, typer.Option("--partition", metavar="P", help="Slurm's partition; writes scripts to submit.")
]
Accum = Annotated[int, typer.Option("--accum", min=1, help="Parts to split a batch into, to fit memory.")]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision", help="amp, amp_bf16, bf16, fp16 or fp32 [default: the scale's; demo: the device's fastest]."
    ),
]
Workers = Annotated[int | None, typer.Option("--workers", min=0, help="Loader processes per device.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the scale; the run is then not comparable."),
]
NoEvaluation = Annotated[bool, typer.Option("--no-evaluation", help="Only train.")]
Shards = Annotated[
    Path | None, typer.Option("--shards", metavar="DIR", help="Train on shards that were exported before.")
]
KeepShards = Annotated[bool, typer.Option("--keep-shards", help="Keep the shards that are written.")]
InPlace = Annotated[bool, typer.Option("--in-place", help="Read the pool's own tars; write no shards.")]
Track = Annotated[str, typer.Option("--track", help="filtering, or byod for a pool of your own data.")]
Sweep = Annotated[str | None, typer.Option("--sweep", metavar="NAME", help="The sweep that the run is part of.")]
OnlyEstimate = Annotated[
    bool, typer.Option("--estimate", help="Only tell what it would cost and what stands in its way.")
]


def train(
    context: typer.Context,
    recipe: RecipeName,
    scale: ScaleOption,
    pool: PoolPath = None,
    seed: Seed = 0,
    run_id: RunId = None,
    resume: Resume = False,
    gpus: Gpus = None,
    nodes: Nodes = 1,
    time: Time = None,
    partition: Partition = None,
    accum: Accum = 1,
    precision: Precision = None,
    workers: Workers = None,
    settings: Settings = None,
    task_keys: TaskKeys = None,
    tasks_dir: TasksDir = None,
    no_evaluation: NoEvaluation = False,
    shards: Shards = None,
    keep_shards: KeepShards = False,
    in_place: InPlace = False,
    track: Track = "filtering",
    sweep: Sweep = None,
    only_estimate: OnlyEstimate = False,
    detach: Detach = False,
    as_json: Json = False,
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
        submit(context, kind="train", device="cpu" if launch.submitted else slot(count=gpus),
               title=f"Train on {Path(recipe).stem}, {scale}, seed {seed}")  # fmt: skip
    read, opened = ready(recipe, pool)
    if only_estimate:
        return show_cost(read, opened, wanted, launch, as_json, in_place=in_place)
    with progress_bar(f"run at scale {scale}") as progress:
        run = bench.train(
            read, opened, scale=wanted, seed=seed, run_id=run_id, resume=resume, launch=launch, shards=shards,
            keep_shards=keep_shards, in_place=in_place, evaluate=not no_evaluation, tasks=named, tasks_dir=tasks_dir, sweep=sweep,
            track=track, progress=progress,
        )  # fmt: skip
    return show_run(run, as_json)


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
    as_json: Json = False,
) -> None:
    """Put a run that DataComp's own tools made on the leaderboard.

    Its pickle is read by a reader that knows paths, text and numbers only: no code in it is run.
    """
    from ..bench.foreign import import_run as read_run

    show_run(read_run(directory, name=name), as_json)


def show_cost(
    recipe: "Recipe", pool: "Pool", scale: "Scale", launch: "Launch", as_json: bool, *, in_place: bool = False
) -> None:
    """Prints the estimate of a run and what `preflight` finds."""
    from ..bench import estimate, preflight
    from ..recipe import select

    selection = select(recipe, pool)
    kept, drawn = selection.kept, selection.drawn
    cost = estimate(drawn, scale, pool=pool, device=launch.kind, count=launch.world)
    problems = preflight(drawn, scale, launch=launch, pool=pool, in_place=in_place)
    content = {
        "recipe": recipe.name,
        "kept": kept,
        "estimate": cost.as_json(),
        "problems": [p.as_json() for p in problems],
    }
    emit(content, as_json=as_json, text=lambda: _print_cost(recipe.name, cost, problems))


def _print_cost(name: str, cost: "Estimate", problems: "list[Problem]") -> None:
    line(f"{name} at scale {cost.scale}: {cost.pairs:,} pairs, each seen {cost.repeats:g} times")
    where = "here" if cost.devices == 1 else f"on {cost.devices} devices"
    line(f"  about {cost.total_seconds / 60:.1f} minutes {where} ({cost.basis}), {cost.macs:.2g} multiply-adds")
    line(f"  GPU hours: {', '.join(f'{gpu} {hours:g}' for gpu, hours in cost.gpu_hours.items())} ({cost.gpu_basis})")
    line(f"  disk: {cost.total_disk / 1e9:.2f} GB, {cost.checkpoints} checkpoints, one after every {cost.steps // cost.checkpoints:,} "
         f"of {cost.steps:,} steps")  # fmt: skip
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
        rows = [(r["key"], r["dataset"], cell(r["metrics"].get("main_metric"))) for r in run.results()]
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
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, help="Images at once.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Do tasks again that have a result.")] = False,
    stream: Annotated[
        bool,
        typer.Option("--stream", help="Read tasks that are not on this disk over the network, without keeping them."),
    ] = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Evaluate a run or a model zero-shot.

    Results of finished tasks are kept: started again, it goes on with the next task.
    """
    named = keys(task_keys)
    if detach:
        submit(context, kind="evaluate", device=slot(device), title=f"Evaluate {run}")
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
    content = {"run": run, "results": [result.as_json() for result in results]}
    emit(content, as_json=as_json, text=lambda: _print_results(results))


def _print_results(results: "list[Result]") -> None:
    table(
        ("task", "name", "value#", "images#"),
        [(r.key, r.dataset, cell(r.main), f"{r.examples:,}") for r in results],
    )

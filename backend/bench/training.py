"""A whole run: selection, shards, training through open_clip_train, weights, evaluation."""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import files, paths
from ..devices import cuda_devices
from ..errors import InputError
from ..progress import Progress, silent
from ..runs import WORKING, Run, check_id, command_line, hardware, new_id, runs
from ..versions import versions
from .checks import preflight, refuse
from .cluster import Evaluation
from .evaluation import evaluate as evaluate_run
from .fitting import fit, latest_checkpoint
from .launch import Launch
from .phase import timed, within
from .scales import SCALES, Scale, differences, scale_named, with_order
from .tasks import choose, suites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..pool import Pool
    from ..recipe import Recipe, Selection


def train(
    recipe: "Recipe | str | Path",
    pool: "Pool | str | Path",
    *,
    scale: "str | Scale",
    seed: int = 0,
    run_id: str | None = None,
    resume: bool = False,
    launch: Launch | None = None,
    settings: Mapping[str, Any] | None = None,
    shards: Path | str | None = None,
    keep_shards: bool = False,
    in_place: bool = False,
    evaluate: bool = True,
    tasks: Sequence[str] | None = None,
    tasks_dir: Path | str | None = None,
    sweep: str | None = None,
    track: str = "filtering",
    progress: Progress = silent,
) -> Run:
    """Trains a model on what `recipe` keeps of `pool` at `scale` and evaluates it; returns the finished run.

    Every step leaves its result in the run's directory, so the same call with `resume=True` and the run's id goes on
    where it stopped (training: after the last checkpoint). A job that is started again resumes its own run by itself.
    `settings` change the scale, `launch` says on which devices; what differs from the scale's table is listed in
    `not_comparable`. `shards` uses tars that were exported before instead of writing them; `keep_shards` leaves ours;
    `in_place` writes none, and reads the kept samples from the pool's own tars, in the order of the shards.

    Raises InputError, before anything is written, for an empty or tiny selection and whatever else `preflight` finds;
    RuntimeError if the training process fails. On any stop the run is left resumable.
    """
    from ..export.subset import kept_uids
    from ..recipe import select

    run, loaded_recipe, opened = _begin(recipe, pool, run_id, resume)
    selection = select(loaded_recipe, opened)
    launch, device = _where(launch or Launch())
    wanted, tasks = _of_suite(scale_named(scale).changed(**(settings or {})), tasks, tasks_dir)
    wanted, launch = _settled(run, wanted, launch, device)
    uids, written = kept_uids(opened, selection.mask, selection.wanted), Path(shards) if shards is not None else None
    refuse(preflight(selection.drawn, wanted, launch=launch, pool=opened, shards=written, uids=uids,
                     in_place=in_place, look_at_gpus=True))  # fmt: skip
    if run is None:
        run = _create(run_id, loaded_recipe, opened, selection, wanted, seed, device, sweep, track)
    else:
        _same(run, wanted, seed, uids)
        _same_devices(run, wanted, launch)
    with _ending(run):
        directory = _shards(run, loaded_recipe, opened, selection, written, in_place, progress)
        tested = Evaluation(tasks, tasks_dir)
        if fit(run, wanted, launch, directory, progress, evaluation=tested):
            _finish(run, tested if evaluate else None, keep_shards or written is not None, progress)
    return run


def _finish(run: Run, evaluation: Evaluation | None, keep_shards: bool, progress: Progress) -> None:
    """What comes after training: the evaluation, if there is to be one, and the removal of shards that nobody keeps."""
    if evaluation is not None:
        run.step_to("evaluating")
        with timed(run, "evaluation"):
            evaluate_run(
                run, tasks=evaluation.tasks, tasks_dir=evaluation.tasks_dir, progress=within(progress, "evaluating")
            )
    if not keep_shards:
        shutil.rmtree(run.path / "shards", ignore_errors=True)
    run.step_to("done")


def _begin(recipe: Any, pool: Any, run_id: str | None, resume: bool) -> "tuple[Run | None, Recipe, Pool]":
    from ..pool import Pool
    from ..recipe import Recipe, load

    opened = pool if isinstance(pool, Pool) else Pool.open(pool)
    job = os.environ.get("POOLSCOPE_JOB")
    if run_id is None and job:
        mine = [run for run in runs() if run.job == job and run.resumable]
        run_id, resume = (mine[0].id, True) if mine else (None, resume)
    run = None
    if run_id is not None and (paths.runs() / check_id(run_id) / "run.json").is_file():
        run = Run.load(run_id)
        if run.state in WORKING:
            where = str(run.machine).split("/")[0]
            raise InputError(f"run {run_id!r} is being worked on by process {run.pid} on {where}; cancel that first")
        if not resume:
            raise InputError(f"run {run_id!r} exists ({run.state}); resume it or choose another id")
    elif resume:
        raise InputError(f"run {run_id!r} does not exist, so it can't be resumed; leave out the resume option")
    return run, recipe if isinstance(recipe, Recipe) else load(recipe), opened


def _create(run_id: str | None, recipe: "Recipe", pool: "Pool", selection: "Selection", scale: Scale, seed: int,
            device: str, sweep: str | None, track: str) -> Run:  # fmt: skip
    from ..export.subset import export_subset
    from ..pool import digests
    from ..recipe import dump

    run = Run(
        id=run_id or new_id(scale.name, recipe.name, f"s{seed}"), name=recipe.name, recipe=recipe.name, scale=scale.name,
        settings=asdict(scale), seed=seed, pool=str(pool.path.resolve()), pool_version=pool.version,
        pool_pairs=len(pool), kept=selection.kept, rules=[count.as_json() for count in selection.counts],
        model=scale.model, argv=command_line(), versions=versions(), hardware=hardware(device if cuda_devices() else "cpu"),
        not_comparable=differences(scale), created=time.time(), job=os.environ.get("POOLSCOPE_JOB"),
        notes=_notes(scale, pool), sweep=sweep, track=track,
    )  # fmt: skip
    files.write_text(run.path / "recipe.yaml", dump(recipe))
    export_subset(pool, selection, run.path / "subset.npy", recipe=recipe, force=True)
    run.subset_sha256 = digests.of_path(run.path / "subset.npy")
    run.step_to("shards")
    return run


def _notes(scale: Scale, pool: "Pool") -> list[str]:
    """What a reader of the leaderboard should know though it breaks no rule."""
    table = SCALES[scale.name]
    if table.pool is not None and len(pool) != table.pool:
        return [f"the pool has {len(pool):,} pairs, DataComp's {scale.name} pool {table.pool:,}: compare with runs on this "
                "pool, not with published ones"]  # fmt: skip
    return []


def _where(launch: Launch) -> tuple[Launch, str]:
    """The launch, without GPUs where there are none, and `cpu` or `cuda`."""
    # Scripts for several nodes are often written on a machine that has no GPU itself.
    if launch.gpus == 0 or not (cuda_devices() > 0 or launch.submitted):
        return replace(launch, gpus=0), "cpu"
    return launch, "cuda"


def _of_suite(
    scale: Scale, tasks: Sequence[str] | None, tasks_dir: Path | str | None
) -> tuple[Scale, Sequence[str] | None]:  # fmt: skip
    """A suite becomes a setting of the scale; single tasks stay as they are."""
    if tasks is not None:
        choose(tasks, tasks_dir=tasks_dir)  # a task that is not there is told before the training, not after it
        if len(tasks) == 1 and tasks[0] in suites(tasks_dir):
            return scale.changed(tasks=tasks[0]), None
    return scale, tasks


def _settled(run: Run | None, scale: Scale, launch: Launch, device: str) -> tuple[Scale, Launch]:
    """The scale with what the launch says of it, so that the record has it and a resume can't change it: precision and
    loader workers. What neither says is as the run was begun, or as the device has it."""
    begun = run.settings if run else {}
    if launch.precision:
        scale = scale.changed(precision=launch.precision)
    workers = begun.get("workers", scale.workers) if launch.workers is None else launch.workers
    scale = replace(_as_begun(begun.get("precision"), scale, device) or scale.on(device), workers=int(workers))
    return scale, replace(launch, precision=None, workers=None)


def _as_begun(begun: str | None, scale: Scale, device: str) -> Scale | None:
    """`scale` in the precision of a run that goes on, where the scale leaves the precision to the device."""
    if begun in (None, "auto") or scale.precision not in ("auto", "amp") or (begun, device) == ("amp", "cpu"):
        return None
    return replace(scale, precision=str(begun))


def _same(run: Run, scale: Scale, seed: int, uids: np.ndarray) -> None:
    """A resumed run must be the run that was started."""
    before = files.read_array(run.path / "subset.npy")
    begun = with_order(run.settings)
    changed = [name for name, new in asdict(scale).items() if name in begun and begun[name] != new]
    if not np.array_equal(before, uids):
        changed.append("selection")
    if run.seed != seed:
        changed.append("seed")
    if changed:
        raise InputError(
            f"run {run.id!r} was started with another {', '.join(changed)}; resume it as it was, or start anew"
        )


def _same_devices(run: Run, scale: Scale, launch: Launch) -> None:
    """A run that is half trained goes on with as many devices and parts of a batch: each deals out the pairs anew."""
    from .weights import parts_of

    begun = run.devices
    half = (
        not run.weights_path.is_file()
        and latest_checkpoint(run).is_file()
        and parts_of(latest_checkpoint(run)) < scale.checkpoints
    )
    if begun and begun != launch.devices and half:
        now = launch.devices
        raise InputError(
            f"run {run.id!r} was trained on {begun['world']} devices with {begun['accum']} accumulation steps so far, not "
            f"{now['world']} with {now['accum']}; resume it as it was (--gpus, --nodes, --accum), or start anew"
        )


@contextmanager
def _ending(run: Run) -> "Iterator[None]":
    """Leaves the record right however the run ends: "failed" with the reason, "stopped" if it was cancelled."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        run.step_to("stopped", error="cancelled")
        raise
    except BaseException as error:
        run.step_to("failed", error=f"{type(error).__name__}: {error}"[:2000])
        raise


def shard_size(pairs: int) -> int:
    """Pairs per shard: DataComp's 10,000, less in a small selection, so that shuffling has 16 shards to draw from."""
    return min(10_000, max(100, -(-pairs // 16)))


def _shards(run: Run, recipe: "Recipe", pool: "Pool", selection: "Selection", written: Path | None,
            in_place: bool, progress: Progress) -> Path:  # fmt: skip
    from ..export import export_shards, plan_in_place

    if written is not None:
        return written.resolve()
    if run.weights_path.is_file():
        return run.path / "shards"
    run.step_to("shards")
    with timed(run, "shards"):
        if in_place:
            plan_in_place(pool, selection, run.path / "shards", shard_size=shard_size(selection.drawn))
            return run.path / "shards"
        export_shards(pool, selection, run.path / "shards", recipe=recipe, shard_size=shard_size(selection.drawn),
                      progress=within(progress, "shards"))  # fmt: skip
    return run.path / "shards"

"""The training phase of a run: here or as scripts for a cluster, and the weights that it leaves."""

import shutil
from pathlib import Path

import numpy as np

from .. import files, paths
from ..devices import short_name
from ..errors import InputError
from ..progress import Progress
from ..runs import Run
from . import launch as launching
from .cluster import Evaluation, write_scripts
from .cost import remember_rate
from .launch import Launch
from .phase import timed, within
from .scales import CHANGEABLE, Scale, scale_named


def fit(run: Run, scale: Scale, launch: Launch, shards: Path, progress: Progress, *, evaluation: Evaluation) -> bool:
    """Trains and keeps the weights; False if the run now waits for its scripts to be submitted."""
    from .weights import parts_of

    if run.weights_path.is_file():
        if latest_checkpoint(run).parent.exists():  # killed before the rest was kept
            _keep(run, scale)
        return True
    parts = parts_of(latest_checkpoint(run))
    if parts < scale.checkpoints:
        run.devices = launch.devices
        if launch.submitted:
            _hand_out(run, scale, launch, shards, evaluation)
            return False
        _supervise(run, scale, launch, shards, progress)
    _keep(run, scale)
    return True


def collect(run: str) -> bool:
    """Takes in a training that a cluster has finished: its weights, the device that it ran on, its rate.

    False if `run` is no such run: it is not there, was collected before, or has parts left to train.
    """
    from .weights import parts_of

    if not (paths.runs() / run / "run.json").is_file():
        return False
    loaded = Run.load(run)
    if not loaded.resumable or loaded.weights_path.is_file():
        return False
    scale = scale_named(loaded.scale or "").changed(**{n: v for n, v in loaded.settings.items() if n in CHANGEABLE})
    if parts_of(latest_checkpoint(loaded)) < scale.checkpoints:
        return False
    _keep(loaded, scale)
    loaded.step_to("done")
    return True


def latest_checkpoint(run: Run) -> Path:
    return run.path / "train" / "open_clip" / "checkpoints" / "epoch_latest.pt"


def _keep(run: Run, scale: Scale) -> None:
    """Keeps the weights of a finished training, and where and how fast it ran; the checkpoint goes last."""
    from .weights import keep_weights, parts_of

    latest = latest_checkpoint(run)
    if not run.weights_path.is_file():
        done = parts_of(latest)
        if done != scale.checkpoints:
            raise RuntimeError(f"training ended after {done} of {scale.checkpoints} parts; resume the run")
        keep_weights(latest, run.weights_path, model=run.model)
    run.samples_seen = scale.steps() * scale.batch
    if (run.path / "train" / "hardware.json").is_file():
        run.hardware = files.read_json(run.path / "train" / "hardware.json", dict)
    _learn_rate(run, scale)
    run.save()
    shutil.rmtree(latest.parent)


def _hand_out(run: Run, scale: Scale, launch: Launch, shards: Path, evaluation: Evaluation) -> None:
    logs = run.path.resolve() / "train"
    argv = launching.training_arguments(scale, launch, shards=brace(shards.resolve()), seed=run.seed, logs=logs)
    run.log_path.parent.mkdir(parents=True, exist_ok=True)
    scripts = write_scripts(run, argv, scale, launch, evaluation)
    run.command = ["bash", str(scripts[0])]
    run.step_to(
        "stopped",
        error=f"ready to submit: `bash {scripts[0]}` submits it to Slurm ({scripts[-1].name} for torchrun)",
    )


def _supervise(run: Run, scale: Scale, launch: Launch, shards: Path, progress: Progress) -> None:
    if latest_checkpoint(run).is_file():
        run.resumed += 1
    elif run.log_path.exists():
        run.log_path.unlink()
    argv = launching.training_arguments(scale, launch, shards=brace(shards), seed=run.seed, logs=run.path / "train")
    run.command = launching.command(argv, launch)
    run.step_to("training")
    steps = scale.steps()
    report = within(progress, "training")
    report(0, steps, "starting open_clip_train")
    with timed(run, "training"):
        launching.supervise(run, argv, launch, steps=steps, progress=report)


def _learn_rate(run: Run, scale: Scale) -> None:
    from .metrics import curves

    rates = [rate for rate in curves(run)["samples_per_s"] if rate]
    if rates:
        run.hardware["samples_per_s"] = round(float(np.median(rates)), 1)
        gpu = str(run.hardware.get("gpu", ""))
        # On processors all ranks share one machine's cores: what they do together is that machine's rate.
        count = int(run.hardware.get("ranks", 1)) if gpu else int(run.hardware.get("nodes", 1))
        remember_rate(scale, short_name(gpu) if gpu else "cpu", float(np.median(rates)), count=count)


def brace(shards: Path) -> str:
    """The tars of a directory as open_clip's brace range; they must be numbered without holes."""
    if (shards / "in_place.json").is_file():
        from ..export.in_place import names

        return names(shards)
    tars = sorted(path.name for path in shards.glob("*.tar"))
    if not tars:
        raise InputError(f"{str(shards)!r} holds no tar; export shards into it")
    first, last = tars[0].removesuffix(".tar"), tars[-1].removesuffix(".tar")
    if not (first.isdigit() and last.isdigit()) or int(last) - int(first) + 1 != len(tars):
        raise InputError(f"the tars of {str(shards)!r} are not numbered without holes; export them again")
    return str(shards / f"{first}.tar") if first == last else str(shards / f"{{{first}..{last}}}.tar")

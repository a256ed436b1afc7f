"""A submission: what DataComp's leaderboard takes, written into a directory and checked against its rules."""

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..errors import InputError
from ..runs import Run
from .board import known_track, reasons_of
from .foreign import write_eval_results
from .scales import SCALES
from .tasks.datacomp import AVERAGED, TASKS


@dataclass(frozen=True)
class Submission:
    """What was written, and what the rules say about it: `errors` stop a submission, `warnings` need a reader."""

    directory: Path
    written: list[str]
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        return not self.errors

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"directory": str(self.directory), "valid": self.valid}


def submit(
    run: "str | Run", out: Path | str, *, track: str | None = None, method_name: str = "", author: str = "",
    email: str = "", writeup: str = "", checkpoint: bool = False,
) -> Submission:  # fmt: skip
    """Writes `<scale>_scale/results.jsonl`, `<scale>_scale/samples/subset.npy`, `record.json` (the board's fields),
    `README.md` (the card) and, on request, the weights; checks them; sends nothing anywhere.

    `track` None is the run's own. Everything is written even when a rule is broken, so that it can be looked at; `Submission.errors` says what is wrong.
    Raises InputError for a run without results or an output directory in use.
    """
    run, out = Run.load(run), Path(out)
    track = known_track(track or run.track)
    if not run.results():
        raise InputError(f"run {run.id!r} has no results; evaluate it first with `poolscope evaluate {run.id}`")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} is not empty; choose a new directory")
    record = board_record(
        run, track=track, method_name=method_name or run.recipe, author=author, email=email, writeup=writeup
    )
    errors, warnings = check(run, track=track)
    warnings += [f"{name} is empty; the board shows it" for name in ("author", "email") if not record[name]]
    with files.replacing_folder(out) as part:
        written = _write_scale(run, part / f"{run.scale or 'unknown'}_scale", checkpoint)
        files.write_json(part / "record.json", record)
        files.write_text(part / "README.md", card(run, record, errors, warnings))
    return Submission(out, [*written, "record.json", "README.md"], errors, warnings)


def _write_scale(run: Run, scale: Path, checkpoint: bool) -> list[str]:
    """Results, subset file and, on request, the weights; returns their paths in the submission."""
    write_eval_results(run, scale / "results.jsonl")
    written = [f"{scale.name}/results.jsonl"]
    if (run.path / "subset.npy").is_file():
        (scale / "samples").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run.path / "subset.npy", scale / "samples" / "subset.npy")
        written.append(f"{scale.name}/samples/subset.npy")
    if checkpoint and run.weights_path.is_file():
        shutil.copyfile(run.weights_path, scale / "model.safetensors")
        written.append(f"{scale.name}/model.safetensors")
    return written


def board_record(run: Run, *, track: str, method_name: str, author: str, email: str, writeup: str) -> dict[str, Any]:
    """The fields of DataComp's leaderboard; `dataset_size` is the number of different pairs in the subset, which its own
    tool fills with the samples seen unless told otherwise."""
    main = {line["dataset"]: line["metrics"].get("main_metric") for line in run.results()}
    return {
        "scale": run.scale, "model": run.model, "dataset_size": str(run.kept or ""), "checkpoint": run.weights,
        "batch_size": run.settings.get("batch"), "learning_rate": run.settings.get("lr"), "method_name": method_name,
        "author": author, "email": email, "track": track, "writeup": writeup,
        "timestamp": time.strftime("%Y-%m-%d_%H:%M:%S", time.gmtime()), **main,
    }  # fmt: skip


def check(run: Run, *, track: str = "filtering") -> tuple[list[str], list[str]]:
    """(errors, warnings): what the rules say about a run."""
    errors, warnings = [], []
    scale = SCALES.get(run.scale or "")
    if scale is None or scale.pool is None:
        errors.append(f"scale {run.scale!r} is not one of DataComp's: small, medium, large, xlarge")
    if not run.finished:
        errors.append(f"the run is {run.state}, not done")
    errors += [f"the training is fixed: {reason}" for reason in reasons_of(run)]
    done = run.main_metrics()
    absent = [task.key for task in TASKS if task.averaged and done.get(task.key) is None]
    if absent:
        errors.append(f"{len(absent)} of {AVERAGED} averaged tasks have no result, the first is {absent[0]}")
    sizes = {task.key: task.size for task in TASKS}
    for line in run.results():
        size = sizes.get(line["key"])
        if size and line.get("examples") and line["examples"] != size and "retrieval" not in line["key"]:
            errors.append(f"{line['dataset']} was evaluated on {line['examples']:,} examples, it has {size:,}")
        if line.get("skipped"):
            errors.append(f"{line['dataset']}: {line['skipped']} images could not be read")
    subset = run.path / "subset.npy"
    if not subset.is_file():
        errors.append("the run has no subset file")
    else:
        more_errors, more_warnings = check_subset(subset, run, track=track)
        errors += more_errors
        warnings += more_warnings
    if run.resumed:
        warnings.append(f"the run was resumed {run.resumed} times")
    return errors, warnings


def check_subset(path: Path, run: Run, *, track: str) -> tuple[list[str], list[str]]:
    """The subset file against its format and, in the filtering track, against the pool's uids."""
    from ..pool import Pool

    errors, warnings = [], []
    try:
        uids = files.read_array(path, mapped=True)
    except (OSError, ValueError) as error:
        return [f"subset.npy is not readable: {error}"], []
    if uids.dtype != np.dtype("u8,u8") or uids.ndim != 1:
        return [f"subset.npy has dtype {uids.dtype} and {uids.ndim} dimensions; u8,u8 and 1 are needed"], []
    high, low = uids["f0"], uids["f1"]
    falls = (high[1:] < high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] < low[:-1]))
    if falls.any():
        errors.append(f"subset.npy is not sorted: entry {int(np.argmax(falls)) + 1} is smaller than the one before it")
    twice = int(((high[1:] == high[:-1]) & (low[1:] == low[:-1])).sum())
    if twice:
        warnings.append(f"{twice:,} entries repeat a uid; the rules allow it")
    if run.kept is not None and len(uids) - twice != run.kept:
        errors.append(f"subset.npy has {len(uids) - twice:,} uids, the run says {run.kept:,}")
    if track == "filtering":
        try:
            pool = Pool.open(run.pool)
        except InputError as error:
            return [*errors, f"the pool can't be opened, so its uids can't be checked: {error}"], warnings
        strange = int((pool.rows_of(np.asarray(uids)) < 0).sum())
        if strange:
            errors.append(
                f"{strange:,} uids of the subset are not in the pool; the filtering track allows only its pairs"
            )
    return errors, warnings


def card(run: Run, record: dict[str, Any], errors: list[str], warnings: list[str]) -> str:
    """The model card: what was done, with its numbers and what the rules say."""
    recipe = run.path / "recipe.yaml"
    results = "\n".join(
        f"| {line['dataset']} | {'' if line['metrics'].get('main_metric') is None else format(line['metrics']['main_metric'], '.4f')} |"
        for line in run.results()
    )
    lines = [
        f"# {record['method_name']}", "",
        f"DataComp, {run.scale} scale, {record['track']} track: {run.model} on {run.kept or 0:,} of {run.pool_pairs or 0:,} pairs, "
        f"{run.samples_seen or 0:,} samples seen, seed {run.seed}.", "",
        "## Recipe", "", "```yaml", recipe.read_text(errors="replace").rstrip() if recipe.is_file() else run.recipe, "```", "",
        f"Subset: `subset.npy`, sha256 `{run.subset_sha256}`.", "",
        "## Results", "", "| task | main metric |", "|---|---|", results, "",
        "## Rules", "", *(f"- broken: {text}" for text in errors), *(f"- note: {text}" for text in warnings),
        *(["- nothing is wrong"] if not errors and not warnings else []), "",
        "## Versions", "", f"`{json.dumps(run.versions)}`", "",
    ]  # fmt: skip
    return "\n".join(lines)

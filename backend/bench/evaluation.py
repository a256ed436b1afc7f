"""Zero-shot evaluation: one model load, one text pass, then task after task, each result appended as it is had."""

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import paths
from ..errors import InputError
from ..files import reading, replacing
from ..progress import Progress, silent
from ..runs import Run, hardware, read_results, write_results
from ..versions import versions
from . import tasks as registry
from .tasks import Task
from .tasks.kind import Kind, Predictions
from .towers import Seen, encode, features

if TYPE_CHECKING:
    from ..models import Loaded

PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Result:
    """What a model scored on a task: every metric, and the main one (None where the task has none)."""

    key: str
    dataset: str
    metrics: dict[str, float | None]
    examples: int
    skipped: int = 0
    seconds: float = 0.0
    weights: str = ""

    @property
    def main(self) -> float | None:
        return self.metrics.get("main_metric")

    def as_json(self) -> dict[str, Any]:
        """DataComp's line ("key", "dataset", "metrics") with ours after it."""
        return asdict(self) | {"seconds": round(self.seconds, 2)}

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> "Result":
        return cls(line["key"], line["dataset"], line["metrics"], line.get("examples", 0), line.get("skipped", 0),
                   line.get("seconds", 0.0), line.get("weights", ""))  # fmt: skip


def evaluate(
    model: "str | Run",
    *,
    tasks: Sequence[str] | None = None,
    tasks_dir: Path | str | None = None,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int | None = None,
    again: bool = False,
    stream: str | None = None,
    progress: Progress = silent,
) -> list[Result]:
    """Evaluates a run, `ARCH/TAG` or `ARCH/CHECKPOINT` on `tasks` (default: every task of its suite on this disk).

    Results go to `results.jsonl` of the run as each task ends, so a stopped evaluation continues with the next task;
    predictions go to `predictions/<key>.npz` for the paired bootstrap. A result of other weights is done again.
    Images are decoded ahead while the model works. `batch_size` None takes what fits. `stream` reads tasks that are
    not on disk from under that URL, without keeping them (`poolscope.bench.tasks.fetch.BASE` is DataComp's). Raises InputError for unknown
    or absent tasks, unreadable shards and models without weights.
    """
    from .weights import digest, model_of

    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r} is unknown; allowed: {', '.join(PRECISIONS)}")
    run = model if isinstance(model, Run) else record_of(model)
    chosen = registry.choose(tasks, suite=_suite(run), tasks_dir=tasks_dir, stream=stream)
    if not chosen:
        raise InputError(f"no task of suite {_suite(run)!r} is on this disk; fetch them with `poolscope tasks` or give "
                         "the directory that holds them")  # fmt: skip
    source = model_of(run)
    weights = digest(source)
    done = {} if again else {
        key: line for key, line in read_results(run.path / "results.jsonl").items() if line.get("weights") == weights
    }  # fmt: skip
    todo = [task for task in chosen if task.key not in done]
    if todo:
        loaded = source.load(device, "fp32")
        _evaluate(loaded, run, todo, weights, precision, batch_size, progress)
    lines = read_results(run.path / "results.jsonl")
    return [Result.from_json(lines[task.key]) for task in chosen]


def _evaluate(loaded: "Loaded", run: Run, todo: Sequence[Task], weights: str, precision: str, batch_size: int | None,
              progress: Progress) -> None:  # fmt: skip
    kinds: list[Kind] = []
    groups: list[list[Sequence[str]]] = []
    for task in todo:
        assert task.root is not None
        kinds.append(registry.kind_of(task)(task, task.root))
        groups.append(kinds[-1].prompts())
    size = batch_size or fitting_batch(loaded)
    progress(0, len(todo), "encoding the prompts of every task")
    vectors = encode(loaded, [group for part in groups for group in part], size=max(size, 256), precision=precision)
    seen = Seen()
    for number, (task, one, prompts) in enumerate(zip(todo, kinds, groups)):
        progress(number, len(todo), f"evaluating {task.name}")
        result, predictions = score_task(loaded, one, prompts, vectors, size=size, precision=precision, weights=weights,
                                         seen=seen)  # fmt: skip
        keep_predictions(run.path / "predictions", task.key, predictions)
        kept = [line for line in read_results(run.path / "results.jsonl").values() if line["key"] != task.key]
        write_results(run.path / "results.jsonl", [*kept, result.as_json()])
        shown = {} if result.main is None else {task.key: round(result.main, 4)}
        progress(number + 1, len(todo), f"{task.name}: {'no main metric' if result.main is None else f'{result.main:.3f}'}",
                 **shown)  # fmt: skip


def score_task(loaded: "Loaded", one: Kind, prompts: Sequence[Sequence[str]], vectors: dict[Any, Any], *, size: int,
               precision: str = "fp32", weights: str = "", seen: Seen | None = None) -> tuple[Result, Predictions]:  # fmt: skip
    """One task: its images through the image tower, its metrics. `vectors` come from `towers.encode`; `seen` are the
    images of tasks before, by this model at this precision."""
    import torch

    start = time.monotonic()
    skipped: list[str] = []
    if not prompts or not all(prompts):
        raise InputError(f"task {one.task.key!r} has no prompts in {one.root}; fetch it again")
    one.begin(torch.stack([vectors[tuple(group)] for group in prompts]))
    encoded = features(loaded, one.root, Seen() if seen is None else seen, size=size, threads=min(16, os.cpu_count() or 1), precision=precision,
                     skipped=skipped)  # fmt: skip
    for vectors_of_images, samples in encoded:
        with torch.inference_mode():
            one.update(vectors_of_images, samples)
    predictions = one.finish()
    metrics = one.metrics(predictions, one.task)
    metrics["main_metric"] = metrics.get(one.task.metric) if one.task.metric else None
    examples = len(next(iter(predictions.values())))
    result = Result(one.task.key, one.task.name, metrics, examples, len(skipped), time.monotonic() - start, weights)
    return result, predictions


def fitting_batch(loaded: "Loaded") -> int:
    """Images per batch: 64 on a CPU; on a GPU what a quarter of its free memory holds by a generous estimate."""
    import torch

    if loaded.device.type != "cuda":
        return 64
    free, _ = torch.cuda.mem_get_info(loaded.device)
    size = getattr(loaded.network.visual, "image_size", 224)
    pixels = (size if isinstance(size, int) else size[0]) ** 2
    width = max(p.shape[0] for p in loaded.network.visual.parameters())
    per_image = 4 * (3 * pixels + 12 * width * (pixels / 64))
    return int(max(16, min(1024, 2 ** int(np.log2(max(16, free / 4 / per_image))))))


def keep_predictions(directory: Path, key: str, predictions: Predictions) -> None:
    """Writes predictions as a compressed npz of plain arrays."""
    with replacing(directory / f"{key.replace('/', '--')}.npz") as part, part.open("wb") as file:
        np.savez_compressed(file, **predictions)  # type: ignore[arg-type]


def predictions_of(run: "str | Run", key: str) -> Predictions | None:
    """The stored predictions of a run on a task, or None."""
    path = Run.load(run).path / "predictions" / f"{key.replace('/', '--')}.npz"
    if not path.is_file():
        return None
    with reading(path), np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def record_of(model: str) -> Run:
    """The run with this id, or the record under which a tag's or checkpoint's results are kept (made if new)."""
    from .weights import digest, model_of

    if (paths.runs() / model / "run.json").is_file():
        return Run.load(model)
    if model and "/" not in model and not Path(model).exists() and list(paths.runs().glob(f"{model}*/run.json")):
        return Run.load(model)
    if "/" not in model and model != "demo" and not Path(model).exists():
        raise InputError(f"{model!r} is no run's id and names no weights; see `poolscope leaderboard`, or write {model}/TAG or "
                         f"{model}/CHECKPOINT")  # fmt: skip
    parsed = model_of(model)
    label = hashlib.sha256(digest(parsed).encode()).hexdigest()[:10]
    stem = "".join(c if c.isalnum() else "-" for c in str(parsed)[-40:]).strip("-").lower()
    identity = f"model-{stem}-{label}"
    if (paths.runs() / identity / "run.json").is_file():
        return Run.load(identity)
    weights = str(Path(parsed.weights).resolve()) if Path(parsed.weights).is_file() else parsed.weights
    run = Run(id=identity, kind="model", name=str(parsed), model=parsed.name, weights=weights, recipe="",
              versions=versions(), hardware=hardware(), created=time.time())  # fmt: skip
    run.step_to("done")
    return run


def average(results: Sequence[dict[str, Any]], suite: Sequence[Task], *, clean: bool = False) -> float | None:
    """Mean of the main metrics over the averaged tasks of a suite, each family of tasks alike (`tasks.weights`); None
    unless every one of them has a value.

    `clean` leaves out the tasks that stay near chance at every published scale.
    """
    main = {line["key"]: line["metrics"].get("main_metric") for line in results}
    wanted = [task for task in suite if task.averaged and not (clean and task.near_chance)]
    values = [value for task in wanted if (value := main.get(task.key)) is not None]
    if not wanted or len(values) < len(wanted):
        return None
    return float(np.average(values, weights=registry.weights(wanted)))


def _suite(run: Run) -> str | None:
    if run.kind == "model":
        return "demo" if run.model in ("poolscope-demo", "poolscope-mini") else None
    return str(run.settings.get("tasks") or "datacomp")

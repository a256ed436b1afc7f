"""Files of DataComp's own tools: `info.pkl` read without running its code, `eval_results.jsonl` read and written."""

import io
import json
import math
import pickle
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from ..errors import InputError
from ..files import write_text
from ..runs import Run, hardware, new_id, write_results
from ..versions import versions
from .evaluation import Result
from .scales import SCALES, differences
from .tasks.datacomp import TASKS

LARGEST = 1_000_000
_PATHS = {"Path": PurePath, "PosixPath": PurePosixPath, "WindowsPath": PureWindowsPath, "PurePath": PurePath,
          "PurePosixPath": PurePosixPath, "PureWindowsPath": PureWindowsPath}  # fmt: skip


class _Known(pickle.Unpickler):
    """An unpickler that knows paths and nothing else; paths become pure ones, which touch no disk."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("pathlib", "pathlib._local") and name in _PATHS:
            return _PATHS[name]
        raise InputError(f"the pickle names {module}.{name}; only paths, text and numbers are read, nothing is run")


def read_info(path: Path | str) -> dict[str, Any]:
    """DataComp's `info.pkl`: {"scale", "checkpoint", "scale_config", "data_dir"}, paths as text.

    Raises InputError for anything that is not such a file; no code in it is run.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no file {str(path)!r}; give DataComp's info.pkl")
    if path.stat().st_size > LARGEST:
        raise InputError(f"{str(path)!r} is larger than {LARGEST:,} bytes, so it is no info.pkl")
    try:
        content = _Known(io.BytesIO(path.read_bytes())).load()
    except InputError:
        raise
    except Exception as error:  # a pickle of another form makes its reader raise anything
        raise InputError(f"{str(path)!r} is no info.pkl: {error}") from error
    if not isinstance(content, dict) or "checkpoint" not in content:
        raise InputError(f"{str(path)!r} holds no dictionary with a checkpoint, so it is no info.pkl")
    return {str(key): _plain(value) for key, value in content.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def read_eval_results(path: Path | str) -> list[Result]:
    """DataComp's `eval_results.jsonl`; NaN, which it may hold, becomes None. Raises InputError for other files."""
    path = Path(path)
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} is not readable: {error}") from error
    results = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            metrics = {str(name): _number(value) for name, value in content["metrics"].items()}
            results.append(
                Result(str(content["key"]), str(content["dataset"]), metrics, int(content.get("examples", 0)))
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{str(path)!r}, line {number}, is no result ({error}); expected key, dataset, metrics"
            ) from error
    return results


def _number(value: Any) -> float | None:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return float(value)


def write_eval_results(run: "str | Run", path: Path | str) -> Path:
    """A run's results as DataComp writes them: {"key", "dataset", "metrics"} per line, in the order of its tasks."""
    results = {line["key"]: line for line in Run.load(run).results()}
    order = [task.key for task in TASKS if task.key in results]
    order += [key for key in results if key not in order]
    lines = [json.dumps({k: results[key][k] for k in ("key", "dataset", "metrics")}) for key in order]
    write_text(path, "".join(f"{line}\n" for line in lines))
    return Path(path)


def import_run(directory: Path | str, *, name: str = "") -> Run:
    """A run that DataComp's train.py and evaluate.py made elsewhere, as a row of our leaderboard.

    Reads `info.pkl` and, if it is there, `eval_results.jsonl`; the checkpoint stays where it is. What can't be known
    from these files (seed, subset, versions) stays empty, and the run says so.
    """
    directory = Path(directory)
    about = read_info(directory / "info.pkl")
    scale = SCALES.get(str(about.get("scale")))
    settings = about.get("scale_config") or {}
    model = str(settings.get("model") or (scale.model if scale else ""))
    run = Run(
        id=new_id("imported", name or directory.name), kind="model", name=name or directory.name, recipe=name or directory.name,
        scale=scale.name if scale else None, model=model, weights=str(about["checkpoint"]), settings={"tasks": "datacomp"},
        versions=versions(), hardware=hardware(), notes=["trained elsewhere: its seed and subset are not known here"],
    )  # fmt: skip
    if scale is not None and settings:
        theirs = {"samples_seen": settings.get("train_num_samples"), "batch": settings.get("batch_size"),
                  "lr": settings.get("learning_rate"), "warmup": settings.get("warmup")}  # fmt: skip
        given = {key: value for key, value in theirs.items() if value is not None}
        run.not_comparable = differences(scale.changed(**given))
    source = directory / "eval_results.jsonl"
    if source.is_file():
        write_results(run.path / "results.jsonl", [result.as_json() for result in read_eval_results(source)])
    run.step_to("done")  # the record last: a run without it is none
    return run

"""Weights and architectures of the benchmark: a run's, a tag's, a checkpoint's; kept as safetensors."""

from pathlib import Path

from .. import models, paths
from ..errors import InputError
from ..files import write_bytes
from ..runs import Run


def model_of(model: "str | Run") -> models.Model:
    """The model to evaluate: a run (or its id), `ARCH/TAG`, `ARCH/CHECKPOINT`, or a safetensors file of ours.

    Raises InputError if the run has no weights yet, or the name stands for no weights at all.
    """
    if isinstance(model, Run) or (model and (paths.runs() / model / "run.json").is_file()):
        run = Run.load(model)
        if run.kind == "model":
            return models.Model(run.model, run.weights)
        if not run.weights_path.is_file():
            raise InputError(f"run {run.id!r} has no weights yet (state: {run.state}); let it finish training first")
        return models.Model(run.model, str(run.weights_path))
    parsed = models.Model.parse(model)
    if not parsed.weights:
        raise InputError(
            f"model {model!r} names no weights; write {model}/TAG or {model}/CHECKPOINT, or give a run's id"
        )
    return parsed


def digest(model: models.Model) -> str:
    """sha256 of a weights file; a pretrained tag stands for itself."""
    return model.digest or str(model)


def parts_of(checkpoint: Path) -> int:
    """How many parts of its run open_clip's checkpoint holds; 0 if there is none. No code in it is run."""
    if not checkpoint.is_file():
        return 0
    import torch

    return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["epoch"])


def keep_weights(checkpoint: Path, out: Path, *, model: str) -> int:
    """Writes the weights of open_clip's checkpoint as safetensors; returns its part. No code in it is run."""
    import torch
    from safetensors.torch import save

    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = {name.removeprefix("module."): tensor.contiguous() for name, tensor in content["state_dict"].items()}
    # not save_file: it renames a file of its own over the one that is locked
    write_bytes(out, save(state, metadata={"format": "pt", "model": model}))
    return int(content["epoch"])

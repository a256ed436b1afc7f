"""A tiny model, and small real task directories of every kind."""

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SETTINGS = {"model": "tiny", "samples_seen": 768, "batch": 64, "checkpoints": 2, "warmup": 2, "log_every": 1}


@pytest.fixture
def weights(tiny_model: str, tmp_path: Path) -> str:
    """`tiny/<file>`: random but fixed weights of the tiny model, as our safetensors."""
    import open_clip
    import torch

    from poolscope.models import register_configs, save_weights

    register_configs()
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    save_weights(open_clip.create_model(tiny_model), path, model=tiny_model, about={})
    return f"{tiny_model}/{path}"


def png(number: int, colour: tuple[int, int, int] | None = None) -> bytes:
    from PIL import Image

    rng = np.random.default_rng(number)
    array = np.full((16, 16, 3), colour, np.uint8) if colour else rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


def npy(values: Sequence[float]) -> bytes:
    out = io.BytesIO()
    np.save(out, np.asarray(values))
    return out.getvalue()


def write_tar(path: Path, samples: Sequence[tuple[str, dict[str, bytes]]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for key, members in samples:
            for end, content in members.items():
                member = tarfile.TarInfo(f"{key}.{end}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


TaskMaker = Callable[..., Path]


@pytest.fixture
def make_task(tmp_path: Path) -> TaskMaker:
    """Writes a task directory in DataComp's layout under `tmp_path/tasks`; its samples go into `shards` tars."""

    def make(
        folder: str,
        samples: Sequence[tuple[str, dict[str, bytes]]],
        *,
        classes: Sequence[str] = (),
        templates: Sequence[str] = ("a {c}",),
        shards: int = 2,
        task: dict[str, Any] | None = None,
    ) -> Path:
        root = tmp_path / "tasks" / folder
        for number, part in enumerate(np.array_split(np.arange(len(samples)), shards)):
            write_tar(root / "test" / f"{number}.tar", [samples[i] for i in part])
        (root / "test" / "nshards.txt").write_text(f"{shards}\n")
        if classes:
            (root / "classnames.txt").write_text("\n".join(classes) + "\n")
            (root / "zeroshot_classification_templates.txt").write_text("\n".join(templates) + "\n")
        if task is not None:
            (root / "task.json").write_text(json.dumps(task))
        return root

    return make


@pytest.fixture
def small_tasks(make_task: TaskMaker, tmp_path: Path) -> Path:
    """Three tasks of one suite: two classifications and a retrieval."""
    rng = np.random.default_rng(0)
    for key, n in (("few", 3), ("many", 7)):
        samples = [(f"{i:04d}", {"png": png(i), "cls": str(rng.integers(n)).encode()}) for i in range(40)]
        names = [f"thing {i}" for i in range(n)]
        make_task(key, samples, classes=names, templates=("a {c}", "the {c}"),
                  task={"key": key, "kind": "classification", "metric": "acc1", "suite": "small"})  # fmt: skip
    pairs = [(f"{i:04d}", {"png": png(i), "txt": f"word {i}\nnumber {i}".encode()}) for i in range(30)]
    make_task("pairs", pairs, task={"key": "pairs", "kind": "retrieval", "metric": "mean_recall@1", "suite": "small"})
    return tmp_path / "tasks"

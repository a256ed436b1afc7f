"""The training part of a suite as labelled examples of a pool, and the check that none of them is a question of a task."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import files, paths
from ..errors import InputError
from ..pool import Pool, digests
from ..pool.decoding import open_rgb
from ..pool.prints import Prints, joined
from ..progress import Progress, silent
from ..targets import Examples, add_examples
from . import tasks as registry
from .tasks import Task, kind_of
from .tasks.shards import Sample, lines, samples, tars
from .towers import encode

if TYPE_CHECKING:
    from ..models import Loaded

TRAIN = "train"
KINDS = ("classification", "groups", "groups_top5")
BATCH = 64
MOST = 10_000  # examples, whose image files are held in memory


@dataclass
class Part:
    """The training examples of one task: images, class numbers and uids where the source gives them."""

    task: Task
    images: list[bytes] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    uids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Peek:
    """A training example that is a question of an evaluation task, and how that shows."""

    trained: str
    asked: str
    how: str


def add_training_part(
    pool: Pool, name: str, suite: Sequence[str], *, model: str, most: int = MOST, force: bool = False,
    progress: Progress = silent,
) -> int:  # fmt: skip
    """Keeps the training examples of the tasks `suite` (keys, or suites) as the target set `name` of `model`. Returns how many.

    A task's training part is a directory `train/` beside its `test/`, with the same tars; of larger ones every task gives
    an equal share of `most`, drawn by the hash of the image. They are embedded with the network that made `<model>_img`.
    Raises InputError if no task has a training part, and if an example is in an evaluation task of this disk: by its uid,
    by its file, or as a near-duplicate.
    """
    tasks = [task for task in registry.choose(suite) if (Path(str(task.root)) / TRAIN / "nshards.txt").is_file()]
    if not tasks:
        raise InputError(
            f"no task of {', '.join(suite)!r} has a training part: put tars like those of test/ into train/ beside it."
        )
    parts = [read_part(task, max(1, most // len(tasks))) for task in tasks]
    peeks = find_peeks(parts, [task for task in registry.tasks_list() if task.present], progress)
    if peeks:
        first = peeks[0]
        raise InputError(
            f"{len(peeks):,} training examples are questions of evaluation tasks, {first.trained} is {first.asked} "
            f"({first.how}): take them out of {TRAIN}/, or the evaluation would be worth nothing."
        )
    network = _network(pool, model).load()
    embedded = [_embedded(network, part, progress) for part in parts]
    return add_examples(
        pool, name, Examples(*(np.concatenate(side) for side in zip(*embedded, strict=True))), model=model,
        source=f"training part of {', '.join(task.key for task in tasks)}", force=force,
    )  # fmt: skip


def read_part(task: Task, most: int) -> Part:
    """At most `most` labelled training examples of a task, those of the smallest hashes of their images."""
    if task.kind not in KINDS:
        raise InputError(f"task {task.key!r} is of kind {task.kind}, which has no classes to learn from.")
    root = Path(str(task.root))
    classes, chosen = len(lines(root, "classnames.txt")), []
    for sample in samples(root, split=TRAIN):
        if sample.image is None or "cls" not in sample.members:
            continue
        if not 0 <= sample.label < classes:
            raise InputError(
                f"{sample.key} of {root / TRAIN} has class {sample.label}; {task.key} has 0 to {classes - 1}."
            )
        chosen.append(
            (hashlib.blake2b(sample.image, digest_size=8).digest(), sample.image, sample.label, uid_of(sample))
        )
        if len(chosen) >= 2 * most:
            chosen = sorted(chosen)[:most]
    part = Part(task)
    for _, image, number, uid in sorted(chosen)[:most]:
        with suppress(ValueError):
            open_rgb(image, 16)
            part.images.append(image)
            part.labels.append(number)
            part.uids.append(uid)
    if not part.images:
        raise InputError(f"{root / TRAIN} holds no labelled image that can be decoded.")
    return part


def uid_of(sample: Sample) -> str:
    """The uid that a sample's `json` gives, as shards of pairs have it; empty without one."""
    with suppress(ValueError, AttributeError):
        return str(json.loads(sample.members.get("json", b"{}")).get("uid") or "")
    return ""


def find_peeks(parts: Sequence[Part], tasks: Sequence[Task], progress: Progress = silent) -> list[Peek]:
    """The training examples that are in the test part of a task, by uid, by file, or as a near-duplicate."""
    looks = [Prints.of(part.images) for part in parts]
    trained = joined(looks)
    names = [f"{part.task.key}/{TRAIN} number {place}" for part in parts for place in range(len(part.images))]
    uids = {uid: place for place, uid in enumerate(uid for part in parts for uid in part.uids) if uid}
    peeks: dict[int, Peek] = {}
    for number, task in enumerate(tasks):
        asked, asked_uids = _asked_of(task)
        for uid in uids.keys() & set(asked_uids):
            peeks.setdefault(uids[uid], Peek(names[uids[uid]], task.key, f"uid {uid}"))
        for place, other in enumerate(trained.like(asked)):
            if other >= 0:
                same = trained.digests[place] == asked.digests[other]
                peeks.setdefault(place, Peek(names[place], task.key, "the same file" if same else "a near-duplicate"))
        progress(number + 1, len(tasks), "comparing with the evaluation tasks")
    return [peeks[place] for place in sorted(peeks)]


def _asked_of(task: Task) -> tuple[Prints, list[str]]:
    """The prints and uids of a task's test images; kept in the home, under the content of its tars."""
    held = digests.of_value([digests.of_path(path) for path in tars(task.root or "")])
    kept = paths.home() / "prints" / f"{held[:24]}.npz"
    if kept.exists():
        with suppress(OSError, ValueError, KeyError), np.load(kept, allow_pickle=False) as read:
            named = [bytes(one) for one in read["digests"]]
            return Prints(tuple(named), read["shapes"], read["colours"]), read["uids"].tolist()
    uids: list[str] = []

    def images() -> Iterator[bytes]:
        for sample in samples(task.root or ""):
            if sample.image is not None:
                uids.append(uid_of(sample))
                yield sample.image

    prints = Prints.of(images())
    content: dict[str, Any] = {
        "digests": np.frombuffer(b"".join(prints.digests), np.uint8).reshape(-1, 16), "shapes": prints.shapes,
        "colours": prints.colours, "uids": np.array([uid for uid in uids if uid], dtype=str),
    }  # fmt: skip
    with files.replacing(kept) as path, path.open("wb") as handle:
        np.savez(handle, **content)
    return prints, [uid for uid in uids if uid]


def _network(pool: Pool, model: str) -> Any:
    """The network behind `<model>_img`. Raises InputError if the column doesn't say which."""
    from ..models import Model

    named = pool.require(f"{model}_img", "embedding").made_by.get("model")
    if not named:
        raise InputError(
            f"{model}_img doesn't say which network made it; embed the pool with `poolscope embed MODEL --as NAME`."
        )
    return Model.parse(str(named))


def _embedded(network: "Loaded", part: Part, progress: Progress) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors of images, of each one's class by the task's prompts, and the task's key, once an example."""
    import torch

    prompts = kind_of(part.task)(part.task, Path(str(part.task.root))).prompts()
    vectors = encode(network, prompts)
    classes = np.stack([vectors[tuple(group)].cpu().numpy() for group in prompts])
    parts = []
    for start in range(0, len(part.images), BATCH):
        pixels = [network.transform(open_rgb(image)) for image in part.images[start : start + BATCH]]
        parts.append(network.images(torch.stack(pixels)))
        progress(min(start + BATCH, len(part.images)), len(part.images), f"embedding {part.task.key}")
    return np.concatenate(parts), classes[part.labels], np.array([part.task.key] * len(part.images))

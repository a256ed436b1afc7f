"""What would fail hours later, found before a run starts."""

import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import paths
from ..devices import cuda_devices, held
from ..errors import InputError
from ..files import read_array
from .cost import estimate, size_of
from .launch import Launch
from .scales import Scale, scale_named

MOST_TARS = 100_000


@dataclass(frozen=True)
class Problem:
    """`level` "error" stops the run, "warning" does not; `what` is a short word, `text` says it with its numbers."""

    level: str
    what: str
    text: str


def preflight(
    pairs: int,
    scale: "str | Scale",
    *,
    launch: Launch | None = None,
    pool: Any = None,
    shards: Path | None = None,
    uids: np.ndarray | None = None,
    in_place: bool = False,
    look_at_gpus: bool = False,
) -> list[Problem]:
    """Problems of training on `pairs` pairs at `scale`, worst first.

    `shards` are tars that exist already, `uids` the sorted subset that they must hold; `in_place` trains from the
    pool's own; `look_at_gpus` imports torch to count devices and read their memory.
    """
    scale, launch = scale_named(scale), launch or Launch()
    problems = [*_selection(pairs, scale), *_devices(scale, launch, look_at_gpus)]
    if shards is not None:
        problems += _shards(Path(shards), scale, launch, uids)
    if in_place and shards is not None:
        problems.append(
            Problem("error", "shards", "training in place reads the pool's own tars; leave out the other shards")
        )
    if in_place and pool is not None:
        problems += _pool_tars(pool)
    if pairs:
        problems += _room(pairs, scale, launch, pool, write=shards is None and not in_place)
    return sorted(problems, key=lambda problem: problem.level != "error")


def refuse(problems: list[Problem]) -> None:
    """Raises InputError with the errors among `problems`, if there are any."""
    errors = [problem.text for problem in problems if problem.level == "error"]
    if errors:
        raise InputError("; ".join(errors))


def _selection(pairs: int, scale: Scale) -> list[Problem]:
    if pairs == 0:
        return [Problem("error", "selection", "the recipe keeps 0 pairs; loosen a rule until something is kept")]
    if pairs < scale.batch:
        text = f"the recipe keeps {pairs:,} pairs, fewer than one batch of {scale.batch:,} at scale {scale.name}; keep more"
        return [Problem("error", "selection", text)]
    repeats = scale.samples_seen / pairs
    if repeats > 100:
        text = f"each of the {pairs:,} pairs would be seen {repeats:,.0f} times; expect overfitting"
        return [Problem("warning", "selection", text)]
    return []


def _devices(scale: Scale, launch: Launch, look: bool) -> list[Problem]:
    try:
        share = launch.device_batch(scale)
    except InputError as error:
        return [Problem("error", "devices", str(error))]
    if not look or launch.submitted:
        return []  # other machines than this one train
    problems, there = [], cuda_devices()
    if (launch.gpus or 0) > there:
        problems.append(Problem("error", "devices", f"{launch.gpus} GPUs were asked for, this machine has {there}"))
    need = memory_need(scale, share)
    if there and launch.gpus != 0:
        import torch

        free = torch.cuda.mem_get_info(held() or 0)[0]
        kind = "GPU"
    else:
        import psutil

        free = psutil.virtual_memory().available
        kind = "CPU"
        if scale.macs is not None or scale.samples_seen > 1_000_000:
            days = estimate(scale.samples_seen, scale, device="cpu").seconds["training"] / 86_400
            problems.append(
                Problem("warning", "devices", f"no GPU is used: training would take about {days:,.0f} days here")
            )
    if need > free:
        parts = 2 ** int(np.ceil(np.log2(need / free)))
        text = (f"a device batch of {share:,} needs about {need / 2**30:.1f} GiB, {free / 2**30:.1f} GiB of {kind} memory "
                f"are free; train with {launch.accum * parts} accumulation steps")  # fmt: skip
        problems.append(Problem("error" if need > 1.5 * free else "warning", "memory", text))
    return problems


def memory_need(scale: Scale, share: int) -> float:
    """Bytes that training takes at `share` pairs per device, roughly: weights with their gradient and Adam moments,
    activations (bytes per token and width as mixed precision keeps them), and the similarities of the batch."""
    size = size_of(scale.model)
    per_pair = 0.0
    for tower in (size.image, size.text):
        unit = tower.tokens * tower.width
        kept = 34 * unit + 10 * tower.tokens**2
        per_pair += 4 * unit * tower.layers + kept if scale.grad_checkpointing else kept * tower.layers
    return 16 * size.parameters + share * per_pair + 6 * share * scale.batch


def _shards(shards: Path, scale: Scale, launch: Launch, uids: np.ndarray | None) -> list[Problem]:
    tars = sorted(shards.glob("*.tar"))
    if not tars:
        return [Problem("error", "shards", f"{str(shards)!r} holds no tar; export shards of the selection into it")]
    problems = []
    workers = launch.world * max(1, launch.loaders(scale))
    if len(tars) < workers:
        text = f"{len(tars)} shards feed {workers} loader workers, so workers read the same ones; export smaller shards"
        problems.append(Problem("warning", "shards", text))
    broken = [tar.name for tar in tars if not readable(tar)]
    if broken:
        text = f"{len(broken)} of {len(tars)} shards are not readable, the first is {broken[0]}; export them again"
        problems.append(Problem("error", "shards", text))
    ids = shards / "sample_ids.npy"
    if uids is not None and not ids.is_file():
        text = f"{str(shards)!r} has no sample_ids.npy, so nobody can tell which selection it holds; export it again"
        problems.append(Problem("error", "shards", text))
    elif uids is not None and not np.array_equal(read_array(ids), uids):
        text = f"the selection has changed since {str(shards)!r} was written; export its shards again"
        problems.append(Problem("error", "shards", text))
    if not (shards / "meta.json").is_file():
        problems.append(
            Problem("error", "shards", f"{str(shards)!r} has no meta.json: its export did not finish; run it again")
        )
    return problems


def readable(tar: Path) -> bool:
    """True if a tar starts with a whole member and ends where tars end."""
    try:
        if tar.stat().st_size % 512 or tar.stat().st_size < 1024:
            return False
        with tar.open("rb") as file:
            file.seek(-1024, 2)
            if file.read().strip(b"\0"):
                return False
        with tarfile.open(tar) as opened:
            return opened.next() is not None
    except (OSError, tarfile.TarError):
        return False


def _pool_tars(pool: Any) -> list[Problem]:
    """Whether the pool says where its images are, and the local files that it names are there."""
    if "image" not in pool.columns:
        text = f"pool {pool.name!r} has no index of its shards, so nothing can be read in place; run `poolscope index`"
        return [Problem("error", "shards", text)]
    named: set[str | None] = set()
    for batch in pool.scan(["image"], batch_size=65_536):
        named.update(batch.column(0).unique().to_pylist())
        if len(named) > MOST_TARS:  # loose images, one file a pair
            return []
    root = pool.root
    gone = sorted(name for name in named if name and "://" not in name and not (root / name).is_file())
    if not gone:
        return []
    text = f"{len(gone):,} of the {len(named - {None}):,} tars of the pool are gone, the first is {gone[0]}; index them again"
    return [Problem("error", "shards", text)]


def _room(pairs: int, scale: Scale, launch: Launch, pool: Any, *, write: bool) -> list[Problem]:
    cost = estimate(pairs, scale, pool=pool)
    need = cost.total_disk - (0 if write else cost.disk["shards"])
    free = shutil.disk_usage(paths.home()).free
    if need > free:
        text = (f"the run needs about {need / 1e9:,.1f} GB of disk under {paths.home()}, {free / 1e9:,.1f} GB are free; "
                "free some or set POOLSCOPE_HOME to a larger disk")  # fmt: skip
        return [Problem("error", "disk", text)]
    if need > 0.8 * free:
        return [
            Problem("warning", "disk", f"the run takes {need / 1e9:,.1f} of the {free / 1e9:,.1f} GB that are free")
        ]
    return []

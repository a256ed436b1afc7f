"""What a run will cost before it starts: multiply-adds, time here and on known GPUs, disk."""

import os
from dataclasses import asdict, dataclass
from typing import Any

from .. import devices, rates
from ..architecture import Size
from ..architecture import size_of as sized
from ..models import config
from .scales import CHOSEN, SCALES, Scale, scale_named

BYTES_PER_PAIR = 35_000
"""Mean size of a pair in DataComp's tars (450 GB for 12.8 M); a pool's own mean replaces it."""


@dataclass(frozen=True)
class Estimate:
    """`macs` are forward multiply-adds over all samples seen, as DataComp prints them; `flops` those of training
    (2 per multiply-add; forward + twice that backward, once more forward with gradient checkpointing).
    `seconds` is the time on this machine by phase, on `devices` of them, and `basis` says where its rate comes from;
    `gpu_hours` is by card and `gpu_basis` says by what arithmetic; `disk` bytes by what they are for; `repeats` how often
    a pair is seen."""

    scale: str
    pairs: int
    samples_seen: int
    steps: int
    repeats: float
    parameters: int
    macs: float
    flops: float
    seconds: dict[str, float]
    basis: str
    devices: int
    gpu_hours: dict[str, float]
    gpu_basis: str
    disk: dict[str, int]
    checkpoints: int

    @property
    def total_seconds(self) -> float:
        return sum(self.seconds.values())

    @property
    def total_disk(self) -> int:
        return sum(self.disk.values())

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"total_seconds": self.total_seconds, "total_disk": self.total_disk}


def size_of(model: str) -> Size:
    """From the architecture's configuration. Raises InputError for an unknown one, and for what is no two transformers."""
    return sized(model, config(model))


def estimate(
    pairs: int, scale: "str | Scale", *, pool: Any = None, device: str | None = None, count: int = 1
) -> Estimate:
    """The cost of a run at `scale` on so many pairs of `pool`. It trains on `count` devices, which share each batch, of the
    kind `device`: `cpu`, a GPU's name, or what this machine has.

    Fast: no model is built and torch is not imported.
    """
    scale = scale_named(scale)
    size = size_of(scale.model)
    macs = size.macs * scale.samples_seen
    flops = 2 * _work(scale) * scale.samples_seen
    rate, basis = rate_here(scale, device, count)
    table = rates.table()
    asked = table["evaluation"]["demo" if scale.tasks == "demo" else "datacomp"]
    written = rates.on_cores("shards", 2).per_second
    per_pair = _mean_bytes(pool)
    weights = 4 * size.parameters
    return Estimate(
        scale=scale.name, pairs=pairs, samples_seen=scale.samples_seen, steps=scale.steps(),
        repeats=round(scale.samples_seen / pairs, 2) if pairs else 0.0,
        parameters=size.parameters, macs=macs, flops=flops,
        seconds={"shards": round(pairs / written, 1), "start": 12.0, "training": round(scale.samples_seen / rate, 1),
                 "evaluation": float(asked["seconds"])},
        basis=basis, devices=count,
        gpu_hours={card: round(flops / rates.on_card("training", card).per_second / 3600, 3) for card in rates.cards()},
        gpu_basis=f"from a table: {100 * table['shares']['training']['share']:g} % of the data sheets' peak, as in "
                  f"{table['shares']['training']['from']}",
        disk={"shards": int(pairs * (per_pair + 2_560)), "checkpoints": 2 * 3 * weights, "weights": weights},
        checkpoints=scale.checkpoints,
    )  # fmt: skip


def rate_here(scale: Scale, device: str | None = None, count: int = 1) -> tuple[float, str]:
    """(pairs per second of `count` devices, where the number comes from): measured by a run on this machine, else by the
    table of rates. Several devices are taken to be as many times as fast as one."""
    kinds = (device,) if device else tuple(filter(None, (devices.card(), "cpu")))
    for kind in kinds:
        for precision in CHOSEN if scale.precision == "auto" else (scale.precision,):
            known = rates.measured(f"{scale.model} {precision}", kind)
            if known:
                return known.per_second * count, known.source + _times(count)
    if kinds[0] != "cpu":
        known = rates.on_card("training", kinds[0])
        return known.per_second / (2 * _work(scale)) * count, known.source + _times(count)
    cores = max(1, os.cpu_count() or 1)
    known = rates.on_cores("training", cores)
    return known.per_second * _work(SCALES["demo"]) / _work(scale), f"{known.source}; the first run here measures it"


def _times(count: int) -> str:
    return f", times {count} devices" if count > 1 else ""


def _work(scale: Scale) -> float:
    """Multiply-adds of training on one pair: forward, twice that backward, and once more to recompute if it does."""
    return size_of(scale.model).macs * (4 if scale.grad_checkpointing else 3)


def remember_rate(scale: Scale, device: str, samples_per_s: float, *, count: int = 1) -> None:
    """Keeps the measured rate of `count` devices of the kind `device` for the next estimate."""
    work = f"{scale.model} {scale.precision}"
    rates.remember(work, device, samples_per_s, pairs=scale.samples_seen, devices=count)


def _mean_bytes(pool: Any) -> float:
    """Mean image size of a pool that knows it (images in tars), else DataComp's."""
    import numpy as np

    if pool is None or "image_bytes" not in pool.columns or not len(pool):
        return BYTES_PER_PAIR
    sizes = np.asarray(pool.array("image_bytes"), dtype=np.float64)
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    return float(sizes.mean()) if sizes.size else BYTES_PER_PAIR

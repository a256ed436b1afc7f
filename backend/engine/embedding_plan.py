"""What an embedding will take before it starts: disk at its peak, the devices and what feeds them, time."""

import os
import shutil
from dataclasses import dataclass

from .. import devices, rates
from ..architecture import size_of
from ..errors import InputError
from ..models import Model, config
from ..pool import Pool
from .decoders import PER_DEVICE

SIDES, HALF = 2, 2  # image and caption, bytes of a float16


@dataclass(frozen=True)
class Plan:
    """`pairs` are still to embed; `disk` is what they take at the peak, in bytes, and `free` what there is (both 0 where a
    model doesn't say its dimension). `decoders` processes feed each of `count` devices of the kind `device`. `seconds`,
    and `basis`, where they come from."""

    pairs: int
    disk: int
    free: int
    device: str
    count: int
    decoders: int
    seconds: float
    basis: str

    @property
    def fits(self) -> bool:
        return self.disk <= self.free


def plan(
    pool: Pool, model: Model, *, pairs: int | None = None, device: str = "auto", gpus: int | None = None,
    precision: str = "fp32", decoders: int | None = None,
) -> Plan:  # fmt: skip
    """Of embedding `pairs` of a pool (all of them). Records wait beside the pool and move into it by fragments, so the peak
    is the columns and one fragment more. Raises InputError as `devices.spread` does."""
    pairs = len(pool) if pairs is None else pairs
    fragment = max((part.stop - part.start for part in pool.fragments), default=0)
    where = devices.spread(device, gpus)
    kind = "cpu" if where == ("cpu",) else devices.card() or "GPU"
    cores = len(os.sched_getaffinity(0))
    feeding = 0
    if kind != "cpu":
        feeding = max(1, min(cores // len(where) - 1, PER_DEVICE)) if decoders is None else decoders
    rate = rates.measured(f"embed {model.name} {precision}", kind) or _from_table(model, kind, cores, feeding)
    dim = _dim(model)
    return Plan(
        pairs=pairs,
        disk=SIDES * HALF * dim * (pairs + fragment),
        free=shutil.disk_usage(pool.path).free if dim else 0,
        device=kind, count=len(where), decoders=feeding,
        seconds=pairs / (rate.per_second * len(where)) if rate.per_second else 0.0, basis=rate.source,
    )  # fmt: skip


def refuse(plan: Plan, name: str) -> None:
    """Raises InputError if the disk can't hold what an embedding takes."""
    if not plan.fits:
        raise InputError(
            f"embedding {plan.pairs:,} pairs as {name!r} takes up to {plan.disk / 1e9:,.1f} GB more of a disk that has "
            f"{plan.free / 1e9:,.1f} GB free; free some, put the pool on a larger one, or go on with --force."
        )


def _from_table(model: Model, kind: str, cores: int, feeding: int) -> rates.Rate:
    """Pairs a second of one device: its forward passes, or the images that are decoded for it if those are fewer."""
    try:
        flop = 2 * size_of(model.name, config(model.name)).macs
    except (InputError, KeyError):
        return rates.Rate(0.0, "no estimate: its architecture is not in a table")
    if kind == "cpu":
        products, images = rates.on_cores("products", cores), rates.on_cores("decoding", cores)
        return rates.Rate(1 / (flop / products.per_second + 1 / images.per_second), products.source)
    forward, images = rates.on_card("embedding", kind), rates.on_cores("decoding", max(1, feeding))
    if forward.per_second / flop <= images.per_second:
        return rates.Rate(forward.per_second / flop, forward.source)
    return rates.Rate(images.per_second, f"{images.source}; the GPU could take {forward.per_second / flop:,.0f}")


def _dim(model: Model) -> int:
    """Numbers of a vector; 0 where only loading the model would tell."""
    try:
        return int(config(model.name)["embed_dim"])
    except (InputError, KeyError, TypeError, ValueError):
        return 0

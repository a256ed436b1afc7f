"""What a run will cost before it starts: multiply-adds, time here and on known GPUs, disk."""

import os
from dataclasses import asdict, dataclass, field
from typing import Any

from .. import paths
from ..errors import InputError
from ..files import read_json, write_json
from .scales import CHOSEN, SCALES, Scale, scale_named

PEAK_BF16 = {"V100": 125e12, "A100": 312e12, "L40S": 362e12, "H100": 989e12, "H200": 989e12}
"""Dense half-precision FLOP/s of the makers' data sheets (fp16 on V100)."""

UTILISATION = 0.18
"""Share of that peak in DataComp's own reports: small 4 h on one A100 (0.17), xlarge 81 h on 512 A100 (0.19)."""

DEMO_RATE = 645.0
"""Pairs per second of the demo's model in float32 training on two idle cores, measured (with bfloat16 units 920);
other models are taken to run at the same multiply-adds per second until this machine has measured them."""

BYTES_PER_PAIR = 35_000
"""Mean size of a pair in DataComp's tars (450 GB for 12.8 M); a pool's own mean replaces it."""


@dataclass(frozen=True)
class Estimate:
    """`macs` are forward multiply-adds over all samples seen, as DataComp prints them; `flops` those of training
    (2 per multiply-add; forward + twice that backward, once more forward with gradient checkpointing).
    `seconds` is the time on this machine by phase and `basis` says where its rate comes from; `gpu_hours` is by
    device at DataComp's own utilisation; `disk` bytes by what they are for; `repeats` how often a pair is seen."""

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
    gpu_hours: dict[str, float]
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


@dataclass(frozen=True)
class Tower:
    """One transformer: its sequence length, width, depth, and multiply-adds besides its layers."""

    tokens: int
    width: int
    layers: int
    more_macs: float = 0.0
    more_parameters: float = 0.0
    mlp: float = 4.0

    @property
    def macs(self) -> float:
        per_layer = (4 + 2 * self.mlp) * self.width**2 * self.tokens + 2 * self.tokens**2 * self.width
        return self.layers * per_layer + self.more_macs

    @property
    def parameters(self) -> float:
        return self.layers * (4 + 2 * self.mlp) * self.width**2 + self.tokens * self.width + self.more_parameters


@dataclass(frozen=True)
class Size:
    """Multiply-adds of one pair's forward pass and the parameters of a model."""

    macs: float
    parameters: int
    image: Tower = field(repr=False)
    text: Tower = field(repr=False)


def size_of(model: str) -> Size:
    """From the architecture's configuration (two transformers). Raises InputError for other architectures."""
    from .weights import config

    found = config(model)
    vision, text, dim = found["vision_cfg"], found["text_cfg"], int(found["embed_dim"])
    if not isinstance(vision.get("layers"), int) or "width" not in text:
        raise InputError(f"model {model!r} is not a pair of transformers, so its cost can't be computed; "
                         "benchmark scales use ViT models")  # fmt: skip
    side, patch = int(vision["image_size"]), int(vision["patch_size"])
    patches, width = (side // patch) ** 2, int(vision["width"])
    image = Tower(patches + 1, width, vision["layers"], patches * 3 * patch**2 * width + width * dim,
                  3 * patch**2 * width + width * dim, float(vision.get("mlp_ratio", 4)))  # fmt: skip
    wide, length = int(text["width"]), int(text.get("context_length", 77))
    words = Tower(length, wide, int(text.get("layers", 12)), wide * dim,
                  int(text.get("vocab_size", 49408)) * wide + wide * dim, float(text.get("mlp_ratio", 4)))  # fmt: skip
    return Size(image.macs + words.macs, round(image.parameters + words.parameters), image, words)


def estimate(recipe_or_count: Any, scale: "str | Scale", *, pool: Any = None, device: str | None = None) -> Estimate:
    """The cost of a run at `scale` on so many pairs; a Recipe (or its file) is counted on `pool`.

    Fast: no model is built and torch is not imported.
    """
    scale = scale_named(scale)
    pairs = pairs_of(recipe_or_count, pool)
    size = size_of(scale.model)
    macs = size.macs * scale.samples_seen
    flops = 2 * _work(scale) * scale.samples_seen
    rate, basis = rate_here(scale, device)
    per_pair = _mean_bytes(pool)
    weights = 4 * size.parameters
    return Estimate(
        scale=scale.name, pairs=pairs, samples_seen=scale.samples_seen, steps=scale.steps(),
        repeats=round(scale.samples_seen / pairs, 2) if pairs else 0.0,
        parameters=size.parameters, macs=macs, flops=flops,
        seconds={"shards": round(pairs / 8_000, 1), "start": 12.0, "training": round(scale.samples_seen / rate, 1),
                 "evaluation": 15.0 if scale.tasks == "demo" else 5190.0},
        basis=basis,
        gpu_hours={gpu: round(flops / (peak * UTILISATION) / 3600, 3) for gpu, peak in PEAK_BF16.items()},
        disk={"shards": int(pairs * (per_pair + 2_560)), "checkpoints": 2 * 3 * weights, "weights": weights},
        checkpoints=scale.checkpoints,
    )  # fmt: skip


def pairs_of(recipe_or_count: Any, pool: Any = None) -> int:
    if isinstance(recipe_or_count, int):
        return recipe_or_count
    from ..recipe import Recipe, load, select

    if pool is None:
        raise InputError("the cost of a recipe needs a pool to count it on; give the pool or a number of pairs")
    recipe = recipe_or_count if isinstance(recipe_or_count, Recipe) else load(recipe_or_count)
    return select(recipe, pool).drawn


def rate_here(scale: Scale, device: str | None = None) -> tuple[float, str]:
    """(pairs per second, where the number comes from): measured by a run on this machine, else the built-in one."""
    rates = _rates()
    precisions = CHOSEN if scale.precision == "auto" else (scale.precision,)
    for name in (device,) if device else ("cuda", "cpu"):
        for precision in precisions:
            known = rates.get(f"{scale.model} {precision} {name}")
            if known:
                return float(known), f"measured on this machine ({name})"
    cores = max(1, os.cpu_count() or 1)
    demo = SCALES["demo"]
    ratio = _work(demo) / _work(scale)
    return DEMO_RATE * ratio * cores / 2, f"assumed for {cores} CPU cores; the first run here measures it"


def _work(scale: Scale) -> float:
    """Multiply-adds of training on one pair: forward, twice that backward, and once more to recompute if it does."""
    return size_of(scale.model).macs * (4 if scale.grad_checkpointing else 3)


def remember_rate(scale: Scale, device: str, samples_per_s: float) -> None:
    """Keeps a measured rate for the next estimate."""
    if samples_per_s > 0:
        write_json(_rates_path(), _rates() | {f"{scale.model} {scale.precision} {device}": round(samples_per_s, 1)})


def _rates_path() -> Any:
    return paths.home() / "rates.json"


def _rates() -> dict[str, Any]:
    try:
        found = read_json(_rates_path())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _mean_bytes(pool: Any) -> float:
    """Mean image size of a pool that knows it (images in tars), else DataComp's."""
    import numpy as np

    if pool is None or "image_bytes" not in pool.columns or not len(pool):
        return BYTES_PER_PAIR
    sizes = np.asarray(pool.array("image_bytes"), dtype=np.float64)
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    return float(sizes.mean()) if sizes.size else BYTES_PER_PAIR

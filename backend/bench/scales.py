"""The scales: model, samples seen and every fixed setting of a benchmark run, one table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..devices import training_precision
from ..errors import InputError

PRECISIONS = ("auto", "amp", "amp_bf16", "amp_bfloat16", "bf16", "fp16", "fp32")
CHOSEN = ("amp", "amp_bf16", "fp32")  # what `auto` may become
ORDERS = RESAMPLED, PASSES = "resampled", "passes"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Everything that a run at this scale holds fixed, so that only the pairs differ.

    `samples_seen` counts image-text pairs with repetition; `batch` is the global batch over all devices;
    the learning rate warms up linearly for `warmup` steps, then follows a cosine to zero. AdamW with
    beta1 0.9, `beta2`, eps 1e-6 and weight decay 0.2, no gradient clipping, loss over the global batch.
    `checkpoints` splits the run into that many equal parts, a checkpoint after each; a resumed run
    continues after the last one, or after one within a part (`checkpoints.save_within_parts`). `pool` is the number of pairs in DataComp's pool of that scale.
    Steps per part are rounded up to a multiple of `rounding`, the reference's loader workers, however many `workers`
    (data loader processes per device) there are here. `precision` `auto` is the one that the device trains in fastest; a run records which, and
    all of them count as the scale. `order` is that of the pairs: shards drawn with replacement, as DataComp's, or whole passes
    over the pairs in a random order (`passes`), which sets a small pool's runs less apart. `macs` are the forward multiply-adds of a run that the paper prints.
    """

    name: str
    model: str
    samples_seen: int
    batch: int
    lr: float
    warmup: int
    beta2: float = 0.98
    precision: str = "amp"
    checkpoints: int = 5
    workers: int = 4
    rounding: int = 4
    grad_checkpointing: bool = True
    order: str = RESAMPLED
    log_every: int = 100
    pool: int | None = None
    macs: float | None = None
    tasks: str = "datacomp"
    note: str = ""

    @property
    def steps_per_part(self) -> int:
        """Optimiser steps between two checkpoints: ceil to batches, then to a multiple of `rounding`."""
        return steps_of(self.samples_seen // self.checkpoints, self.batch, self.rounding)

    def steps(self) -> int:
        """Optimiser steps of the whole run, whatever the workers and devices."""
        return self.steps_per_part * self.checkpoints

    def on(self, device: str) -> "Scale":
        """This scale with the precision that it trains in on `device` (`cpu` or `cuda`).

        `auto` becomes the device's fastest; a CPU, which has no float16 units, takes its fastest in place of `amp`.
        """
        if self.precision == "auto" or (self.precision == "amp" and device == "cpu"):
            return replace(self, precision=training_precision(device))
        return self

    def changed(self, **settings: Any) -> "Scale":
        """This scale with other settings. A run on it is marked "not comparable" (see `differences`)."""
        for key in settings:
            if key not in CHANGEABLE:
                raise InputError(f"{key!r} is no setting of a scale; allowed: {', '.join(sorted(CHANGEABLE))}")
        if settings.get("precision", self.precision) not in PRECISIONS:
            raise InputError(f"precision {settings['precision']!r} is unknown; allowed: {', '.join(PRECISIONS)}")
        if settings.get("order", self.order) not in ORDERS:
            raise InputError(f"order {settings['order']!r} is unknown; allowed: {', '.join(ORDERS)}")
        return replace(self, **settings)


CHANGEABLE = {field.name for field in fields(Scale)} - {"name", "pool", "macs", "note"}


def steps_of(samples: int, batch: int, rounding: int) -> int:
    return math.ceil(math.ceil(samples / batch) / rounding) * rounding


# DataComp's table (arXiv 2304.14108, table 5, and its scale_configs.py); `demo` is ours and fits two CPU cores.
SCALES: dict[str, Scale] = {
    scale.name: scale
    for scale in (
        Scale(
            name="demo", model="poolscope-mini", samples_seen=36_000, batch=256, lr=1e-3, warmup=40,
            precision="auto", checkpoints=4, workers=1, rounding=1, grad_checkpointing=False, order=PASSES, log_every=4, tasks="demo",
            note="minutes on two CPU cores; as many samples as the demo pool has pairs, as at DataComp's scales",
        ),
        Scale(
            name="debug", model="ViT-B-32", samples_seen=128_000, batch=1024, lr=1e-4, warmup=500,
            note="DataComp's small change for trying a set-up out",
        ),
        Scale(
            name="small", model="ViT-B-32", samples_seen=12_800_000, batch=4096, lr=5e-4, warmup=500,
            pool=12_800_000, macs=9.5e16, note="about 4 hours on one A100",
        ),
        Scale(
            name="medium", model="ViT-B-32", samples_seen=128_000_000, batch=4096, lr=5e-4, warmup=500,
            pool=128_000_000, macs=9.5e17, note="about 40 hours on one A100",
        ),
        Scale(
            name="large", model="ViT-B-16", samples_seen=1_280_000_000, batch=8192, lr=5e-4, warmup=500,
            pool=1_280_000_000, macs=2.6e19, note="a node of GPUs for days",
        ),
        Scale(
            name="xlarge", model="ViT-L-14", samples_seen=12_800_000_000, batch=90_112, lr=1e-3, warmup=10_000,
            beta2=0.95, precision="amp_bf16", pool=12_800_000_000, macs=1.1e21, note="81 hours on 512 A100",
        ),
    )
}  # fmt: skip

FIXED = ("model", "samples_seen", "batch", "lr", "warmup", "beta2", "precision", "checkpoints", "rounding",
         "grad_checkpointing", "order")  # fmt: skip


def scale_named(name: "str | Scale") -> Scale:
    """The scale called `name`. Raises InputError that lists the scales."""
    if isinstance(name, Scale):
        return name
    if name not in SCALES:
        raise InputError(f"scale {name!r} is unknown; allowed: {', '.join(SCALES)}")
    return SCALES[name]


def differences(scale: Scale) -> list[str]:
    """What in `scale` differs from the table's scale of that name, one line each; empty = comparable."""
    return settings_differ(scale.name, {name: getattr(scale, name) for name in FIXED})


def settings_differ(name: str, settings: Mapping[str, Any]) -> list[str]:
    """The same for settings as a run's record keeps them; what it does not say is not judged, but for the order."""
    table, settings = SCALES.get(name), with_order(settings)
    if table is None:
        return [f"scale {name!r} is not in the table"]
    return [
        f"{key} is {_written(settings[key])} instead of {_written(getattr(table, key))}"
        for key in FIXED
        if key in settings and not _alike(key, settings[key], getattr(table, key))
    ]


def with_order(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings of a run's record; one with settings but no order is older than there was another."""
    return {"order": RESAMPLED, **settings} if settings else settings


def _written(value: Any) -> str:
    """A setting with thousands set apart."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _alike(key: str, value: Any, wanted: Any) -> bool:
    return value == wanted or (key == "precision" and wanted == "auto" and value in CHOSEN)

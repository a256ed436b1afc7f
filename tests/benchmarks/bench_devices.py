"""Units a second and idle share on 1, 2, 4 and 8 devices.

    python tests/benchmarks/bench_devices.py [--fake] [--units 96] [--seconds 0.05] [--json]

A real device computes CLIPLoss of one batch of 32,768 pairs of 768 numbers a unit, sent over each time, in a worker
process of its own; as many are used as torch sees. A fake one (the default without a GPU) waits `--seconds` a unit in a
thread: what it shows is what handing out units costs. Idle: the share of time, from the first unit's start to the last
one's end, in which a device computes nothing.
"""

import argparse
import json
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from poolscope import devices
from poolscope.workers.dispatch import finished, gathered

COUNTS = (1, 2, 4, 8)
BATCH, DIM = 32_768, 768


@dataclass(frozen=True)
class Unit:
    """A unit of work: `seconds` of waiting, or one batch of CLIPLoss where that is 0."""

    number: int
    seconds: float


@dataclass(frozen=True)
class Timed:
    """Computes units and says on which device, and from when to when."""

    done: list[tuple[str, float, float]] = field(default_factory=list)

    def compute(self, unit: Unit) -> tuple[str, float, float]:
        device = devices.choose()
        sides = () if unit.seconds else _sides()
        start = time.monotonic()
        if sides:
            from poolscope.scores.kernels.cliploss_kernel import batch_scores

            batch_scores(*sides, temperature=0.01, device=device)
        else:
            time.sleep(unit.seconds)
        self.done.append((device, start, time.monotonic()))
        return self.done[-1]


@lru_cache(maxsize=1)
def _sides() -> tuple[np.ndarray, ...]:
    """Images and texts of one batch, made once in each worker."""
    draw = np.random.default_rng(0)
    rows = [draw.standard_normal((BATCH, DIM), dtype=np.float32) + 0.3 for _ in range(2)]
    return tuple((side / np.linalg.norm(side, axis=1, keepdims=True)).astype(np.float16) for side in rows)


def measure(count: int, units: int, seconds: float) -> dict[str, Any]:
    """Units a second and idle share of so many devices."""
    names = [f"cuda:{number}" for number in range(count)]
    work = [Unit(number, seconds) for number in range(units)]
    task = Timed()
    if seconds:
        list(finished(task, work, devices=names, threads=True))
        made = task.done
    else:
        made = [
            result for _, result in gathered(task, [Unit(-1 - n, 0.0) for n in range(4 * count)] + work, devices=names)
        ]
        made = made[4 * count :]  # the first ones start CUDA and compile
    made = [(device if count > 1 else names[0], start, stop) for device, start, stop in made]
    first, last = min(start for _, start, _ in made), max(stop for _, _, stop in made)
    busy = sum(stop - start for _, start, stop in made)
    return {
        "devices": count, "units": units, "units_per_s": round(units / (last - first), 2),
        "idle": round(max(0.0, 1 - busy / (count * (last - first))), 4),
        "shares": sorted(sum(name == device for device, _, _ in made) for name in names),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fake", action="store_true", help="devices that are not there")
    parser.add_argument("--units", type=int, default=96)
    parser.add_argument("--seconds", type=float, default=0.05, help="what a unit takes on a fake device")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    chosen = parser.parse_args()
    real = 0 if chosen.fake else devices.cuda_devices()
    if real:
        import torch

        print(f"# {real} x {torch.cuda.get_device_name()}")
    elif not chosen.json:
        print(f"# fake devices, {chosen.seconds} s a unit")
    for count in COUNTS:
        if real and count > real:
            break
        row = measure(count, chosen.units, 0.0 if real else chosen.seconds)
        text = (
            f"{count} devices: {row['units_per_s']:8.2f} units/s, idle {row['idle']:6.1%}, units each {row['shares']}"
        )
        print(json.dumps(row) if chosen.json else text, flush=True)


if __name__ == "__main__":
    main()

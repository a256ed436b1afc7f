"""Compute devices: which ones a job runs on, the slot it holds there, the precision they do fast, the rows they hold."""

import logging
import os
import threading
import timeit
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import InputError

if TYPE_CHECKING:
    import torch

DRIVER = Path("/proc/driver/nvidia/gpus")
CHOICES = ("auto", "cpu", "cuda")
Made = TypeVar("Made")
_own = threading.local()  # the device of a worker that has one
_PROBE = 256  # side of the products that are timed: 0.5 ms each in float32, 40 ms in an emulated bfloat16


def cuda_devices() -> int:
    """GPUs that torch can use; on a machine without any device file of one, torch is not even imported."""
    if not gpus() and not Path("/dev/kfd").exists() and not Path("/dev/dxg").exists():
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def check(device: str) -> str:
    """`device` itself. Raises InputError for a word that names no device, on whatever machine."""
    kind, _, number = device.partition(":")
    if device not in CHOICES and (kind != "cuda" or not number.isdigit()):
        raise InputError(f"device {device!r} is unknown: choose one of auto, cpu, cuda, cuda:N")
    return device


def choose(device: str = "auto") -> str:
    """`"cpu"`, `"cuda"` or `"cuda:N"`; `"auto"` is the first GPU if there is one, in a worker its own device.

    Raises InputError for a word that names no device and for a GPU that this machine lacks.
    """
    number = check(device).partition(":")[2]
    if device == "cpu":
        return "cpu"
    own = held()
    if not number and own:
        return str(own)
    count = cuda_devices()
    if device == "auto":
        return "cuda" if count else "cpu"
    if int(number or 0) >= count:
        raise InputError(
            f"device {device!r} is not on this machine, torch sees {count} GPUs: use device=auto or device=cpu"
        )
    return device


def spread(device: str = "auto", most: int | None = None) -> tuple[str, ...]:
    """The devices over which units of work are spread: for `auto` and `cuda` all GPUs, at most `most`; else that one.

    Raises InputError as `choose` does, and for more GPUs than torch sees.
    """
    chosen, count = choose(device), cuda_devices()
    if device != "cpu" and (most or 0) > count:
        raise InputError(f"{most} GPUs are asked for, and torch sees {count} on this machine: ask for fewer")
    if chosen == "cpu" or device.startswith("cuda:"):
        return (chosen,)
    return tuple(f"cuda:{number}" for number in range(most or count))


def hold(device: str) -> None:
    """Makes `device` what `auto` and `cuda` mean in this thread: the first thing that a worker with a device does."""
    _own.device = device


def held() -> str | None:
    """The device of this thread, if it is a worker that has one."""
    return getattr(_own, "device", None)


@lru_cache(maxsize=256)
def note(text: str) -> None:
    """Says on stderr, once a process, that something is done in another way than was asked for."""
    logging.getLogger("poolscope").warning("note: %s", text)


class Room:
    """How many rows a device takes at once: halved when it is out of memory, and remembered from then on."""

    def __init__(self, rows: int) -> None:
        self.rows = max(1, rows)

    def over(self, count: int, work: Callable[[slice], Made]) -> list[Made]:
        """`work` of rows 0 to `count` in parts that the device has room for.

        Raises torch.OutOfMemoryError if it has none for a single row.
        """
        import torch

        parts: list[Made] = []
        start = 0
        while start < count:
            part = slice(start, min(start + self.rows, count))
            try:
                parts.append(work(part))
                start = part.stop
            except torch.OutOfMemoryError:
                if part.stop - part.start == 1:
                    raise
                self.rows = (part.stop - part.start) // 2
                note(
                    f"the device is out of memory with {part.stop - part.start:,} rows at once; {self.rows:,} are tried"
                )
                torch.cuda.empty_cache()
        return parts


def slot(device: str = "auto", count: int | None = None) -> str:
    """What a job on `device` asks the queue for: `cpu`, a GPU that it names (`gpu:N`), or any `count` (`gpus:2`).

    Raises InputError for more GPUs than this machine has.
    """
    number = check(device).partition(":")[2]
    if number:
        return f"gpu:{number}"
    if count == 0 or device == "cpu" or (device == "auto" and not gpus()):
        return "cpu"
    if (count or 1) > max(1, gpus()):
        raise InputError(f"{count} GPUs are asked for, and this machine has {gpus()}: ask for fewer, or for more nodes")
    return f"gpus:{count or 1}"


def gpus() -> int:
    """GPUs that this process may use, without loading torch: those of CUDA_VISIBLE_DEVICES, else the device files."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    files = len([path for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit()])
    return files if shown is None else len([name for name in shown.split(",") if name.strip() and name != "-1"])


def card() -> str:
    """The kind of the first GPU by its short name ("H100"), without loading torch; empty where there is none, "GPU" where
    the driver doesn't say."""
    if not gpus():
        return ""
    for path in sorted(DRIVER.glob("*/information")):
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith("Model:"):
                return short_name(line.partition(":")[2])
    return "GPU"


def short_name(name: str) -> str:
    """ "NVIDIA H100 80GB HBM3" is "H100", "NVIDIA A100-SXM4-40GB" is "A100", "NVIDIA GeForce RTX 4090" is "RTX 4090"."""
    words = [word for word in name.replace("-", " ").split() if word not in ("NVIDIA", "Tesla", "GeForce", "Quadro")]
    kept = (
        1 if words[:1] not in (["RTX"], ["GTX"], ["TITAN"]) else 3 if words[2:3] in (["Ti"], ["Ada"], ["SUPER"]) else 2
    )
    return " ".join(words[:kept]) or name.strip()


def training_precision(device: str = "auto") -> str:
    """open_clip's name of the precision in which `device` trains fastest: `amp_bf16`, `amp` or `fp32`.

    A GPU takes bfloat16 if it has units for it and float16 else. A CPU takes bfloat16 if its products are no slower
    than float32's: with AVX512-BF16 or AMX they are two to four times faster, without them 26 to 110 times slower.
    """
    if device == "cpu" or (device == "auto" and not cuda_devices()):
        return "amp_bf16" if _cpu_multiplies_bf16() else "fp32"
    if not cuda_devices():
        return "amp_bf16"  # a script that is written here for other machines
    import torch

    return "amp_bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "amp"


def autocast(device: str, precision: str) -> Any:
    """The context of a forward pass: nothing for `fp32`, else autocast to bfloat16 or float16."""
    import contextlib

    import torch

    if precision == "fp32":
        return contextlib.nullcontext()
    half = torch.bfloat16 if precision in ("bf16", "amp_bf16", "amp_bfloat16") else torch.float16
    return torch.autocast(torch.device(device).type, dtype=half)


@lru_cache(maxsize=1)
def _cpu_multiplies_bf16() -> bool:
    """Timed, not looked up: what counts is what oneDNN makes of this processor (and of DNNL_MAX_CPU_ISA)."""
    import torch

    square = torch.ones(_PROBE, _PROBE)
    return _seconds(square.bfloat16()) <= _seconds(square)


def _seconds(square: "torch.Tensor") -> float:
    """The fastest of six products, the first of which sets the kernel up."""
    return min(timeit.repeat(lambda: square @ square, number=1, repeat=6))

"""Slots: which devices a job asks for, which it holds while it runs, and so which jobs may run side by side.

A job asks for `cpu`, for certain GPUs (`gpu:0`, `gpu:0,1`), or for any so many (`gpus:2`). While it runs, the GPUs that
it was given stand behind: `gpus:2=3,5`. Numbers count the GPUs that this machine shows us.
"""

import re
from collections.abc import Collection, Sequence

from ..devices import gpus

SHORT = "cpu:short"
"""The lane of jobs that take seconds: one at a time, beside the long one."""
_WORDS = re.compile(rf"cpu|{SHORT}|gpu:\d+(,\d+)*|gpus:[1-9]\d*")


def valid(wanted: str) -> bool:
    return bool(_WORDS.fullmatch(wanted))


def wanted(device: str) -> str:
    """What the job asked for, without what it was given."""
    return device.partition("=")[0]


def given(device: str) -> tuple[int, ...]:
    """The GPUs that a running job holds."""
    words, _, numbers = device.partition("=")
    listed = numbers or (words[4:] if words.startswith("gpu:") else "")
    return tuple(int(number) for number in listed.split(",") if number)


def units(device: str | None) -> set[str]:
    """What a running job keeps from others: `cpu`, `short`, or `gpu:N` for each of its GPUs."""
    if not device:
        return set()
    return {f"gpu:{number}" for number in given(device)} or {wanted(device)}


def assigned(device: str | None, busy: Collection[str]) -> str | None:
    """`device` with the GPUs that the job would be given beside `busy` units; None if it has to wait."""
    if device is None or not device.startswith("gpus:"):
        return None if units(device) & set(busy) else device or ""
    count = int(wanted(device)[5:])
    free = [number for number in range(gpus()) if f"gpu:{number}" not in busy]
    return f"{wanted(device)}={','.join(map(str, free[:count]))}" if len(free) >= count else None


def kept_free(device: str | None) -> set[str]:
    """What later jobs may not take while this one waits: so that small jobs don't keep a large one waiting for ever."""
    if device is None or not device.startswith("gpus:"):
        return units(device)
    return {f"gpu:{number}" for number in range(gpus())}


def visible(numbers: Sequence[int], shown: str | None) -> str:
    """What CUDA_VISIBLE_DEVICES must be for a job to see these of the GPUs that it `shown` lists."""
    names = [name for name in (shown or "").split(",") if name]
    return ",".join(names[number] if number < len(names) else str(number) for number in numbers)

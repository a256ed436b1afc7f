"""Decoders: processes that read, decode and tokenize a pool's pairs beside the forward passes on a GPU."""

import os
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..devices import note
from ..pool import Pool
from ..scores.kernels.images import decode

if TYPE_CHECKING:
    from ..models import Loaded

PER_DEVICE = 32  # 117 images a second and core: more would wait for the GPU
AHEAD = 2  # batches that each process keeps ready
SHARED_MEMORY = Path("/dev/shm")


class Block(NamedTuple):
    """k pairs: `keys` of their images (empty where there is none), the `new` ones among them once each in the order of
    `pixels` (m, 3, H, W), and `tokens` (c, length) of the captions at `there` (c,) int64."""

    keys: list[bytes]
    new: list[bytes]
    pixels: Any
    tokens: Any
    there: Any


def key_of(file: bytes | None) -> bytes:
    """What an image is known by: a digest of its bytes, empty for none."""
    return blake2b(file, digest_size=16).digest() if file else b""


@dataclass(frozen=True)
class Reader:
    """What reads, decodes and tokenizes pairs, in so many `threads`; `known` images are not decoded again. `half` sends
    pixels in float16, which halves what crosses to the GPU."""

    pool_path: Path
    transform: Any
    tokenizer: Any
    half: bool
    known: Container[bytes] = ()
    threads: int = 1

    @cached_property
    def pool(self) -> Pool:
        return Pool.open(self.pool_path)

    def __getitem__(self, rows: np.ndarray) -> Block:
        import torch

        files = list(self.pool.images(rows))
        captions = self.pool.take(rows, ["text"])["text"].to_pylist()
        keys = [key_of(file) for file in files]
        new = {key: file for key, file in zip(keys, files) if key and key not in self.known}
        with ThreadPoolExecutor(self.threads) as threads:
            decoded = threads.map(partial(decode, transform=self.transform), new.values())
        images = {key: image for key, image in zip(new, decoded) if image is not None}
        pixels = torch.stack(list(images.values())) if images else None
        there = [place for place, caption in enumerate(captions) if caption and caption.strip()]
        tokens = self.tokenizer([captions[place] for place in there]) if there else None
        half = pixels.half() if self.half and pixels is not None else pixels
        return Block(keys, list(images), half, tokens, torch.tensor(there, dtype=torch.int64))


class Decoders:
    """Processes that stay from unit to unit; batches come in order, in pinned memory for a GPU."""

    def __init__(self, pool_path: Path, loaded: "Loaded", processes: int) -> None:
        from torch.utils.data import DataLoader

        self._rows: list[np.ndarray] = []  # of each batch to come
        reader: Any = Reader(pool_path, loaded.transform, loaded.tokenizer, loaded.autocast != "fp32")
        several: dict[str, Any] = (
            {"multiprocessing_context": "spawn", "persistent_workers": True, "prefetch_factor": AHEAD}
            if processes
            else {}
        )
        self._loader: Any = DataLoader(
            reader, batch_size=None, sampler=self._rows, num_workers=processes, collate_fn=_same,
            pin_memory=loaded.device.type == "cuda", **several,
        )  # fmt: skip

    def blocks(self, rows: Sequence[np.ndarray]) -> Iterator[Block]:
        self._rows[:] = rows
        yield from self._loader


def processes_for(devices: int, batch_bytes: int) -> int:
    """Decoding processes beside each of `devices` workers: the cores that they share, as many as shared memory holds."""
    cores = len(os.sched_getaffinity(0)) // max(1, devices) - 1
    wanted = max(1, min(cores, PER_DEVICE))
    try:
        room = os.statvfs(SHARED_MEMORY)
    except OSError:
        return wanted
    fitting = room.f_bavail * room.f_frsize // 2 // max(1, devices * (AHEAD + 1) * batch_bytes)
    if fitting < wanted:
        note(
            f"{SHARED_MEMORY} holds batches of {fitting} decoding processes, not of {wanted}: give it more "
            "(docker run --shm-size), or embed with a smaller --batch-size"
        )
    return min(wanted, fitting)


def _same(block: Any) -> Any:
    return block

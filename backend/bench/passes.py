"""The order `passes` of a scale: every kept pair once before any twice, in a random order that follows the seed.

`open_clip_train` draws shards with replacement, and DataComp's scales keep that. Of a small pool's 16 shards it leaves a
third of the pairs out, others with every seed, which is most of what sets runs of one recipe apart (assets/results.md).
"""

import hashlib
import mmap
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from . import loading

KINDS = ("jpg", "png", "jpeg", "webp")
PLACE = np.dtype([("tar", "<i4"), ("image", "<i8", 2), ("text", "<i8", 2)])


class Pairs(Protocol):
    """Pairs by number, as webdataset's samples; None for one that can't be read."""

    def __len__(self) -> int: ...
    def read(self, numbers: np.ndarray) -> Iterator[dict[str, Any] | None]: ...


class InTars:
    """The pairs of local tars, in the order in which they lie there; 36 bytes of memory each. Damage ends a tar, logged."""

    def __init__(self, paths: list[str]) -> None:
        self._paths, self._maps = paths, dict[int, mmap.mmap]()
        self._places = np.concatenate([np.array(list(_places(tar, path)), PLACE) for tar, path in enumerate(paths)])

    def __len__(self) -> int:
        return len(self._places)

    def read(self, numbers: np.ndarray) -> Iterator[dict[str, Any] | None]:
        for number, (tar, image, text) in zip(numbers.tolist(), self._places[numbers]):
            held = self._map(int(tar))
            # Pillow goes by the bytes, whatever the extension says.
            parts = {"jpg": held[slice(*image.tolist())], "txt": held[slice(*text.tolist())]}
            yield {"__key__": str(number), "__url__": self._paths[tar], **parts}

    def _map(self, tar: int) -> mmap.mmap:
        if tar not in self._maps:
            with open(self._paths[tar], "rb") as file:
                self._maps[tar] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._maps[tar]


def _places(tar: int, path: str) -> Iterator[tuple[int, tuple[int, int], tuple[int, int]]]:
    from open_clip_train.data import group_by_keys_nothrow

    with open(path, "rb", buffering=1 << 20) as file:
        parts = loading.spans(file)
        spans = ({"fname": name, "data": (start, start + size), "__url__": path} for name, start, size in parts)
        for sample in group_by_keys_nothrow(spans):
            image = next((sample[kind] for kind in KINDS if kind in sample), None)
            if image and "txt" in sample:
                yield tar, image, sample["txt"]


class InPlace:
    """The pairs of a plan, read from the pool's own tars (see `poolscope.export.in_place`)."""

    def __init__(self, directory: Path) -> None:
        from ..export.in_place import Planned

        self._planned, self._url = Planned(directory), str(directory)

    def __len__(self) -> int:
        return len(self._planned)

    def read(self, numbers: np.ndarray) -> Iterator[dict[str, Any] | None]:
        order = np.argsort(numbers, kind="stable")  # along each tar; a batch is held
        read = [dict(members) for _, _, members in self._planned.read(numbers[order])]
        for at in np.argsort(order).tolist():
            whole = read[at].get("txt", b"").strip() and any(kind in read[at] for kind in KINDS)
            yield {"__key__": str(numbers[at]), "__url__": self._url, **read[at]} if whole else None


class Passes:
    """Numbers of `pairs` pairs, pass after pass, each in a random order of its own.

    Batch `k` of all ranks together is the `k`-th run of `world * batch` numbers, so a step sees the same pairs on any
    number of devices and loader workers.
    """

    def __init__(self, pairs: int, seed: int, *, batch: int, rank: int = 0, world: int = 1) -> None:
        self.pairs, self.seed, self.batch, self.rank, self.world = pairs, seed, batch, rank, world
        self._drawn = (-1, np.empty(0, np.int64))

    def batches(self, start: int, worker: int = 0, workers: int = 1) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Without end, for each batch of a loader worker from place `start` on: places in the order, and the numbers of the
        pairs there, `(batch,)` int64 both."""
        for k in count(worker, workers):
            first = start + (k * self.world + self.rank) * self.batch
            places = np.arange(first, first + self.batch)
            yield places, np.array([self._pass(place // self.pairs)[place % self.pairs] for place in places.tolist()])

    def _pass(self, number: int) -> np.ndarray:
        if self._drawn[0] != number:
            self._drawn = (number, np.random.default_rng([self.seed, number]).permutation(self.pairs))
        return self._drawn[1]


def samples(pairs: Pairs, passes: Passes, start: int, worker: int, workers: int) -> Iterator[dict[str, Any]]:
    """webdataset samples in that order. What each is cropped by follows its place: a training that was resumed sees, to the
    bit, what one that was never stopped sees. The samples must be taken and cropped one by one."""
    import torch

    unread = 0
    for places, numbers in passes.batches(start, worker, workers):
        for place, sample in zip(places.tolist(), pairs.read(numbers)):
            unread = unread + 1 if sample is None else 0
            if unread > passes.pairs:
                raise RuntimeError("none of the kept pairs can be read any more")
            if sample is not None:
                drawn = hashlib.blake2b(f"{passes.seed} {place}".encode(), digest_size=8).digest()
                torch.default_generator.manual_seed(int.from_bytes(drawn, "big"))
                yield sample


def read_in_passes() -> None:
    """Makes open_clip_train's loader take the pairs in whole passes, a part where the one before it ended."""
    from open_clip_train import data

    build, shards = data.get_wds_dataset, data.ResampledShards2
    taken: list[Any] = []

    def get_wds_dataset(args: Any, preprocess: Any, is_train: bool, *rest: Any, **more: Any) -> Any:
        if is_train:
            args.dataset_resampled = True  # for the pipeline that begins with `ResampledShards2`
            taken[:] = [args]
        return build(args, preprocess, is_train, *rest, **more)

    class Source(shards):  # type: ignore[misc, valid-type]
        """In the place of shards, samples."""

        def __init__(self, urls: Any, **options: Any) -> None:
            super().__init__(urls, **options)
            self.args = taken[0]
            self.pairs: Pairs | None = None

        def __iter__(self) -> Iterator[dict[str, Any]]:
            import torch

            if self.pairs is None:  # in the loader's process: Lance must not be loaded before it is forked
                folder = Path(self.urls[0]).parent
                self.pairs = InPlace(folder) if (folder / "in_place.json").is_file() else InTars(self.urls)
            args, worker = self.args, torch.utils.data.get_worker_info()
            if not len(self.pairs):
                raise RuntimeError(f"no pair of an image and a caption in {args.train_data}")
            passes = Passes(len(self.pairs), args.seed, batch=args.batch_size, rank=args.rank, world=args.world_size)
            start = self.epoch.get_value() * args.train_num_samples
            yield from samples(self.pairs, passes, start, *((worker.id, worker.num_workers) if worker else (0, 1)))

    data.get_wds_dataset, data.ResampledShards2 = get_wds_dataset, Source
    data.tarfile_to_samples_nothrow = iter
    data.wds.shuffle = lambda *unused, **neither: iter

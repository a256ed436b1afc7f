"""Checkpoints within a part of the training: by time, and when Slurm gives notice; a resume goes on at the very next batch.

open_clip_train saves at the end of a part, which at the large scales is a day of eight GPUs.
"""

import dataclasses
import itertools
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..files import replacing

MINUTES = 30.0
LATEST = "epoch_latest.pt"
PAUSED = 75
"""Exit code of a training that stopped after a checkpoint because SIGUSR1 asked it to (EX_TEMPFAIL: try again later)."""


class Clock:
    """When the next checkpoint is due: `minutes` after the last one, or at once after SIGUSR1."""

    def __init__(self, minutes: float) -> None:
        self.asked = False
        self._seconds, self._last = 60 * minutes, time.monotonic()

    def ask(self, *unused: Any) -> None:
        self.asked = True

    @property
    def due(self) -> bool:
        return self.asked or time.monotonic() - self._last >= self._seconds

    def saved(self) -> None:
        self._last = time.monotonic()


class Part:
    """The batches of one part from `first` on, as open_clip's loop takes them; saves between two steps where it is due."""

    def __init__(self, loader: Any, first: int, args: Any, clock: Clock, state: Any) -> None:
        self.first, self.num_batches, self.num_samples = first, loader.num_batches, loader.num_samples
        self._loader, self._args, self._clock, self._state = loader, args, clock, state

    def __iter__(self) -> Iterator[Any]:
        workers = max(1, self._args.workers)
        passed = self.first // workers * workers  # by the loader's workers, undecoded: whole rounds of one batch each
        batches = itertools.islice(self._loader, self.first - passed, self.num_batches - passed)
        for place, batch in enumerate(batches, self.first):
            if place > self.first and place % self._args.accum_freq == 0 and self._clock.due:
                self._save(place)
            yield batch

    def _save(self, batches: int) -> None:
        """All ranks hold the same weights, so only the first one saves; the others wait for it at the next step."""
        if self._args.rank != 0:
            return
        import torch

        with replacing(Path(self._args.checkpoint_path) / LATEST) as part:
            torch.save(self._state() | {"name": self._args.name, "batches": batches}, part)
        self._clock.saved()
        pairs = batches * self._args.batch_size * self._args.world_size
        logging.info(f"=> checkpoint within the part, after {pairs} pairs of it")
        if self._clock.asked:
            logging.info("=> stopped on SIGUSR1; the same command goes on")
            logging.shutdown()
            os._exit(PAUSED)  # an orderly end would wait for the other ranks, which wait for this one


class Unseen:
    """Lets samples through after the first `passed` of them; each loader worker has a copy of its own."""

    def __init__(self, wanted: Any, passed: int) -> None:
        self.wanted, self.passed = wanted, passed

    def __call__(self, sample: Any) -> bool:
        if not self.wanted(sample):
            return False
        self.passed -= 1
        return self.passed < 0


def save_within_parts() -> None:
    """Makes open_clip_train save within its parts, every 30 minutes (`POOLSCOPE_CHECKPOINT_MINUTES`) and on SIGUSR1.

    Resumed, the loader passes over the samples that the part has seen without decoding them and goes on in the same
    order; an image that can't be decoded shifts that order by one pair.
    """
    from open_clip_train import data, main, train

    clock = Clock(float(os.environ.get("POOLSCOPE_CHECKPOINT_MINUTES", MINUTES)))
    signal.signal(signal.SIGUSR1, clock.ask)
    build, wanted, loop = data.get_wds_dataset, data.filter_no_caption_or_no_image, main.train_one_epoch
    first = [0]

    def get_wds_dataset(args: Any, preprocess: Any, is_train: bool, *rest: Any, **more: Any) -> Any:
        if is_train:
            first[0] = batches_of(args.resume)
            rounds = first[0] // max(1, args.workers)
            data.filter_no_caption_or_no_image = Unseen(wanted, rounds * args.batch_size)
        dataset = build(args, preprocess, is_train, *rest, **more)
        if is_train and first[0]:
            logging.info(f"=> going on after {first[0] * args.batch_size * args.world_size} pairs of the part")
        return dataset

    def train_one_epoch(
        model: Any, sources: Any, loss: Any, epoch: int, optimizer: Any, scaler: Any, scheduler: Any, teacher: Any,
        args: Any, **more: Any,
    ) -> Any:  # fmt: skip
        def state() -> dict[str, Any]:
            kept = {"epoch": epoch, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}
            return kept if scaler is None else kept | {"scaler": scaler.state_dict()}

        part = Part(sources["train"].dataloader, first[0], args, clock, state)
        first[0] = 0
        watched = sources | {"train": dataclasses.replace(sources["train"], dataloader=part)}
        outcome = loop(model, watched, loss, epoch, optimizer, scaler, scheduler, teacher, args, **more)
        clock.saved()  # by open_clip itself, at the end of the part
        return outcome

    data.get_wds_dataset, main.train_one_epoch = get_wds_dataset, train_one_epoch
    train.enumerate = lambda items: enumerate(items, getattr(items, "first", 0))


def batches_of(checkpoint: str | None) -> int:
    """Batches of its last part that a checkpoint has seen; 0 for one at the end of a part. No code in it is run."""
    if not checkpoint or not Path(checkpoint).is_file():
        return 0
    import torch

    return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True).get("batches", 0))

"""CLIPLoss: how well a pair does in the contrastive loss of random batches drawn from the pool."""

import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .. import devices
from ..kernels.hashing import draw
from ..pool import Pool
from ..progress import Progress, silent
from .base import MAIN, Each, Method, Unit, here, param
from .kernels.cliploss_kernel import batch_scores
from .kernels.dealing import check_disk, passes, temporary

BATCHES_AT_ONCE = 4  # a superblock of 4 x 32,768 pairs is 400 MB of float16 at 768-d
PARITY_ROWS = 505_891  # the metadata file that the reference's log shows: 15 full batches and 14,371 pairs


def deals(pool: Pool, seed: int, times: int) -> np.ndarray:
    """`(times, n)` uint32 (int64 from 2^32 on): the rows in `times` independent random orders, by a hash of (seed, uid).

    They lie in a nameless file beside the pool, mapped: 4 bytes a pair and order on disk, 32 a pair of memory meanwhile.
    """
    uids = pool.uids()
    dtype = np.dtype(np.uint32 if len(uids) < 2**32 else np.int64)
    work = pool.path / "work"
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=work) as file:
        orders = np.memmap(file, dtype, "w+", shape=(times, max(1, len(uids))))[:, : len(uids)]
    for number in range(times):
        more = (number,) if number else ()
        orders[number] = np.argsort(draw(seed, uids["f0"], uids["f1"], *more), kind="stable")
    return np.asarray(orders)


@dataclass(frozen=True)
class Superblock(Unit):
    """About four batches of one `reading` of the pool."""

    reading: int = 0


def partition(keys: np.ndarray, blocks: int, *, rows_per_block: int | None = None) -> list[np.ndarray]:
    """One random partition, by hash `keys` (n,): `blocks` groups of equal size (± 1), or, when `rows_per_block`
    is given, blocks of exactly that size with a short last one, as the reference cuts them."""
    order = np.argsort(keys, kind="stable")
    return np.array_split(order, range(rows_per_block, len(order), rows_per_block) if rows_per_block else blocks)


@dataclass(frozen=True, kw_only=True)
class ClipLoss(Method):
    """negCLIPLoss (s-CLIPLoss): tau times the negative CLIP loss of a pair, averaged over random batches.

    `s_ii - (1/K) sum_k (tau/2) [ln sum_{j in B_k(i)} exp(s_ij/tau) + ln sum_{j in B_k(i)} exp(s_ji/tau)]`,
    s_ij the inner product of image i and text j, B_k(i) the batch that holds pair i in partition k. The positive
    pair is in both sums, so a score is at most 0; higher is better. A caption that fits every image falls.

    Batches do not depend on the order or the sharding of the pool: for each partition a hash of (seed, uid) deals all
    pairs anew into batches of equal size (± 1), so that the partitions are independent and the noise of their mean is
    that of one divided by sqrt K. Each reads the pool once more, from front to back, and deals it into superblocks of about
    four batches on its disk: 4 d bytes a pair and partition are read, written and read again, beside products of 2 B d
    FLOP, which is more than the products take on a device that does above B/6 FLOP in the time in which the disk moves
    a byte. One copy of the embeddings is there at a time, an eighth of it where the disk has less room; up to 512 MB
    they are read where they are. The partitions are the same either way. `per_reading` draws several partitions inside
    the superblocks of one reading; the noise of ten of them out of one reading is that of three.
    The released code instead permutes each metadata file without a seed and leaves a short last batch, whose pairs score
    higher by about tau ln(B/b); `parity=true` keeps that cut (superblocks of 505,891 pairs, about 15 batches, read once,
    which takes 1.6 GB at 768-d). Its command line also defaults to batches of 1,024; the paper's scripts all say 32,768.

    Reads `(n, d)` float16 embeddings as stored, gives `(n,)` float32; a zero or non-finite embedding gives NaN and
    is nobody's negative. A pool smaller than a batch is one batch. Use tau = 0.07 for a DFN-like model.
    Cost per pair: 2 K B d FLOP and K B exponentials, 503 MFLOP at the defaults; memory under 1 GB.
    """

    id = "cliploss"
    order = 50
    title = "CLIPLoss"
    formula = (
        r"s_{ii} - \frac{\tau}{2K}\sum_{k=1}^{K}\Big[\ln\!\sum_{j\in B_k}\! e^{s_{ij}/\tau}"
        r" + \ln\!\sum_{j\in B_k}\! e^{s_{ji}/\tau}\Big]"
    )
    paper = "Wang et al. 2024 (negCLIPLoss, renamed s-CLIPLoss), arXiv 2405.19547"
    cost = "503 MFLOP per pair at 768 dimensions, batches of 32,768 and 10 partitions"
    published = (
        "DataComp medium, L/14 top 30 % (33M): ImageNet 28.8, average of 38 tasks 34.4 in an independent run; "
        "then NormSim-inf (target24) top 20 %: 32.7 and 35.7 (no filter: 17.6, 25.8)"
    )
    inputs = ("{model}_img", "{model}_txt")

    model: str = param("l14", "model whose image and text embeddings are compared", of="model")
    temperature: float = param(0.01, "tau: 0.01 for OpenAI's models, 0.07 for DFN's", low=1e-4, high=100.0)
    batch_size: int = param(32768, "pairs in a batch; clipped to what the pool has", low=1, high=1_000_000)
    partitions: int = param(10, "random partitions averaged; 5 or more are stable", low=1, high=1000)
    seed: int = param(0, "another seed, other batches", low=0)
    per_reading: int = param(
        1, "partitions drawn from one reading of the pool; 1: all are independent", low=1, high=1000
    )
    parity: bool = param(False, "cut batches as the released code does, with a short last one")
    device: str = param("auto", "where the products run", of="device")

    def temporary(self, pool: Pool) -> int:
        return temporary(pool, self._dealt(len(pool)))

    def check_room(self, pool: Pool) -> None:
        check_disk(pool, self._dealt(len(pool)))

    def _dealt(self, pairs: int) -> tuple[str, ...]:
        """The columns that come with a superblock's rows: uids too, where partitions are drawn inside it."""
        drawn = self.parity or self._readings(pairs) < self.partitions
        return (*self.needs(), *(("uid_hi", "uid_lo") if drawn else ()))

    def units(self, pool: Pool) -> list[Unit]:
        """Superblocks of every reading of the pool; each pair is in one of each reading, and gets the readings' mean."""
        readings, count = self._readings(len(pool)), self._superblocks(len(pool))
        return [
            Superblock(f"superblock-{number}-of-{count}-in-{len(pool)}-{reading}", rows=rows, reading=reading)
            for reading, order in enumerate(deals(pool, self.seed, readings))
            for number, rows in enumerate(np.array_split(order, count))
        ]

    def _superblocks(self, pairs: int) -> int:
        return max(1, round(pairs / (PARITY_ROWS if self.parity else BATCHES_AT_ONCE * self.batch_size)))

    def _batches(self, pairs: int) -> int:
        """The number of batches in a superblock, the same for all, so that all batches have one size (± 1)."""
        return max(1, round(-(-pairs // self._superblocks(pairs)) / self.batch_size))

    def _readings(self, pairs: int) -> int:
        """How often the pool is read: once if it is one superblock, whose partitions are of the whole pool anyway."""
        once = self.parity or self._superblocks(pairs) == 1
        return 1 if once else -(-self.partitions // self.per_reading)

    def work(self, pairs: int) -> float:
        blocks = max(1, round(pairs / self.batch_size))
        return pairs * (pairs / blocks) * (self.partitions if blocks > 1 else 1)

    def flop(self, pairs: int, dim: int, targets: int = 0) -> float:
        return 2 * dim * self.work(pairs)

    def readings(self, pairs: int) -> int:
        """Where there are several superblocks, each reading is read, dealt onto the disk and read again."""
        times = self._readings(pairs)
        return 3 * times if self._superblocks(pairs) > 1 else times

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> tuple[int, int]:
        """The number of batches in a superblock and of readings of the pool."""
        return self._batches(len(pool)), self._readings(len(pool))

    def stages(
        self, pool: Pool, units: Sequence[Unit], state: Any, *, folder: Path, progress: Progress, each: Each
    ) -> Generator[tuple[Sequence[Unit], Any], None, None]:
        for part, deal in passes(pool, self._dealt(len(pool)), units, each=each, progress=progress):
            yield part, (*state, deal)

    def compute(self, pool: Pool, unit: Unit, state: Any, progress: Progress = silent) -> dict[str, np.ndarray]:
        batches, readings, deal = state
        wanted = self.partitions if batches > 1 else 1  # of one batch every partition is the same
        numbers = range(unit.reading if isinstance(unit, Superblock) else 0, wanted, readings)
        images, texts, *uid = deal.read(pool, unit)
        device = devices.choose(self.device)
        blocks_of = partial(self._partitions, len(unit), uid, batches, numbers)
        total = self._sum(
            images, texts, blocks_of, device, lambda n: progress(n * len(unit) // len(numbers), len(unit))
        )
        return {MAIN: (total * (readings / wanted)).astype(np.float32)}

    def _sum(
        self, images: np.ndarray, texts: np.ndarray, partitions: Callable[[], Iterator[Any]], device: str,
        done: Callable[[int], None],
    ) -> np.ndarray:  # fmt: skip
        """The sum of a superblock's scores over partitions, (n,) float64: on a GPU whole, or batch by batch if it has no
        room for all, or on the processor if it has none for a batch."""
        import torch

        if device != "cpu":
            from .kernels.accelerator import partition_sums

            try:
                return partition_sums(
                    images, texts, partitions(), temperature=self.temperature, device=device, done=done
                )
            except torch.OutOfMemoryError:
                devices.note(
                    f"{device} has no room for the {len(images):,} pairs of a superblock; it takes one batch at a time"
                )
        try:
            return self._batch_by_batch(images, texts, partitions(), device, done)
        except torch.OutOfMemoryError:
            if device == "cpu":
                raise
            devices.note(f"{device} has no room for a batch of {self.batch_size:,} pairs; the processor computes it")
            return self._batch_by_batch(images, texts, partitions(), "cpu", done)

    def _batch_by_batch(
        self, images: np.ndarray, texts: np.ndarray, partitions: Iterator[Any], device: str, done: Callable[[int], None]
    ) -> np.ndarray:
        total = np.zeros(len(images), np.float64)
        for number, blocks in enumerate(partitions, 1):
            for block in blocks:
                total[block] += batch_scores(images[block], texts[block], temperature=self.temperature, device=device)
            done(number)
        return total

    def _partitions(
        self, count: int, uid: Sequence[np.ndarray], batches: int, numbers: range
    ) -> Iterator[list[np.ndarray] | list[slice]]:
        """The batches of each partition of a superblock of `count` pairs, as places in it."""
        if len(numbers) == 1 and not self.parity:  # the superblock's rows are in random order already
            edges = np.linspace(0, count, batches + 1).astype(np.int64)
            yield [slice(start, stop) for start, stop in pairwise(edges.tolist())]
            return
        for number in numbers:
            drawn = draw(self.seed, uid[0], uid[1], number + 1)
            yield partition(drawn, batches, rows_per_block=self.batch_size if self.parity else None)

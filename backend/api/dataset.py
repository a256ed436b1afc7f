"""Pairs: the kept pairs as a torch dataset, read from the pool's own files in batches."""

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from ..errors import InputError
from ..pool import Pool
from ..pool.decoding import open_rgb


class Pairs(Dataset[tuple[Any, str]]):
    """A map-style dataset of (image, caption): 8 bytes a pair in memory, everything else is read when asked for.

    A pair that is drawn several times is here as often. In a loader's worker the pool is opened
    again: workers must be spawned, for Lance's threads don't survive a fork.
    """

    def __init__(self, pool: Pool, rows: np.ndarray, transform: Callable[[Any], Any] | None) -> None:
        self._pool: Pool | None = pool
        self._path, self._process = pool.path, os.getpid()
        self._rows = rows
        self._transform = transform

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[Any, str]:
        """One pair. Raises IndexError outside the dataset and InputError for an image that can't be read."""
        return self._read([index], strict=True)[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, str]]:
        """A batch, read at once; pairs without a readable image or without a caption are left out of it, with a warning."""
        return self._read(indices, strict=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pool": None, "_process": None}

    def _read(self, indices: Sequence[int], *, strict: bool) -> list[tuple[Any, str]]:
        rows = self._rows[np.asarray(indices, dtype=np.int64)]
        pool = self._opened()
        captions = pool.take(rows, ["text"])["text"].to_pylist()
        samples = []
        for row, picture, caption in zip(rows.tolist(), pool.images(rows), captions, strict=True):
            image = _decoded(picture)
            if image is not None and caption is not None:
                samples.append((self._transform(image) if self._transform else image, caption))
            elif strict:
                uid = pool.take([row], ["uid"])["uid"][0].as_py()
                if image is not None:
                    raise InputError(f'pair {uid} has no caption; leave it out, as by `where: "text IS NOT NULL"`.')
                raise InputError(f"the image of pair {uid} can't be read; leave it out, or index its shards again.")
        if not samples:
            raise InputError(f"none of the {len(rows)} pairs of a batch can be read; index the shards again.")
        if len(samples) < len(rows):
            warnings.warn(
                f"{len(rows) - len(samples)} of {len(rows)} pairs have no readable image or no caption", stacklevel=3
            )
        return samples

    def _opened(self) -> Pool:
        if self._process not in (None, os.getpid()):
            raise InputError(
                "this process was forked from one that had the pool open; give the DataLoader multiprocessing_context='spawn'."
            )
        if self._pool is None:
            self._pool, self._process = Pool.open(self._path), os.getpid()
        return self._pool


def _decoded(picture: bytes | None) -> Any:
    """The image in RGB; None if there is none or it can't be decoded."""
    if picture is None:
        return None
    try:
        return open_rgb(picture)
    except ValueError:
        return None

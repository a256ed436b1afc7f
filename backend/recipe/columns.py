"""What a recipe reads of a pool: whole columns, the uid rank, and masks of conditions, each read once."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import hashing
from ..pool import Pool
from . import tags
from .subset_files import subset_uids

MOST_NAMED = 10_000  # values of a column that are kept as text


class PoolColumns:
    """The columns of a pool that rules read, on first use, and kept; all arrays are `(n,)` in row order and read-only."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._kept: dict[tuple[str, str], Any] = {}
        self._states: tuple[int, np.ndarray] | None = None

    @property
    def n(self) -> int:
        return len(self.pool)

    @property
    def rank(self) -> np.ndarray:
        """The uid rank of each pair, uint32."""
        return self._once("rank", "", lambda _: self.pool.uid_rank())

    @property
    def rows_by_uid(self) -> np.ndarray:
        """The rows in ascending uid order: the reverse of `rank`."""
        return self._once("order", "", lambda _: self.pool.uid_order())

    def array(self, name: str) -> np.ndarray:
        """A score as float32 (NaN = not scored) or a flag as bool."""
        return self._once("column", name, self.pool.array)

    def subset(self, file: str) -> np.ndarray:
        """`(n,)` bool: the pairs in the subset file."""
        return self._once("subset", file, self._subset)[0]

    def where(self, sql: str) -> np.ndarray:
        """`(n,)` bool: the pairs for which the condition holds."""
        return self._once("where", sql, self.pool.where)

    def tag(self, name: str) -> np.ndarray:
        """`(n,)` bool: the pairs that carry the tag."""
        return self._mask(self.pool.rows_of(tags.uids(self.pool, name)))  # not kept: a tag changes by a click

    def repeats(self, file: str) -> np.ndarray | None:
        """`(n,)` uint32: how often the subset file names each pair; None if it names none twice."""
        return self._once("subset", file, self._subset)[1]

    def codes(self, name: str) -> tuple[np.ndarray, list[str]]:
        """A metadata column as `(n,)` int32, equal where its values are, -1 where there is none, and the value of each
        code as text; no values if they are more than `MOST_NAMED`."""
        return self._once("codes", name, self._coded)

    def _coded(self, name: str) -> tuple[np.ndarray, list[str]]:
        values = self.pool.strings(name).combine_chunks().dictionary_encode()
        few = len(values.dictionary) <= MOST_NAMED
        named = [str(value) for value in values.dictionary.to_pylist()] if few else []
        return values.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32), named

    def states(self, seed: int) -> np.ndarray:
        """`(n,)` uint64: the hash of seed and uid, see `hashing.draw`."""
        kept = self._states
        if kept is None or kept[0] != seed:
            uids = self.pool.uids()
            self._states = kept = (seed, hashing.draw(seed, uids["f0"], uids["f1"]))
        return kept[1]

    def _subset(self, file: str) -> tuple[np.ndarray, np.ndarray | None]:
        rows = self.pool.rows_of(subset_uids(file, self.pool))
        mask = self._mask(rows)
        once = np.count_nonzero(mask) == np.count_nonzero(rows >= 0)
        return mask, None if once else np.bincount(rows[rows >= 0], minlength=self.n).astype(np.uint32)

    def _mask(self, rows: np.ndarray) -> np.ndarray:
        mask = np.zeros(len(self.pool), dtype=bool)
        mask[rows[rows >= 0]] = True
        return mask

    def _once(self, kind: str, name: str, read: Callable[[str], Any]) -> Any:
        if (kind, name) not in self._kept:
            values = read(name)
            (values[0] if isinstance(values, tuple) else values).flags.writeable = False
            self._kept[kind, name] = values
        return self._kept[kind, name]

"""Keys of a pool's pairs, sorted, so that values computed elsewhere find their pairs: 60 bytes a pair."""

import hashlib

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..pool import UID_DTYPE, Pool
from ..pool.order import places_in, sorted_rows
from ..pool.uids import parse, spelled
from .cells import as_key


class PoolKeys:
    """Where each pair's value comes from: `take` assigns the rows of a file, the first of equal keys; `origins` tells.

    `on`: "uid", or "row" (the place in the pool), or a text column such as `id` and `url`, whose values need not be
    unique in the pool: all pairs of a key get its value. Raises InputError if the pool has no such column.
    """

    def __init__(self, pool: Pool, on: str) -> None:
        self._on, self._count = on, len(pool)
        self.taken = self.unknown = self.repeated = 0
        self.by_place = False
        if on == "row":
            self._rows = np.arange(self._count)
        elif on == "uid":
            self._sort(pool.uids(), np.arange(self._count))
        else:
            self._sort(*_digests(pool, on))
        self._origin = np.full(len(self._rows), -1, dtype=np.int64)

    def _sort(self, keys: np.ndarray, rows: np.ndarray) -> None:
        order = sorted_rows(keys)
        self._keys, self._rows = keys[order], rows[order]
        self._high = np.ascontiguousarray(self._keys["f0"])

    def take(self, keys: pa.Array | None, start: int, count: int) -> np.ndarray:
        """Rows `start` to `start + count` of the file: `(k,)` the places in the batch whose values are wanted."""
        places = self._places(keys, start, count)
        known = np.flatnonzero(places >= 0)
        self.unknown += count - len(known)
        _, first = np.unique(places[known], return_index=True)
        fresh = known[np.sort(first)]
        fresh = fresh[self._origin[places[fresh]] < 0]
        self.repeated += len(known) - len(fresh)
        self._origin[places[fresh]] = np.arange(self.taken, self.taken + len(fresh))
        self.taken += len(fresh)
        return fresh

    def origins(self) -> np.ndarray:
        """`(n,)` int64 in row order: which of the wanted values a pair gets, counted from 0; -1 for none."""
        origin = self._origin
        if self._on != "row" and len(origin):
            same = self._keys[1:] == self._keys[:-1]
            lead = np.arange(len(origin))
            lead[1:][same] = 0
            origin = origin[np.maximum.accumulate(lead)]
        rows = np.full(self._count, -1, dtype=np.int64)
        rows[self._rows] = origin
        return rows

    def _places(self, keys: pa.Array | None, start: int, count: int) -> np.ndarray:
        """`(count,)` int64: the first place of each key among the sorted ones; -1 where the pool lacks it."""
        if self._on == "row":
            self.by_place = keys is None
            rows = np.arange(start, start + count) if keys is None else _numbers(keys)
            return np.where((rows >= 0) & (rows < self._count), rows, -1)
        assert keys is not None
        if self._on == "uid":
            wanted, valid = parse(spelled(_text(keys)))
        else:
            wanted, valid = _hashed(_text(keys))
        places = places_in(self._keys, self._high, wanted)
        places[~valid] = -1
        return places


def _digests(pool: Pool, on: str) -> tuple[np.ndarray, np.ndarray]:
    if on not in pool.columns:
        raise InputError(
            f"pool {pool.name!r} has no column {on!r} to join on; choose --on uid, url or row, or another text column."
        )
    keys, rows, seen = [], [], 0
    for batch in pool.scan([on], batch_size=65_536):
        digest, valid = _hashed(_text(batch.column(0)))
        keys.append(digest[valid])
        rows.append(np.flatnonzero(valid) + seen)
        seen += batch.num_rows
    return np.concatenate([np.empty(0, UID_DTYPE), *keys]), np.concatenate([np.empty(0, np.int64), *rows])


def _hashed(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """128 bits of BLAKE2b of each text as records `u8,u8`, and where there is a text."""
    blank = bytes(16)
    digests = b"".join(
        hashlib.blake2b(text.encode(), digest_size=16).digest() if text else blank for text in texts.to_pylist()
    )
    return np.frombuffer(digests, dtype=UID_DTYPE), np.array([bool(text) for text in texts.to_pylist()], dtype=bool)


def _text(keys: pa.Array) -> pa.Array:
    """Keys as text; whole numbers that were read as floating ones are written without a point."""
    if pa.types.is_dictionary(keys.type):
        keys = keys.dictionary_decode()
    try:
        return as_key(keys)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(
            f"keys of type {keys.type} can't be compared with text; write them as text or numbers."
        ) from None


def _numbers(keys: pa.Array) -> np.ndarray:
    try:
        return keys.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(f"rows of type {keys.type} are no whole numbers; a row is 0 for the first pair.") from None

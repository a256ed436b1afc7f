"""Byte strings for compiled code: captions as one buffer, and a hash table from byte string to number.

Only imported by methods when they run, for numba takes a second to load.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numba import njit

SEED, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


def utf8(captions: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """A string column as `(bytes (b,) uint8, offsets (n+1,) int64)`; a null is empty. The bytes are not copied."""
    array = captions.combine_chunks() if isinstance(captions, pa.ChunkedArray) else captions
    if array.null_count:
        array = array.fill_null("")
    if not pa.types.is_large_string(array.type):
        array = array.cast(pa.large_utf8())
    _, offsets, content = array.buffers()
    if content is None or not len(array):
        return np.zeros(0, np.uint8), np.zeros(len(array) + 1, np.int64)
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(content, np.uint8), ends


def pack(strings: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Byte strings as `(bytes, offsets)` in the layout of `utf8`."""
    ends = np.zeros(len(strings) + 1, np.int64)
    np.cumsum([len(string) for string in strings], out=ends[1:])
    return np.frombuffer(b"".join(strings) or b"\0", np.uint8), ends


@njit(cache=True, nogil=True, inline="always")
def hash_bytes(content: np.ndarray, start: int, stop: int) -> np.uint64:  # pragma: no cover
    """FNV-1a of `content[start:stop]`, then mixed so that the low bits are good."""
    h = SEED
    for i in range(start, stop):
        h = (h ^ np.uint64(content[i])) * PRIME
    return finish(h)


@njit(cache=True, nogil=True, inline="always")
def finish(h: np.uint64) -> np.uint64:  # pragma: no cover
    h ^= h >> np.uint64(32)
    h *= np.uint64(0x9E3779B97F4A7C15)
    return h ^ (h >> np.uint64(29))


@njit(cache=True, nogil=True)
def build_table(content: np.ndarray, ends: np.ndarray) -> np.ndarray:  # pragma: no cover
    """Open addressing at a load of at most a third: slots of `tag << 32 | index + 1`, 0 where empty.

    The strings must be distinct.
    """
    size = 8
    while size < 3 * (len(ends) - 1):
        size *= 2
    slots = np.zeros(size, np.uint64)
    mask = np.uint64(size - 1)
    for index in range(len(ends) - 1):
        h = hash_bytes(content, ends[index], ends[index + 1])
        place = h & mask
        while slots[place] != 0:
            place = (place + np.uint64(1)) & mask
        slots[place] = (h >> np.uint64(32) << np.uint64(32)) | np.uint64(index + 1)
    return slots


@njit(cache=True, nogil=True)
def find(
    text: np.ndarray, start: int, stop: int, h: np.uint64, slots: np.ndarray, content: np.ndarray, ends: np.ndarray
) -> np.int64:  # pragma: no cover
    """The index of the string `text[start:stop]`, whose hash is `h`, in the table; -1 if it is not there."""
    mask = np.uint64(len(slots) - 1)
    tag = h >> np.uint64(32)
    place = h & mask
    while True:
        slot = slots[place]
        if slot == 0:
            return np.int64(-1)
        if slot >> np.uint64(32) == tag:
            index = np.int64(slot & np.uint64(0xFFFFFFFF)) - 1
            first = ends[index]
            if ends[index + 1] - first == stop - start:
                same = True
                for i in range(stop - start):
                    same &= content[first + i] == text[start + i]
                if same:
                    return index
        place = (place + np.uint64(1)) & mask

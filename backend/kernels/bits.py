"""Kernels on packed masks: bit r of a mask is row r, little-endian, 64 rows to a word; as bytes, `np.packbits` order.

Each kernel works on the words `first` to `last`, without the interpreter's lock, so that threads share a mask.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

WORD = 64
SPANS = 3  # for each thread
BLOCK = 64  # words at whose multiples a mask is cut


def _count_ones(context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


def _trailing_zeros(context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


def _compare(context: Any, codes: Any, row: Any, least: Any, width: Any) -> Any:
    """Bit i is whether `codes[row + i] - least` is below `width`, modulo 256, for 64 codes at once."""
    vector = ir.VectorType(ir.IntType(8), WORD)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def everywhere(value: Any) -> Any:
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
            same = ir.Constant(ir.VectorType(ir.IntType(32), WORD), [0] * WORD)
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), same)

        content = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(content, [arguments[1]]), vector.as_pointer())
        shifted = builder.sub(builder.load(place, align=1), everywhere(arguments[2]))
        return builder.bitcast(builder.icmp_unsigned("<", shifted, everywhere(arguments[3])), ir.IntType(WORD))

    return types.uint64(codes, types.int64, types.uint8, types.uint8), generate


popcount: Any = intrinsic(_count_ones)
_below: Any = intrinsic(_compare)
lowest: Any = intrinsic(_trailing_zeros)


@njit(nogil=True, cache=True)
def within(codes, low, high, among, out, first, last):
    """`out` = which rows of the mask `among` have `low <= code < high`, codes uint8; how many they are."""
    rows = len(codes)
    least, width = np.uint8(low), np.uint8(high - low)
    total: Any = 0
    for w in range(first, last):
        word = np.uint64(0)
        if (w + 1) * WORD <= rows:
            word = _below(codes, w * WORD, least, width)
        else:
            for row in range(w * WORD, rows):
                inside = np.uint8(codes[row] - least) < width
                word |= np.uint64(inside) << np.uint64(row - w * WORD)
        out[w] = word & among[w]
        total += np.int64(popcount(out[w]))
    return total


@njit(nogil=True, cache=True)
def common(mask, other, first, last):
    """How many rows are in both."""
    total: Any = 0
    for w in range(first, last):
        total += np.int64(popcount(mask[w] & other[w]))
    return total


@njit(nogil=True, cache=True)
def meet(mask, other, out, first, last):
    """`out` = the rows in both; how many they are."""
    total: Any = 0
    for w in range(first, last):
        out[w] = mask[w] & other[w]
        total += np.int64(popcount(out[w]))
    return total


@njit(nogil=True, cache=True)
def different(mask, other, first, last):
    """How many rows are in one of the two and not in both."""
    total: Any = 0
    for w in range(first, last):
        total += np.int64(popcount(mask[w] ^ other[w]))
    return total


@njit(nogil=True, cache=True)
def mark(mask, rows):
    """Sets the bits of `rows`."""
    for row in rows:
        mask[row >> 6] |= np.uint64(1) << np.uint64(row & 63)


@njit(nogil=True, cache=True)
def clear(mask, rows):
    """Takes away the bits of `rows`."""
    for row in rows:
        mask[row >> 6] &= ~(np.uint64(1) << np.uint64(row & 63))


@njit(nogil=True, cache=True)
def inside(mask, rows):
    """`(k,)` bool: whether each of `rows` is in the mask."""
    there = np.empty(len(rows), np.bool_)
    for i in range(len(rows)):
        row = rows[i]
        there[i] = (mask[row >> 6] >> np.uint64(row & 63)) & np.uint64(1)
    return there


@njit(nogil=True, cache=True)
def label(mask, before, number, out, first, last):
    """`out[row]` = number for the rows that are in `before` and not in `mask`."""
    for w in range(first, last):
        word = before[w] & ~mask[w]
        base = w * WORD
        while word:
            out[base + np.int64(lowest(word))] = number
            word &= word - np.uint64(1)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(parts(), thread_name_prefix="bits")


@cache
def parts() -> int:
    """Into how many parts a mask is cut: one for each core, four at most."""
    return max(1, min(4, len(os.sched_getaffinity(0))))


def everywhere(kernel: Callable[..., Any], length: int, *arguments: Any) -> list[Any]:
    """`kernel(*arguments, first, last)` on all words by all threads, which take one span after another; the results."""
    if length < 4096 or parts() == 1:
        return [kernel(*arguments, 0, length)]
    edges = np.linspace(0, length, SPANS * parts() + 1).astype(np.int64) // BLOCK * BLOCK
    edges[-1] = length
    spans = iter([(int(a), int(b)) for a, b in pairwise(edges)])

    def work() -> list[Any]:
        return [kernel(*arguments, *span) for span in spans]

    others = [_threads().submit(work) for _ in range(parts() - 1)]
    own = work()
    return sum([future.result() for future in others], own)


def words(rows: int) -> int:
    """Words of 64 bits that a mask of so many rows takes."""
    return -(-rows // WORD)


def pack(mask: np.ndarray) -> np.ndarray:
    """`(n,)` bool as `(words(n),)` uint64; the bits past the end are 0.

    >>> pack(np.array([True, False, True])).tolist()
    [5]
    """
    packed = np.zeros(words(len(mask)) * 8, dtype=np.uint8)
    octets = np.packbits(np.ascontiguousarray(mask, dtype=bool), bitorder="little")
    packed[: len(octets)] = octets
    return packed.view("<u8")


def unpack(mask: np.ndarray, rows: int) -> np.ndarray:
    """The reverse of `pack`: `(rows,)` bool."""
    return np.unpackbits(np.ascontiguousarray(mask).view(np.uint8), count=rows, bitorder="little").view(bool)


def every(rows: int) -> np.ndarray:
    """The mask of all rows."""
    mask = np.full(words(rows), 2**64 - 1, dtype=np.uint64)
    if rows % WORD:
        mask[-1] = (1 << rows % WORD) - 1
    return mask

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
BATCH = 255
PIECES = 3  # for each thread
BLOCK = 64  # words at whose multiples a mask is cut


def _popcount(context: Any, word: Any) -> Any:
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


_ones: Any = intrinsic(_popcount)
_below: Any = intrinsic(_compare)
_lowest: Any = intrinsic(_trailing_zeros)


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
        total += np.int64(_ones(out[w]))
    return total


@njit(nogil=True, cache=True)
def tally(codes, before, after, counts, first, last):
    """Adds to `counts` `(k, size)`, for each column of codes `(n, k)` and each code, how many more rows of `after` than
    of `before` have it."""
    for w in range(first, last):
        moved = before[w] ^ after[w]
        gone = before[w]
        base = w * WORD
        while moved:
            bit = _lowest(moved)
            row = base + np.int64(bit)
            sign = 1 - 2 * np.int64((gone >> bit) & np.uint64(1))
            for k in range(codes.shape[1]):
                counts[k, codes[row, k]] += sign
            moved &= moved - np.uint64(1)


@njit(nogil=True, cache=True)
def ones(mask, first, last):
    """How many rows are in the mask."""
    total: Any = 0
    for w in range(first, last):
        total += np.int64(_ones(mask[w]))
    return total


@njit(nogil=True, cache=True)
def common(mask, other, first, last):
    """How many rows are in both."""
    total: Any = 0
    for w in range(first, last):
        total += np.int64(_ones(mask[w] & other[w]))
    return total


@njit(nogil=True, cache=True)
def meet(mask, other, out, first, last):
    """`out` = the rows in both; how many they are."""
    total: Any = 0
    for w in range(first, last):
        out[w] = mask[w] & other[w]
        total += np.int64(_ones(out[w]))
    return total


@njit(nogil=True, cache=True)
def different(mask, other, first, last):
    """How many rows are in one of the two and not in both."""
    total: Any = 0
    for w in range(first, last):
        total += np.int64(_ones(mask[w] ^ other[w]))
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
def positions(members, before, after, counts, first, last):
    """Adds, for each bit of a row of `members` `(n, width)` uint64, how many more rows of `after` have it than of
    `before`: `counts` `(64 * width,)` int64.

    Rows are fetched in batches, so that the memory's delays overlap; within a batch the eight bytes of a counter word
    count eight bits at once.
    """
    width = members.shape[1]
    rows = np.empty((2, BATCH), dtype=np.int64)
    found = np.zeros(2, dtype=np.int64)
    fetched = np.empty((width, BATCH), dtype=np.uint64)
    for w in range(first, last):
        moved = before[w] ^ after[w]
        gone = before[w]
        base = w * WORD
        while moved:
            bit = _lowest(moved)
            side: Any = np.int64((gone >> bit) & np.uint64(1))
            rows[side, found[side]] = base + np.int64(bit)
            found[side] += 1
            if found[side] == BATCH:
                _count_batch(members, rows[side], BATCH, fetched, counts, 1 - 2 * side)
                found[side] = 0
            moved &= moved - np.uint64(1)
    for side in (0, 1):
        _count_batch(members, rows[side], found[side], fetched, counts, 1 - 2 * side)


@njit(nogil=True, cache=True)
def _count_batch(members, rows, found, fetched, counts, sign):
    """`found` rows, at most 255, for that is what a byte counts to."""
    every_eighth = np.uint64(0x0101010101010101)
    for r in range(found):
        row = rows[r]
        for k in range(members.shape[1]):
            fetched[k, r] = members[row, k]
    for k in range(members.shape[1]):
        words = fetched[k, :found]
        for j in range(8):
            held = np.uint64(0)
            for r in range(found):
                held += (words[r] >> np.uint64(j)) & every_eighth
            for octet in range(8):
                counts[k * 64 + octet * 8 + j] += sign * np.int64((held >> np.uint64(8 * octet)) & np.uint64(255))


@njit(nogil=True, cache=True)
def by_row(bitmaps, members, first, last):
    """Turns `(groups, words)` bitmaps into `(rows, width)` uint64: bit g of a row is whether it is in group g."""
    rows = len(members)
    block = np.empty(64, dtype=np.uint64)
    for w in range(first, last):
        for k in range(members.shape[1]):
            groups = min(64, len(bitmaps) - 64 * k)
            for g in range(64):
                block[g] = bitmaps[64 * k + g, w] if g < groups else np.uint64(0)
            _transpose(block)
            for bit in range(min(64, rows - w * 64)):
                members[w * 64 + bit, k] = block[bit]


@njit(nogil=True, cache=True)
def _transpose(block):
    """A 64 x 64 matrix of bits in place, by halves (Warren, Hacker's Delight, 7-3)."""
    size = 32
    mask = np.uint64(0x00000000FFFFFFFF)
    while size:
        k = 0
        while k < 64:
            swap = ((block[k] >> np.uint64(size)) ^ block[k + size]) & mask
            block[k + size] ^= swap
            block[k] ^= swap << np.uint64(size)
            k = (k + size + 1) & ~size
        size >>= 1
        mask ^= mask << np.uint64(size)


@njit(nogil=True, cache=True)
def has(mask, rows, out):
    """`out[i]` = whether `rows[i]` is in the mask."""
    for i in range(len(rows)):
        row = rows[i]
        out[i] = (mask[row >> 6] >> np.uint64(row & 63)) & np.uint64(1)


@njit(nogil=True, cache=True)
def label(mask, before, number, out, first, last):
    """`out[row]` = number for the rows that are in `before` and not in `mask`."""
    for w in range(first, last):
        word = before[w] & ~mask[w]
        base = w * WORD
        while word:
            out[base + np.int64(_lowest(word))] = number
            word &= word - np.uint64(1)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(parts(), thread_name_prefix="bits")


@cache
def parts() -> int:
    """Into how many parts a mask is cut: one for each core, four at most."""
    return max(1, min(4, len(os.sched_getaffinity(0))))


def everywhere(kernel: Callable[..., Any], words: int, *arguments: Any) -> list[Any]:
    """`kernel(*arguments, first, last)` on all words by all threads, which take piece after piece; the results."""
    if words < 4096 or parts() == 1:
        return [kernel(*arguments, 0, words)]
    edges = np.linspace(0, words, PIECES * parts() + 1).astype(np.int64) // BLOCK * BLOCK
    edges[-1] = words
    pieces = iter([(int(a), int(b)) for a, b in pairwise(edges)])

    def work() -> list[Any]:
        return [kernel(*arguments, *piece) for piece in pieces]

    others = [_threads().submit(work) for _ in range(parts() - 1)]
    own = work()
    return sum([future.result() for future in others], own)


def words_for(rows: int) -> int:
    return -(-rows // WORD)


def pack(mask: np.ndarray) -> np.ndarray:
    """`(n,)` bool as `(ceil(n / 64),)` uint64."""
    packed = np.zeros(words_for(len(mask)) * 8, dtype=np.uint8)
    octets = np.packbits(mask, bitorder="little")
    packed[: len(octets)] = octets
    return packed.view("<u8")


def unpack(words: np.ndarray, rows: int) -> np.ndarray:
    """The reverse of `pack`: `(rows,)` bool."""
    return np.unpackbits(words.view(np.uint8), count=rows, bitorder="little").view(bool)

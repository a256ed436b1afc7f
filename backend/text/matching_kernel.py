"""MetaCLIP's matching in compiled code: captions as one byte buffer walk a trie of words."""

import numpy as np
from numba import njit

from ..kernels.strings import PRIME, SEED, find, finish

GAP, MARK = 1, 2
CLASS = np.zeros(256, np.uint8)
CLASS[[32, 9, 10, 13]] = GAP
CLASS[[ord(mark) for mark in ",.;:?!`"]] = MARK


@njit(cache=True, nogil=True)
def build_children(
    keys: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # pragma: no cover
    """An open-addressing table from `node << 32 | symbol` to child node; keys are stored plus one, 0 is empty.

    The third array has a bit set for each key, by its hash, 16 bits a key: small enough for a near cache, it answers most
    questions after a child that is not there.
    """
    size = 8
    while size < 2 * len(keys):
        size *= 2
    table, children, present = np.zeros(size, np.uint64), np.zeros(size, np.int32), np.zeros(size // 8, np.uint64)
    mask = np.uint64(size - 1)
    for i in range(len(keys)):
        h = spread(keys[i])
        present[(h >> np.uint64(6)) & np.uint64(len(present) - 1)] |= np.uint64(1) << (h & np.uint64(63))
        place = h & mask
        while table[place] != 0:
            place = (place + np.uint64(1)) & mask
        table[place] = keys[i] + np.uint64(1)
        children[place] = values[i]
    return table, children, present


@njit(cache=True, nogil=True, inline="always")
def spread(key: np.uint64) -> np.uint64:  # pragma: no cover
    key *= np.uint64(0x9E3779B97F4A7C15)
    return key ^ (key >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def child(node, symbol, table, children, present):  # pragma: no cover
    key = np.uint64(node) << np.uint64(32) | np.uint64(symbol)
    h = spread(key)
    if not (present[(h >> np.uint64(6)) & np.uint64(len(present) - 1)] >> (h & np.uint64(63))) & np.uint64(1):
        return np.int32(-1)
    mask = np.uint64(len(table) - 1)
    place = h & mask
    while table[place] != 0:
        if table[place] == key + np.uint64(1):
            return children[place]
        place = (place + np.uint64(1)) & mask
    return np.int32(-1)


@njit(cache=True, nogil=True)
def cut(text, start, stop, slots, content, word_ends, relaxed, spans, hashes, words):  # pragma: no cover
    """Writes the vocabulary ids of the normalised caption's words into `words`, -1 for a word of no entry.

    All words' slots are loaded before any is looked at, so that the memory's delays overlap.
    """
    n, first, h = 0, start, SEED
    for i in range(start, stop + 1):
        kind = CLASS[text[i]] if i < stop else GAP
        if kind == 0:
            h = (h ^ np.uint64(text[i])) * PRIME
            continue
        if i > first or not relaxed:
            spans[n, 0], spans[n, 1], hashes[n, 0] = first, i, finish(h)
            n += 1
        if kind == MARK:
            spans[n, 0], spans[n, 1], hashes[n, 0] = i, i + 1, finish((SEED ^ np.uint64(text[i])) * PRIME)
            n += 1
        first, h = i + 1, SEED
    mask = np.uint64(len(slots) - 1)
    for k in range(n):
        hashes[k, 1] = slots[hashes[k, 0] & mask]
    for k in range(n):
        words[k] = -1
        if hashes[k, 1] != 0:
            words[k] = find(text, spans[k, 0], spans[k, 1], hashes[k, 0], slots, content, word_ends)
    return n


@njit(cache=True, nogil=True)
def spaced(text, start, stop, out):  # pragma: no cover
    """Writes the normalised caption into `out`; returns its length."""
    out[0] = 32
    n = 1
    for i in range(start, stop):
        kind = CLASS[text[i]]
        if kind == MARK:
            out[n], out[n + 1], out[n + 2] = 32, text[i], 32
            n += 3
        else:
            out[n] = 32 if kind == GAP else text[i]
            n += 1
    out[n] = 32
    return n + 1


@njit(cache=True, nogil=True)
def emit(entry, row, entries, n, stamps, same):  # pragma: no cover
    """Appends an entry and those of the same form, unless this row has it."""
    while entry >= 0 and stamps[entry] != row + 1:
        stamps[entry] = row + 1
        entries[n] = entry
        n += 1
        entry = same[entry]
    return n


@njit(cache=True, nogil=True)
def match_row(text, start, stop, row, arrays, spans, hashes, words, letters, entries, stamps):  # pragma: no cover
    """Writes the entries of one caption into `entries`, each once; returns their number."""
    (slots, content, word_ends, nodes, table, children, present,
     letter_nodes, letter_table, letter_children, letter_present, edges, relaxed, same, codes) = arrays  # fmt: skip
    n, count = 0, cut(text, start, stop, slots, content, word_ends, relaxed, spans, hashes, words)
    for i in range(count):
        node = words[i]
        j = i + 1
        while node >= 0:
            if nodes[node, 0] >= 0:
                n = emit(nodes[node, 0], row, entries, n, stamps, same)
            if nodes[node, 1] == 0 or j == count or words[j] < 0:
                break
            node = child(node, words[j], table, children, present)
            j += 1
    if edges:
        size = spaced(text, start, stop, letters)
        for i in range(size):
            node = np.int32(letters[i])
            j = i + 1
            while node >= 0:
                if letter_nodes[node, 0] >= 0:
                    n = emit(letter_nodes[node, 0], row, entries, n, stamps, same)
                if letter_nodes[node, 1] == 0 or j == size:
                    break
                node = child(node, letters[j], letter_table, letter_children, letter_present)
                j += 1
    return n


@njit(cache=True, nogil=True)
def scratch(ends, arrays):  # pragma: no cover
    """Buffers for the longest caption: where its words are, their hashes, words, letters, entries found, and the row that last held each entry."""
    longest = 0
    for row in range(len(ends) - 1):
        longest = max(longest, ends[row + 1] - ends[row])
    entries = len(arrays[13])
    most = 2 * longest + 4  # words
    return (
        np.zeros((most, 2), np.int64), np.zeros((most, 2), np.uint64), np.zeros(most, np.int32),
        np.zeros(3 * longest + 4, np.uint8), np.zeros(entries, np.int32), np.zeros(entries, np.int64),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def collect(text, ends, arrays):  # pragma: no cover
    """`(offsets, ids)` of all captions, ids ascending within one."""
    spans, hashes, words, letters, entries, stamps = scratch(ends, arrays)
    offsets = np.zeros(len(ends), np.int64)
    ids = np.zeros(4 * len(ends) + 16, np.int32)
    total = 0
    for row in range(len(ends) - 1):
        n = match_row(text, ends[row], ends[row + 1], row, arrays, spans, hashes, words, letters, entries, stamps)
        if total + n > len(ids):
            larger = np.zeros(2 * (total + n), np.int32)
            larger[:total] = ids[:total]
            ids = larger
        ids[total : total + n] = np.sort(entries[:n])
        total += n
        offsets[row + 1] = total
    return offsets, ids[:total].copy()


@njit(cache=True, nogil=True)
def add_counts(text, ends, arrays, counts):  # pragma: no cover
    spans, hashes, words, letters, entries, stamps = scratch(ends, arrays)
    matched = 0
    for row in range(len(ends) - 1):
        n = match_row(text, ends[row], ends[row + 1], row, arrays, spans, hashes, words, letters, entries, stamps)
        matched += n > 0
        for k in range(n):
            counts[entries[k]] += 1
    return matched


@njit(cache=True, nogil=True)
def least_keys(text, ends, arrays, counts, draws):  # pragma: no cover
    codes = arrays[14]
    spans, hashes, words, letters, entries, stamps = scratch(ends, arrays)
    keys = np.full(len(ends) - 1, np.nan)
    for row in range(len(ends) - 1):
        n = match_row(text, ends[row], ends[row + 1], row, arrays, spans, hashes, words, letters, entries, stamps)
        for k in range(n):
            key = uniform(draws[row], codes[entries[k]]) * counts[entries[k]]
            if not key >= keys[row]:
                keys[row] = key
    return keys


@njit(cache=True, nogil=True, inline="always")
def uniform(state: np.uint64, value: np.uint64) -> float:  # pragma: no cover
    """`hashing.uniform` once more: one step of splitmix64 from `state`, then 53 bits."""
    z = (state ^ value) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * 2.0**-53

"""fastText's classification in compiled code: the label of each caption of a whole batch, as its own library gives it.

Joulin et al. 2016, arXiv 1607.01759. A caption's words and their character n-grams are looked up and averaged; the most
probable label is found in the tree of the hierarchical softmax. Sums are float32 in the library's order.
"""

import numpy as np
from numba import njit

from ..kernels.strings import PRIME, SEED, find, finish
from .fasttext_file import Classifier

SPACE = np.zeros(256, np.bool_)
SPACE[[32, 10, 13, 9, 11, 12, 0]] = True
PREFIX = np.frombuffer(b"__label__", np.uint8)
FLOOR = np.log(1e-5)


def classify(model: Classifier, content: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) int32 (-1 where the model has no answer) and probabilities (n,) float32 of n captions.

    `content`, `ends`: as `strings.utf8` gives them. About 4 us a caption of 80 characters with `lid.176.ftz`.
    """
    labels, chances = np.empty(len(ends) - 1, np.int32), np.empty(len(ends) - 1, np.float32)
    _classify(
        content, ends, model.slots, model.content, model.ends, model.is_label, model.words, model.end, model.shortest,
        model.longest, model.buckets, model.kept, model.vectors, model.left, model.right, model.inner, labels, chances,
    )  # fmt: skip
    return labels, chances


@njit(cache=True, nogil=True)
def _classify(
    text, ends, slots, known, known_ends, is_label, words, end, shortest, longest, buckets, kept, vectors, left, right,
    inner, labels, chances,
):  # fmt: skip  # pragma: no cover
    longest_text = 0
    for i in range(len(ends) - 1):
        longest_text = max(longest_text, ends[i + 1] - ends[i])
    token = np.zeros(longest_text + 2, np.uint8)
    token[0] = 60
    hidden = np.zeros(vectors.shape[1], np.float32)
    stack, scores = np.zeros(len(left), np.int32), np.zeros(len(left), np.float32)
    for i in range(len(ends) - 1):
        hidden[:] = 0
        count, first, stopped, h = 0, ends[i], False, SEED
        for at in range(ends[i], ends[i + 1] + 1):
            if at < ends[i + 1] and not SPACE[text[at]]:
                h = (h ^ np.uint64(text[at])) * PRIME
                continue
            if at > first:
                word = find(text, first, at, finish(h), slots, known, known_ends)
                if word >= 0 and word == end:
                    count += _add(hidden, vectors, word)
                    stopped = True
                    break
                if not (is_label[word] if word >= 0 else _has_prefix(text, first, at)):
                    if word >= 0:
                        count += _add(hidden, vectors, word)
                    size = at - first
                    for k in range(size):
                        token[k + 1] = text[first + k]
                    token[size + 1] = 62
                    count += _ngrams(token, size + 2, shortest, longest, buckets, kept, words, vectors, hidden)
            first, h = at + 1, SEED
        if not stopped and end >= 0:
            count += _add(hidden, vectors, end)
        labels[i], chances[i] = -1, 0
        if count:
            hidden *= np.float32(1.0 / count)
            labels[i], chances[i] = _best(hidden, left, right, inner, stack, scores)


@njit(cache=True, nogil=True, inline="always")
def _add(hidden, vectors, row):  # pragma: no cover
    for k in range(len(hidden)):
        hidden[k] += vectors[row, k]
    return 1


@njit(cache=True, nogil=True, inline="always")
def _has_prefix(text, first, stop):  # pragma: no cover
    same = stop - first >= len(PREFIX)
    for k in range(len(PREFIX) if same else 0):
        same &= text[first + k] == PREFIX[k]
    return same


@njit(cache=True, nogil=True)
def _ngrams(token, size, shortest, longest, buckets, kept, words, vectors, hidden):  # pragma: no cover
    """Adds the vectors of the n-grams of characters of `<word>`; returns how many there are."""
    count = 0
    for i in range(size):
        if token[i] & 0xC0 == 0x80:
            continue
        j, n, h = i, 1, np.uint32(2166136261)
        while j < size and n <= longest:
            while True:  # one character: its first byte and those that continue it
                byte = np.uint32(token[j])
                if byte > 127:  # the library hashes signed bytes
                    byte |= np.uint32(0xFFFFFF00)
                h = np.uint32(np.uint32(h ^ byte) * np.uint32(16777619))
                j += 1
                if j >= size or token[j] & 0xC0 != 0x80:
                    break
            if n >= shortest and not (n == 1 and (i == 0 or j == size)):
                row = np.int64(h % np.uint32(buckets))
                if len(kept):
                    row = np.int64(kept[row])
                if row >= 0:
                    count += _add(hidden, vectors, words + row)
            n += 1
    return count


@njit(cache=True, nogil=True)
def _best(hidden, left, right, inner, stack, scores):  # pragma: no cover
    """The leaf with the largest product of probabilities on its path, and that product."""
    leaves = len(inner)
    best, top = np.int32(-1), np.float32(-np.inf)
    depth, stack[0], scores[0] = 1, len(left) - 1, 0
    while depth:
        depth -= 1
        node, score = stack[depth], scores[depth]
        if score < FLOOR or score < top:
            continue
        if left[node] < 0:
            best, top = node, score
            continue
        dot = np.float32(0)
        for k in range(len(hidden)):
            dot += inner[node - leaves, k] * hidden[k]
        chance = np.float32(1.0 / np.float64(np.float32(1) + np.exp(-dot)))
        stack[depth], scores[depth] = right[node], score + np.float32(np.log(np.float64(chance) + 1e-5))
        rest = np.float32(1.0 - np.float64(chance))
        stack[depth + 1], scores[depth + 1] = left[node], score + np.float32(np.log(np.float64(rest) + 1e-5))
        depth += 2
    return best, np.float32(np.exp(top)) if best >= 0 else np.float32(0)

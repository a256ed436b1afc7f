"""Reading a fastText classifier's file (`lid.176.ftz`, `lid.176.bin`) into arrays for `fasttext_kernel`."""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..kernels.strings import build_table, pack

MAGIC, VERSION = 793712314, 12
HIERARCHICAL_SOFTMAX, SUPERVISED = 1, 3
LOSSES = (HIERARCHICAL_SOFTMAX, 2, 3, 4)
LABEL = "__label__"
MOST_BUCKETS = 100_000_000
HEAVIEST = 10**15  # the weight of a node of the tree that is not made yet


@dataclass(frozen=True)
class Classifier:
    """`vectors` (rows, d) float32: of the words, then of the hashed n-grams; `kept` (buckets,) int32: the row of each
    n-gram's bucket behind the words, -1 if it was pruned, and empty if none was.

    `left`, `right` (2 labels - 1,) int32: the tree of the hierarchical softmax, -1 at leaves; `inner` (labels, d)
    float32: the vector of inner node `labels + i`.
    """

    labels: list[str]
    words: int
    end: int  # the id of "</s>", -1 if it is no word
    shortest: int
    longest: int
    buckets: int
    content: np.ndarray
    ends: np.ndarray
    slots: np.ndarray
    is_label: np.ndarray
    vectors: np.ndarray
    kept: np.ndarray
    left: np.ndarray
    right: np.ndarray
    inner: np.ndarray


def read(path: str | Path) -> Classifier | None:
    """The classifier at `path`; None if it is of a kind that the kernel does not run (other loss, word n-grams).

    Raises ValueError or struct.error if it is no fastText model or ends early.
    """
    file = _Reader(path)
    magic, version = file.take("2i")
    if magic != MAGIC:
        raise ValueError("it begins otherwise")
    if version != VERSION:
        raise ValueError(f"it is of version {version}; {VERSION} is read")
    dim, _, _, _, _, word_ngrams, loss, model, buckets, shortest, longest, _ = file.take("12i")
    if model != SUPERVISED or loss not in LOSSES or word_ngrams < 1:
        raise ValueError("it is no classifier")
    file.take("d")
    size, words, count = file.take("3i")
    if not 1 <= buckets <= MOST_BUCKETS or size != words + count or count < 1:
        raise ValueError("its sizes disagree")
    _, pruned = file.take("2q")
    entries, counts, is_label = _dictionary(file, size)
    kept = _pruning(file, buckets, pruned)
    vectors, inner = _matrices(file)
    rows = words + (kept.max(initial=-1) + 1 if pruned >= 0 else buckets)
    if vectors.shape[1] != dim or len(vectors) < rows or inner.shape != (count, dim):  # the kernel checks no bounds
        raise ValueError("its matrices are too small")
    if (loss, word_ngrams) != (HIERARCHICAL_SOFTMAX, 1):
        return None
    left, right = _tree(counts[words:])
    content, ends = pack(entries)
    return Classifier(
        labels=[entry.decode().removeprefix(LABEL) for entry in entries[words:]], words=words,
        end=entries.index(b"</s>") if b"</s>" in entries else -1, shortest=shortest, longest=longest, buckets=buckets,
        content=content, ends=ends, slots=build_table(content, ends), is_label=is_label,
        vectors=vectors, kept=kept, left=left, right=right, inner=inner,
    )  # fmt: skip


def _dictionary(file: "_Reader", size: int) -> tuple[list[bytes], np.ndarray, np.ndarray]:
    """Words, then labels; how often each was counted, (size,) int64; which are labels, (size,) bool."""
    entries, counts, kinds = [], [], []
    for _ in range(size):
        entries.append(file.string())
        times, kind = file.take("qb")
        counts.append(times)
        kinds.append(kind)
    return entries, np.array(counts, np.int64), np.array(kinds, np.int8) == 1


def _pruning(file: "_Reader", buckets: int, pruned: int) -> np.ndarray:
    """The row of each bucket behind the words, (buckets,) int32, -1 if it was pruned; empty if none was."""
    if pruned < 0:
        return np.zeros(0, np.int32)
    kept = np.full(buckets, -1, np.int32)
    pairs = file.array(np.int32, 2 * pruned).reshape(-1, 2)
    if pruned and (pairs.min() < 0 or pairs[:, 0].max() >= buckets):
        raise ValueError("its pruning is out of range")
    kept[pairs[:, 0]] = pairs[:, 1]
    return kept


def _matrices(file: "_Reader") -> tuple[np.ndarray, np.ndarray]:
    """The vectors of words and n-grams, and those of the inner nodes, both float32 and aligned."""
    quantized = file.take("?")[0]
    vectors = np.require(file.quantized() if quantized else file.dense(), requirements="A")
    quantized = file.take("?")[0] and quantized
    return vectors, np.require(file.quantized() if quantized else file.dense(), requirements="A")


class _Reader:
    """Little-endian values one after another, unaligned. Raises ValueError or struct.error where the file ends early."""

    def __init__(self, path: str | Path) -> None:
        with open(path, "rb") as file:
            self._content, self._at = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self._content, self._at)
        self._at += struct.calcsize(f"<{form}")
        return values

    def string(self) -> bytes:
        stop = self._content.find(b"\0", self._at)
        if stop < 0:
            raise ValueError("it ends early")
        raw = self._content[self._at : stop]
        self._at = stop + 1
        return raw

    def array(self, kind: type[np.generic], count: int) -> np.ndarray:
        if not 0 <= count <= len(self._content):
            raise ValueError("it holds less than it says")
        values = np.frombuffer(self._content, kind, count, self._at)
        self._at += values.nbytes
        return values

    def dense(self) -> np.ndarray:
        rows, columns = self.take("2q")
        return self.array(np.float32, rows * columns).reshape(rows, columns)

    def quantized(self) -> np.ndarray:
        """A product-quantised matrix, each row's parts looked up and scaled by its norm."""
        with_norm = self.take("?")[0]
        rows, columns = self.take("2q")
        codes = self.array(np.uint8, self.take("i")[0]).reshape(rows, -1)
        parts = self._centroids()
        if len(parts) != codes.shape[1]:
            raise ValueError("its quantiser has another number of parts")
        table = np.concatenate([part[codes[:, i]] for i, part in enumerate(parts)], axis=1)
        if with_norm:
            norms = self.array(np.uint8, rows)
            table = table * self._centroids()[0][norms]
        if table.shape[1] != columns:
            raise ValueError("its quantiser is of another dimension")
        return np.ascontiguousarray(table, np.float32)

    def _centroids(self) -> list[np.ndarray]:
        """256 centroids of each part of a vector."""
        dim, parts, width, last = self.take("4i")
        values = self.array(np.float32, 256 * dim)
        if min(parts, width, last) < 1 or width * (parts - 1) + last != dim:
            raise ValueError("the parts of its quantiser don't make a vector")
        widths = [width] * (parts - 1) + [last]
        edges = 256 * np.cumsum([0, *widths])
        return [values[a:b].reshape(256, w) for a, b, w in zip(edges, edges[1:], widths)]


def _tree(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Huffman tree over labels that come most frequent first. ValueError for counts that make no tree."""
    n = len(counts)
    if counts.min() < 0 or counts.sum(dtype=np.float64) >= HEAVIEST:
        raise ValueError("its labels have impossible counts")
    weight = np.full(2 * n - 1, HEAVIEST, np.int64)
    weight[:n] = counts
    left, right = np.full(2 * n - 1, -1, np.int32), np.full(2 * n - 1, -1, np.int32)
    leaf, node = n - 1, n
    for parent in range(n, 2 * n - 1):
        lightest = []
        for _ in range(2):
            if leaf >= 0 and weight[leaf] < weight[node]:
                lightest.append(leaf)
                leaf -= 1
            else:
                lightest.append(node)
                node += 1
        left[parent], right[parent] = lightest
        weight[parent] = weight[lightest[0]] + weight[lightest[1]]
    return left, right

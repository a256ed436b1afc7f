"""Folds that are stratified by set and never split a group."""

import numpy as np

from ..errors import InputError
from ..kernels.hashing import uniform


def assign(labels: np.ndarray, groups: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """`(n,)` int64: the fold in which each pair is tested.

    `labels`, `groups`: `(n,)` integers. Groups of several pairs go first, the largest first, each to the fold where
    its sets are rarest; single pairs are dealt out in turn within their set, to the emptiest folds first. The order is
    a hash of (seed, group), so it is the same on every machine.
    Raises InputError when some set has fewer groups than folds.
    """
    classes = int(labels.max()) + 1
    for one in range(classes):
        apart = len(np.unique(groups[labels == one]))
        if apart < folds:
            raise InputError(
                f"set {one + 1} has {apart} groups of pairs that are no near-duplicates of each other; {folds} folds need {folds}: give more pairs or fewer folds."
            )
    ids, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    table = np.zeros((len(ids), classes), dtype=np.int64)
    np.add.at(table, (inverse, labels), 1)
    luck = uniform(seed, ids.astype(np.uint64), np.zeros(len(ids), np.uint64), folds)
    place = np.empty(len(ids), dtype=np.int64)
    filled = np.zeros((folds, classes), dtype=np.float64)
    share = table.sum(axis=0).astype(np.float64)
    several = np.flatnonzero(sizes > 1)
    for group in several[np.lexsort((luck[several], -sizes[several]))]:
        cost = (((filled + table[group]) / share) ** 2 - (filled / share) ** 2).sum(axis=1)
        place[group] = int(np.argmin(cost))
        filled[place[group]] += table[group]
    for one in range(classes):
        single = np.flatnonzero((sizes == 1) & (table[:, one] == 1))
        single = single[np.argsort(luck[single], kind="stable")]
        place[single] = _deal(len(single), filled[:, one])
    return place[inverse]


def _deal(count: int, filled: np.ndarray) -> np.ndarray:
    """`(count,)` folds so that `filled` plus what is dealt is as even as can be."""
    folds = len(filled)
    level = np.sort(filled)
    target = (filled.sum() + count) / folds
    while (filled > target).any() and len(level):  # a fold that is too full already gets nothing
        open_ = filled <= target
        even = (filled[open_].sum() + count) / max(1, np.count_nonzero(open_))
        if even >= target:
            break
        target = even
    room = np.maximum(0, np.floor(target - filled)).astype(np.int64)
    dealt = np.repeat(np.arange(folds), room)[:count]
    rest = np.resize(np.argsort(filled + room, kind="stable"), max(0, count - len(dealt)))
    every = np.concatenate([dealt, rest])
    return every[np.argsort(_spread(every), kind="stable")]


def _spread(folds: np.ndarray) -> np.ndarray:
    """Sort keys that interleave the folds evenly."""
    keys = np.empty(len(folds))
    for fold in np.unique(folds):
        members = np.flatnonzero(folds == fold)
        keys[members] = (np.arange(len(members)) + 0.5) / len(members)
    return keys

"""Cross-fitting: each pair is scored by a network that was trained on other folds, so that none scores its own lesson."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...kernels.hashing import draw, lowest
from ...number_format import percent
from ...pool import Pool

SAMPLE = 2000  # pairs of each fold by which the networks are compared and tested
_STREAM = 0x666F6C64  # apart from the numbers that `random` draws: a clean set may be a random one


def folds_of(pool: Pool, count: int, rows: np.ndarray | None = None) -> np.ndarray:
    """`(n,)` uint8: the fold of each pair of the pool, or of those at `rows`, by a hash of its uid."""
    if rows is None:
        uids = pool.uids()
        return folds_of_uids(uids["f0"], uids["f1"], count)
    taken = pool.take(rows, ["uid_hi", "uid_lo"])
    return folds_of_uids(taken["uid_hi"].to_numpy(), taken["uid_lo"].to_numpy(), count)


def folds_of_uids(high: np.ndarray, low: np.ndarray, count: int) -> np.ndarray:
    """`(n,)` uint8: the fold of each pair by the two halves of its uid."""
    return (draw(0, high, low, _STREAM) % np.uint64(count)).astype(np.uint8)


def fold_samples(pool: Pool, count: int, most: int = SAMPLE) -> list[np.ndarray]:
    """The rows of at most `most` pairs of each fold, those of the smallest hashes, in the order of their hashes."""
    uids = pool.uids()
    keys, folds = draw(1, uids["f0"], uids["f1"], _STREAM), folds_of(pool, count)
    members = [np.flatnonzero(folds == fold) for fold in range(count)]
    return [rows[lowest(keys[rows], most)] for rows in members]


def alignments(samples: Sequence[np.ndarray]) -> tuple[tuple[float, float], ...]:
    """For each network `(a, b)` with which `a x + b` has the mean and the spread that all samples share.

    Folds are random, so their pairs are equally good; what differs in mean and spread is the network's.

    >>> alignments([np.array([0.0, 2.0]), np.array([10.0, 12.0])])
    ((1.0, 5.0), (1.0, -5.0))
    """
    finite = [sample[np.isfinite(sample)].astype(np.float64) for sample in samples]
    means = [float(part.mean()) if len(part) else 0.0 for part in finite]
    spreads = [float(part.std()) if len(part) else 0.0 for part in finite]
    if len(samples) == 1 or min(spreads) == 0:
        return ((1.0, 0.0),) * len(samples)
    mean, spread = float(np.mean(means)), float(np.mean(spreads))
    return tuple((spread / own, mean - spread / own * middle) for middle, own in zip(means, spreads))


def training_share(tables: Iterable[Any], seen: np.ndarray, top: float, folds: int, remedy: str) -> dict[str, Any]:
    """How many of the best `top` are pairs that a network was trained on, for the provenance; a warning if it scored them.

    tables: the units' tables in row order, the score under `""`; seen: `(n,)` bool, the training pairs; folds: networks
    that share the work, so that with two or more no pair was scored by one that had seen it.
    """
    scores = np.concatenate([table[""].to_numpy() for table in tables])
    scored = np.flatnonzero(~np.isnan(scores))
    best = scored[np.argsort(-scores[scored], kind="stable")[: max(1, int(top * len(scores)))]]
    whole, share = float(seen.mean()), float(seen[best].mean()) if len(best) else 0.0
    findings: dict[str, Any] = {
        "folds": folds,
        "trained_on": int(seen.sum()),
        "training_share": round(whole, 4),
        "training_share_of_best": round(share, 4),
        "best": top,
    }
    if folds == 1 and seen.any():
        findings["warning"] = (
            f"its network was trained on {percent(share, 0)} of its best {percent(top, 0)}, and on {percent(whole, 0)} of the pool: "
            f"it favours what it has seen; {remedy}"
        )
    return findings

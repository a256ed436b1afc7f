"""The best part of some pairs, exactly: the k-th best score, and ties by uid."""

from typing import Any

import numpy as np

from .columns import Columns
from .score_rule import ScoreRule

LARGE, SAMPLE, MARGIN = 1 << 20, 1 << 16, 1 << 10  # the k-th best is misjudged by the sample by 128 (one sigma) at most


def top(
    scores: np.ndarray, inside: np.ndarray, columns: Columns, rule: ScoreRule, wanted: int
) -> tuple[np.ndarray, float | None]:
    """The `wanted` best of the pairs `inside`, which are still kept and have a score, and the lowest score among them.

    `ties: uid`: exactly as many pairs by (score descending, uid ascending). `ties: all`: DataComp's rule, every pair
    whose score is at least the one at 0-based index `wanted` of the descending order. All of them if they are fewer.
    """
    values = scores if inside.all() else scores[inside]
    if wanted >= len(values):
        return inside, float(values.min()) if len(values) else None
    if rule.ties == "all":
        threshold = kth_best(values, wanted)
        return inside & (scores >= threshold), float(threshold)
    if wanted == 0:
        return np.zeros(len(scores), dtype=bool), None
    threshold = kth_best(values, wanted - 1)
    kept = inside & (scores > threshold)
    tied = np.flatnonzero(inside & (scores == threshold))
    room = wanted - int(np.count_nonzero(kept))
    if room < len(tied):
        tied = tied[np.argpartition(columns.rank[tied], room)[:room]]
    kept[tied] = True
    return kept, float(threshold)


def kth_best(values: np.ndarray, k: int) -> Any:
    """The value at index k, from 0, of the descending order of `values` `(n,)`, which hold no NaN.

    Of many values a sample says between which two it must lie, so that only a few are sorted out; exact either way.
    """
    near, place = values, len(values) - 1 - k
    if len(values) > LARGE:
        sample = np.sort(values[:: len(values) // SAMPLE])
        about = len(sample) * place // len(values)
        low, high = (sample[np.clip(about + off, 0, len(sample) - 1)] for off in (-MARGIN, MARGIN))
        between = values[(values >= low) & (values <= high)]
        above = int(np.count_nonzero(values > high))
        if above <= k < above + len(between):
            near, place = between, len(between) - 1 - (k - above)
    return np.partition(near, place)[place]

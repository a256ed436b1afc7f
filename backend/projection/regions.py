"""Regions of a map: where its points crowd, at three levels of detail, each named by the words of its captions.

Regions are the basins of attraction of the smoothed density (mode seeking: Fukunaga & Hostetler 1975, on a grid), and
their words those with the highest class-based TF-IDF (Grootendorst 2022, arXiv 2203.05794): no model is involved.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ..pool import Pool
from .maps import Map

GRID = 256
SMOOTHING = (10.0, 5.0, 2.5)
"""Standard deviations in cells, one a level, coarse first."""
MOST = (24, 90, 240)
"""Regions of a level, the largest."""
SMALLEST = 12
WORDS = r"(?u)\b[^\W\d_]{2,}\b"
UNNAMED = "(no common word)"


@dataclass(frozen=True)
class Region:
    """One region: `x`, `y` where it is densest, in [-1, 1]; `points` of the map in it; `label` its words."""

    level: int
    x: float
    y: float
    points: int
    label: str


@dataclass(frozen=True)
class Regions:
    """All regions, coarse first; `codes` `(3, m)` int16: the region of each point of the map at each level, -1: none."""

    regions: tuple[Region, ...]
    codes: np.ndarray

    def at(self, level: int) -> tuple[list[Region], np.ndarray]:
        """The regions of a level, largest first, and `(m,)` the place in them of each point."""
        return [region for region in self.regions if region.level == level], self.codes[level]

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(region) for region in self.regions if region.label != UNNAMED]


def regions(pool: Pool, placed: Map) -> Regions:
    """Finds and names the regions of a map; a pool without captions has them unnamed."""
    captions = pool.take(placed.rows, ["text"])["text"] if "text" in pool.columns else None
    words = None if captions is None else _words(pc.fill_null(captions, "").to_pylist())
    clusters: list[Region] = []
    codes = np.full((len(SMOOTHING), len(placed)), -1, dtype=np.int16)
    for level, (smoothing, most) in enumerate(zip(SMOOTHING, MOST)):
        codes[level], peaks = basins(placed.xy, smoothing, most)
        labels = named(codes[level], len(peaks), *words) if words else [UNNAMED] * len(peaks)
        sizes = np.bincount(codes[level][codes[level] >= 0], minlength=len(peaks))
        clusters += [
            Region(level, round(float(x), 4), round(float(y), 4), int(size), label)
            for (x, y), size, label in zip(peaks, sizes, labels)
        ]
    return Regions(tuple(clusters), codes)


def basins(xy: np.ndarray, smoothing: float, most: int) -> tuple[np.ndarray, np.ndarray]:
    """`(m,)` int16 basin of each point of `xy` (m, 2), largest first, -1 for those of none of the `most` largest; and
    `(k, 2)` float32 where each is densest. A point belongs to the peak that climbing the density from it reaches."""
    from scipy.ndimage import gaussian_filter

    at = np.clip(((xy + 1) / 2 * GRID).astype(np.int64), 0, GRID - 1)
    cell = at[:, 0] * GRID + at[:, 1]
    density = np.bincount(cell, minlength=GRID * GRID).reshape(GRID, GRID).astype(np.float32)
    uphill = _uphill(gaussian_filter(density, smoothing, mode="constant"))
    peak, places, sizes = (np.unique(uphill[cell], return_inverse=True, return_counts=True))[:3]
    order = np.argsort(-sizes, kind="stable")[:most]
    order = order[sizes[order] >= SMALLEST]
    rank = np.full(len(peak), -1, dtype=np.int16)
    rank[order] = np.arange(len(order))
    centres = np.stack(np.divmod(peak[order], GRID), axis=1)
    return rank[places], ((centres + 0.5) / GRID * 2 - 1).astype(np.float32)


def _uphill(density: np.ndarray) -> np.ndarray:
    """`(cells,)` int64: the local maximum that climbing from each cell ends at; of equal neighbours the first."""
    padded = np.pad(density, 1, constant_values=-1)
    steps = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    around = np.stack([padded[1 + dx : GRID + 1 + dx, 1 + dy : GRID + 1 + dy] for dx, dy in steps])
    offsets = np.array([dx * GRID + dy for dx, dy in steps])
    target = np.arange(GRID * GRID) + offsets[around.argmax(axis=0).ravel()]
    while True:  # each round doubles the climb
        further = target[target]
        if (further == target).all():
            return target
        target = further


def _words(captions: list[str]) -> tuple[Any, np.ndarray] | None:
    """`(m, v)` sparse: which captions hold which words, and the words; None if no word is said twice."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(
        binary=True, token_pattern=WORDS, stop_words="english", min_df=min(3, len(captions)), max_features=30_000
    )
    try:
        held = counter.fit_transform(captions)
    except ValueError:  # no words at all
        return None
    return held, counter.get_feature_names_out()


def named(codes: np.ndarray, count: int, held: Any, words: np.ndarray) -> list[str]:
    """A label of one or two words for each of `count` regions: the highest tf(word, region) · log(1 + A / f(word)),
    with A the mean words of a region and f the word's frequency in all."""
    from scipy.sparse import csr_matrix

    inside = np.flatnonzero(codes >= 0)
    member = csr_matrix((np.ones(len(inside), np.float32), (codes[inside], inside)), shape=(count, len(codes)))
    frequency = (member @ held).toarray() if count else np.zeros((0, len(words)))
    total = np.maximum(frequency.sum(axis=0), 1)
    weight = frequency * np.log1p(frequency.sum() / max(1, count) / total)
    labels = []
    for region in range(count):
        best = [place for place in np.argsort(-weight[region])[:6] if frequency[region, place] >= 3]
        labels.append(_label(words, best, weight[region]) or UNNAMED)
    return labels


def _label(words: np.ndarray, best: list[int], weight: np.ndarray) -> str:
    """The best word, and the next that isn't nearly the same and weighs at least half as much."""
    if not best:
        return ""
    first = str(words[best[0]])
    others = (str(words[place]) for place in best[1:] if 2 * weight[place] >= weight[best[0]])
    second = next((word for word in others if word[:4] != first[:4]), "")
    return f"{first}, {second}" if second else first

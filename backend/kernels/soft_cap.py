"""Soft Cap Sampling: which pairs n draws with repetition take, when each draw of a pair lowers its score.

Shechter and Carmon (arXiv 2503.08805) draw pairs with probability softmax(s) and lower the score of a drawn pair by the
penalty a. Here each pair has a clock of its own: its draw r + 1 rings after an exponential time of rate exp(s - a·r), and
the n draws that ring first are taken. The next clock to ring is that of pair i with probability proportional to
exp(s_i - a·r_i), so the multiplicities have exactly the law of draws one after the other (Athreya and Karlin 1968), and
yet the time of a draw depends on nothing but seed, pair and r. Times are kept as logarithms.
"""

import math

import numpy as np
from numba import njit

from . import bits

SAMPLE = 1 << 16  # pairs that say about where the last draw rings
BAND = 1 << 12  # draws around it that are sorted
DEEPEST = 1e6  # by how much a score may be below the best one, for a time to be told from the next
SPREAD = 4.0  # standard deviations


def soft_cap(states: np.ndarray, scores: np.ndarray, draws: int, penalty: float) -> np.ndarray:
    """`(n,)` uint32: how often each pair is drawn, `draws` in all.

    `states` `(n,)` uint64: the hash of seed and uid, see `hashing.draw`; `scores` `(n,)` finite float64, the logits;
    `penalty` from 0 (draws with replacement) up (towards draws without). A few passes over pairs and draws.
    Raises ValueError for a score that is not finite.
    """
    counts = np.zeros(len(states), dtype=np.uint32)
    if not len(states) or draws <= 0:
        return counts
    if not np.isfinite(scores).all():
        raise ValueError("a pair without a finite score can't be drawn")
    best = float(scores.max())
    clocks = _Clocks(states, np.maximum(scores - best, -DEEPEST), float(penalty))
    low, high = _around(clocks, draws)
    taken = clocks.count(low, counts, 2 * draws)
    until = np.zeros_like(counts)
    clocks.count(high, until, 4 * draws + BAND)
    rows = np.flatnonzero(until > counts)
    times, places = np.empty(int((until[rows] - counts[rows]).sum())), rows.repeat(until[rows] - counts[rows])
    _times(states, clocks.scores, clocks.penalty, rows, counts, until, times)
    first = np.lexsort((states[places], times))[: draws - taken]
    np.add.at(counts, places[first], np.uint32(1))
    return counts


class _Clocks:
    """The clocks of some pairs."""

    def __init__(self, states: np.ndarray, scores: np.ndarray, penalty: float) -> None:
        self.states, self.scores, self.penalty = states, scores, penalty

    def count(self, until: float, counts: np.ndarray, most: int) -> int:
        """How many draws ring up to `until`, those of each pair in `counts`; if they are more than `most`, some such
        number, and counts that are not complete."""
        work = (self.states, self.scores, self.penalty, until, most, counts)
        return sum(bits.everywhere(_count, len(self.states), *work))


def _around(clocks: _Clocks, draws: int) -> tuple[float, float]:
    """Two times with at most `draws` up to the first, at least as many up to the second, and few between them."""
    # No clock rings before: the best score is 0, and a time of exp(-40) needs a hash that none has.
    low, high = -40.0, 24.0
    step = len(clocks.states) // SAMPLE
    if step > 1:
        some = _Clocks(clocks.states[::step].copy(), clocks.scores[::step].copy(), clocks.penalty)
        part = draws / step
        margin = SPREAD * math.sqrt(part) + 1
        edges = [
            _search(some, max(0, round(part + off)), low, high, max(1, int(margin / 8)))[side]
            for side, off in enumerate((-margin, margin))
        ]
        low, high = edges[0], max(edges)
    return _search(clocks, draws, low, high, max(BAND, draws >> 7))


def _search(clocks: _Clocks, draws: int, low: float, high: float, band: int) -> tuple[float, float]:
    """Two such times with at most `band` draws between them, from a guess, which may be wrong."""
    counts = np.empty(len(clocks.states), dtype=np.uint32)
    most, step = 2 * draws + band, max(high - low, 1.0)
    below = clocks.count(low, counts, most)
    while below > draws:
        low, high, step = low - step, low, 2 * step
        below = clocks.count(low, counts, most)
    above = clocks.count(high, counts, most)
    while above < draws:
        low, below, high, step = high, above, high + step, 2 * step
        above = clocks.count(high, counts, most)
    while above - below > band:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        held = clocks.count(middle, counts, most)
        if held <= draws:
            low, below = middle, held
        else:
            high, above = middle, held
    return low, high


@njit(nogil=True, cache=True)
def _next(state, score, penalty, r, time):
    """The logarithm of when draw `r` of a pair rings, from that of the draw before."""
    z = (state ^ np.uint64(r)) + np.uint64(0x9E3779B97F4A7C15)  # `hashing.mix`
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    wait = math.log(-math.log((np.float64(z >> np.uint64(11)) + 0.5) * 2.0**-53)) + penalty * r - score
    if r == 0:
        return wait
    return max(time, wait) + math.log1p(math.exp(-abs(time - wait)))


@njit(nogil=True, cache=True)
def _count(states, scores, penalty, until, most, counts, first, last):
    total = 0
    for i in range(first, last):
        r, time = 0, _next(states[i], scores[i], penalty, 0, 0.0)
        while time <= until and total + r <= most:
            r += 1
            time = _next(states[i], scores[i], penalty, r, time)
        counts[i] = r
        total += r
        if total > most:
            break
    return total


@njit(nogil=True, cache=True)
def _times(states, scores, penalty, rows, low, high, times):
    """Writes the times of the draws `low[i]` to `high[i]` of each pair of `rows`, one pair after the other."""
    place = 0
    for i in rows:
        time = 0.0
        for r in range(high[i]):
            time = _next(states[i], scores[i], penalty, r, time)
            if r >= low[i]:
                times[place] = time
                place += 1

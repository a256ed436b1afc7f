"""Counter-based random numbers: functions of (seed, uid, …), so results don't depend on order, sharding or workers."""

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


def mix(values: np.ndarray | np.unsignedinteger) -> np.ndarray:
    """The splitmix64 finaliser (Steele, Lea, Flood 2014): uint64 to uint64, a bijection."""
    with np.errstate(over="ignore"):
        z = np.asarray(values, dtype=np.uint64) + _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX1
        z = (z ^ (z >> np.uint64(27))) * _MIX2
        return z ^ (z >> np.uint64(31))


def draw(seed: int, uid_hi: np.ndarray, uid_lo: np.ndarray, *more: np.ndarray | int) -> np.ndarray:
    """`(n,)` uint64, uniform, a function of (seed, uid, more) alone; `more` are integers or `(n,)` integer arrays."""
    state = mix(mix(np.uint64(seed % 2**64)) ^ np.asarray(uid_hi, dtype=np.uint64))
    state = mix(state ^ np.asarray(uid_lo, dtype=np.uint64))
    for value in more:
        state = mix(state ^ np.asarray(value).astype(np.uint64))
    return state


def lowest(keys: np.ndarray, count: int) -> np.ndarray:
    """`(count,)` the places of the lowest of `keys` `(n,)`, lowest first, of equal ones the first; all if they are fewer."""
    places = np.arange(len(keys))
    if count < len(keys):
        last = max(count - 1, 0)
        places = np.flatnonzero(keys <= np.partition(keys, last)[last])
    return places[np.argsort(keys[places], kind="stable")[:count]]


def uniform(seed: int, uid_hi: np.ndarray, uid_lo: np.ndarray, *more: np.ndarray | int) -> np.ndarray:
    """`(n,)` float64 in [0, 1), with 53 random bits each; the same (seed, uid, more) always gives the same number."""
    return (draw(seed, uid_hi, uid_lo, *more) >> np.uint64(11)).astype(np.float64) * 2.0**-53

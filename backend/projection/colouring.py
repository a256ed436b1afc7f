"""Colouring: one small code for each point of a map by a column of the pool, and what each code stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError
from ..pool import Pool
from .maps import Map
from .regions import Regions

CLASSES = 8
"""Classes of a number, equally many scored points in each."""
MOST = 12
"""Values of a category with a colour of their own, the most frequent; the others share one."""
SAMPLE = 2000
NONE = "none"
STORAGE = ("image", "image_offset", "image_bytes")  # where an image lies: of no meaning to anybody who looks


@dataclass(frozen=True)
class Entry:
    """What one code stands for. `rule` is plain data of the rule that keeps the same pairs of the whole pool, None where
    no rule on columns does; `place` is the number of its colour, -1 for other values and -2 for none."""

    label: str
    points: int
    place: int
    rule: dict[str, Any] | None = None


@dataclass(frozen=True)
class Colouring:
    """`codes` `(m,)` uint8, one a point of the map, numbers of `entries`; `ordered`: colours go from low to high."""

    by: str
    codes: np.ndarray
    entries: tuple[Entry, ...]
    ordered: bool = False


def columns(pool: Pool) -> list[str]:
    """Columns to colour by: scores, flags, numbers, and texts that repeat (judged on the first 2,000 pairs)."""
    kinds = {name: column.kind for name, column in pool.columns.items()}
    chosen = [name for name, kind in kinds.items() if kind in ("score", "flag")]
    metadata = [
        name for name, kind in kinds.items() if kind == "metadata" and name not in STORAGE and _plain(pool, name)
    ]
    first = pool.take(np.arange(min(SAMPLE, len(pool))), metadata) if metadata else pa.table({})
    for name in metadata:
        values = first[name].drop_null()
        few = len(values) and len(pc.unique(values)) <= max(20, len(values) // 10)
        if few or pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
            chosen.append(name)
    return chosen


def _plain(pool: Pool, name: str) -> bool:
    kind = pool.schema.field(name).type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return text or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def by_column(pool: Pool, placed: Map, name: str) -> Colouring:
    """The points by the values of a column. Raises InputError for a column that the pool lacks or that can't be shown."""
    column = pool.require(name)
    if not _plain(pool, name):
        raise InputError(f"column {name!r} of {column.dtype} has no colours; choose {', '.join(columns(pool)[:8])}.")
    values = pool.take(placed.rows, [name])[name]
    if pa.types.is_boolean(values.type):
        return _flags(name, column.kind, values)
    if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        numbers = pc.fill_null(values.cast(pa.float64()), float("nan")).to_numpy()
        whole = pa.types.is_integer(values.type)
        return by_number(name, numbers, "score" if column.kind == "score" else "whole" if whole else "")
    return _texts(name, values)


def by_number(name: str, values: np.ndarray, kind: str = "score") -> Colouring:
    """Eight classes of equal size from low to high, of a "score", of "whole" numbers or of others; `(m,)` NaN and infinite
    values have none."""
    finite = np.isfinite(values)
    edges = np.quantile(values[finite], np.linspace(0, 1, CLASSES + 1)) if finite.any() else np.empty(0)
    edges = np.unique(np.ceil(edges) if kind == "whole" else edges)
    inner = edges[1:-1]
    codes = np.where(finite, np.searchsorted(inner, values, side="right"), len(inner) + 1 if len(edges) else 0)
    count = np.bincount(codes, minlength=len(inner) + 2)
    entries = []
    for place in range(len(inner) + 1 if len(edges) else 0):
        low, high = float(edges[place]), float(edges[min(place + 1, len(edges) - 1)])
        label = _span(low, high - (place < len(inner)), 0) if kind == "whole" else _span(low, high, 3)
        colour = round(place * (CLASSES - 1) / max(1, len(inner)))
        rule = _between(name, kind, None if place == 0 else low, None if place == len(inner) else high)
        entries.append(Entry(label, int(count[place]), colour, rule))
    if not finite.all():
        entries.append(Entry("not scored" if kind == "score" else NONE, int((~finite).sum()), -2))
    return Colouring(name, codes.astype(np.uint8), tuple(entries), ordered=True)


def _between(name: str, kind: str, low: float | None, high: float | None) -> dict[str, Any]:
    """The rule of a class: from `low` on, and below `high`, which the next class has."""
    if kind == "score":
        below = None if high is None else float(np.nextafter(np.float32(high), np.float32(-np.inf)))
        if low is None and below is None:
            return {"score": name, "min": float(np.finfo(np.float32).min)}
        if low is None:
            return {"score": name, "max": below}
        return {"score": name, "min": low} if below is None else {"score": name, "between": [low, below]}
    bounds, shape = [(">=", low), ("<", high)], ".0f" if kind == "whole" else ".17g"
    parts = [f"{quoted(name)} {sign} {bound:{shape}}" for sign, bound in bounds if bound is not None]
    return {"where": " AND ".join(parts) or f"{quoted(name)} IS NOT NULL"}


def _span(low: float, high: float, digits: int) -> str:
    first, last = (f"{end:.{digits}g}" if digits else f"{end:,.0f}" for end in (low, high))
    return first if first == last else f"{first} to {last}"


def _flags(name: str, kind: str, values: pa.ChunkedArray) -> Colouring:
    codes = np.where(pc.fill_null(values, False).to_numpy(), 0, 1)
    rule = {"flag": name} if kind == "flag" else {"where": f"{quoted(name)} = true"}
    rules: list[dict[str, Any]] = [rule, {"not": rule}]
    count = np.bincount(codes, minlength=2)
    entries = tuple(Entry(word, int(count[place]), place, rules[place]) for place, word in enumerate(("true", "false")))
    return Colouring(name, codes.astype(np.uint8), entries)


def _texts(name: str, values: pa.ChunkedArray) -> Colouring:
    coded = pc.fill_null(values, "").combine_chunks().dictionary_encode()
    words = coded.dictionary.to_pylist()
    rules = [{"where": f"{quoted(name)} = '{word.replace(chr(39), 2 * chr(39))}'"} if word else None for word in words]
    return categories(name, coded.indices.to_numpy(), words, rules)


def by_region(regions: Regions) -> Colouring:
    """The points by the regions of the map, neither the coarse nor the fine ones."""
    places, codes = regions.at(1)
    return categories("region", codes, [place.label for place in places], [None] * len(places))


def categories(by: str, codes: np.ndarray, words: Sequence[str], rules: Sequence[dict[str, Any] | None]) -> Colouring:
    """The most frequent of `words` in colours of their own; `codes` `(m,)` are places in them, negative for none."""
    count = np.bincount(codes[codes >= 0], minlength=len(words))
    named = np.array([bool(word) for word in words], dtype=bool)
    order = [int(place) for place in np.argsort(-count, kind="stable") if named[place] and count[place]]
    first = order[:MOST]
    entries = [Entry(words[place], int(count[place]), rank, rules[place]) for rank, place in enumerate(first)]
    to = np.full(len(words) + 1, len(first), dtype=np.uint8)  # the last one is of points without a value
    to[first] = np.arange(len(first))
    rest = int(count[order[len(first) :]].sum())
    if rest:
        entries.append(Entry("1 other" if len(order) == MOST + 1 else f"{len(order) - MOST:,} others", rest, -1))
    missing = len(codes) - int(count[order].sum())
    to[np.append(~named, True)] = len(entries)
    if missing:
        entries.append(Entry(NONE, missing, -2))
    return Colouring(by, to[codes], tuple(entries))


def quoted(name: str) -> str:
    """A column in a condition."""
    return "`" + name.replace("`", "``") + "`"

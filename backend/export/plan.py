"""Plan of a reshard: every sample to write, where it lies, in the order in which the tars hold them."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ..pool import UID_DTYPE, Pool
from ..recipe import Recipe
from ..recipe.grammar import SubsetRule
from ..recipe.subset_files import subset_uids
from .values import PLACES

ENTRY = np.dtype([("row", "<i8"), ("copy", "<i4"), ("tar", "<i4"), ("offset", "<i8"), ("size", "<i8")])
FEW = 0.02


@dataclass(frozen=True)
class Plan:
    """`entries` `(m,)` `ENTRY`, by tar and place in it, a sample's copies in a row; `tars` are their paths.

    An entry without a whole sample in a tar (a loose image file) has offset -1. `missing` are rows without an image.
    """

    entries: np.ndarray
    tars: list[str]
    missing: np.ndarray


def plan(pool: Pool, rows: np.ndarray, copies: np.ndarray) -> Plan:
    """The plan for `rows` `(k,)`, each as often as `copies` `(k,)` says."""
    places = _places(pool, rows)
    image = places["image"].combine_chunks() if isinstance(places["image"], pa.ChunkedArray) else places["image"]
    coded = image.dictionary_encode()
    paths = coded.dictionary.to_pylist()
    by_name = np.argsort(np.array(paths, dtype=object)) if paths else np.empty(0, dtype=np.int64)
    rank = np.empty(len(paths) + 1, dtype=np.int32)
    rank[by_name] = np.arange(len(paths), dtype=np.int32)
    rank[-1] = -1
    tar = rank[coded.indices.fill_null(len(paths)).to_numpy(zero_copy_only=False)]
    entries = np.zeros(len(rows), dtype=ENTRY)
    entries["row"], entries["tar"] = rows, tar
    entries["offset"] = _numbers(places["sample_offset"])
    entries["size"] = _numbers(places["sample_size"])
    entries["offset"][entries["size"] <= 0] = -1
    lies = np.where(entries["offset"] >= 0, entries["offset"], _numbers(places["image_offset"]))
    there = np.flatnonzero(tar >= 0)
    there = there[np.lexsort((rows[there], lies[there], tar[there]))]
    repeated = np.repeat(there, copies[there])
    ordered = entries[repeated]
    first = np.repeat(np.cumsum(copies[there]) - copies[there], copies[there])
    ordered["copy"] = np.arange(len(repeated)) - first
    return Plan(ordered, [paths[index] for index in by_name], rows[tar < 0])


def absent(recipe: Recipe | None, pool: Pool) -> np.ndarray:
    """`(k,)` records `u8,u8`, ascending: the uids of the recipe's subset files that the pool lacks."""
    missing = [np.empty(0, dtype=UID_DTYPE)]
    for rule in recipe.active if recipe else ():
        if isinstance(rule, SubsetRule):
            uids = subset_uids(rule.subset, pool)
            missing.append(uids[pool.rows_of(uids) < 0])
    return np.unique(np.concatenate(missing))


def _places(pool: Pool, rows: np.ndarray) -> pa.Table:
    """The place columns of `rows`: taken if they are few, else scanned; columns that the pool lacks are null."""
    known = [name for name in PLACES if name in pool.columns]
    if not known:
        places = pa.table({})
    elif len(rows) < FEW * len(pool):
        places = pool.take(rows, known)
    else:
        chosen = np.zeros(len(pool), dtype=bool)
        chosen[rows] = True
        seen, parts = 0, []
        for batch in pool.scan(known, batch_size=65_536):
            parts.append(batch.filter(pa.array(chosen[seen : seen + batch.num_rows])))
            seen += batch.num_rows
        places = pa.Table.from_batches(parts)
    types = {"image": pa.utf8()}
    columns = {n: places[n] if n in known else pa.nulls(len(rows), types.get(n, pa.int64())) for n in PLACES}
    return pa.table(columns)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    return column.fill_null(-1).to_numpy()

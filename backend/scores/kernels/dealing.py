"""Dealing: rows of a pool in any order, by reading it from front to back instead of row by row."""

import errno
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import InputError
from ...pool import Pool
from ...pool.columns import matrix, to_numpy
from ...pool.work import spool
from ...progress import Progress, silent
from ..base import Each, Unit, by_unit

IN_MEMORY = 512 * 2**20
"""Bytes of embeddings in a pool up to which rows are read one by one: the system keeps so much in memory."""
PARTS = 8
"""A pass writes at least this part of the embeddings, or too much would be read for too little."""
SHARE = 0.9  # of the free disk that a pass may take
_STEP = 16_384


@dataclass(frozen=True)
class Deal:
    """The rows of some units as they lie on the disk: each fragment of the pool left a run, in which its rows are sorted
    by the unit that they belong to, and within a unit by row. Without a folder they are read from the pool."""

    names: tuple[str, ...]
    folder: Path | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    runs: tuple[str, ...] = ()

    def read(self, pool: Pool, unit: Unit) -> list[np.ndarray]:
        """The columns `names` of a unit's rows, in its order: (n, d) embeddings and (n,) numbers, as stored."""
        rows = np.arange(unit.start, unit.stop) if unit.rows is None else unit.rows
        if self.folder is None:
            return [stored(pool, name, rows) for name in self.names]
        order, number = np.argsort(rows, kind="stable"), self.numbers[unit.id]
        edges = [np.load(_edges(self.folder, run), mmap_mode="r")[number : number + 2] for run in self.runs]
        return [self._gathered(pool.schema.field(name), order, edges) for name in self.names]

    def _gathered(self, entry: pa.Field, order: np.ndarray, edges: Sequence[np.ndarray]) -> np.ndarray:
        """What the runs hold between their edges, one after the other, put in order."""
        assert self.folder is not None
        dtype, shape = _form(entry.type)
        width = int(np.prod(shape, dtype=np.int64))
        whole, at = np.empty((len(order), *shape), dtype), 0
        for run, (first, last) in zip(self.runs, edges):
            count = int(last - first)
            if count:
                part = np.fromfile(
                    _run(self.folder, run, entry.name), dtype, count * width, offset=int(first) * width * dtype.itemsize
                )
                whole[order[at : at + count]] = part.reshape(count, *shape)
                at += count
        return whole


def passes(
    pool: Pool, names: Sequence[str], units: Sequence[Unit], *, each: Each, progress: Progress = silent
) -> Iterator[tuple[Sequence[Unit], Deal]]:
    """The units, which list their rows, in as few parts as the disk allows, each with where its rows are to be read.

    Above 512 MB of `names` in the pool, a pass over it deals the rows of a part: each worker reads whole fragments and
    writes as much of them as the part needs, which is one copy of the pool's embeddings at most, and goes once the next
    part is asked for. Raises InputError if the disk has no room for an eighth of that.
    """
    whole = len(pool) * row_bytes(pool, names)
    if whole <= IN_MEMORY:
        yield units, Deal(tuple(names))
        return
    for part in _parts(pool, names, units, whole):
        with spool(pool.path) as folder:
            yield part, deal(pool, names, part, folder, each=each, progress=progress)


def deal(
    pool: Pool, names: Sequence[str], units: Sequence[Unit], folder: Path, *, each: Each, progress: Progress = silent
) -> Deal:
    """Deals the rows that `units` list into `folder`: one pass over the pool, sequential reads and writes."""
    starts = np.cumsum([0, *map(len, units)])
    kind = np.uint32 if len(pool) < 2**32 else np.int64
    with full_disk(folder):
        np.save(folder / "starts.npy", starts)
        rows = np.lib.format.open_memmap(folder / "rows.npy", "w+", kind, (max(1, int(starts[-1])),))
        for unit, start in zip(units, starts):
            rows[start : start + len(unit)] = np.sort(np.asarray(unit.rows))
        rows.flush()
    del rows
    runs = []
    part = partial(_dealt, names=tuple(names), folder=folder)
    for fragment, _ in by_unit(pool, part, "dealing pairs", progress, each):
        runs.append(fragment.id)
    numbers = {unit.id: number for number, unit in enumerate(units)}
    return Deal(tuple(names), folder, numbers, tuple(runs))


def _dealt(pool: Pool, fragment: Unit, *, names: Sequence[str], folder: Path) -> None:
    """Leaves the run of a fragment: a file a column, and how many of its rows belong to the units before each."""
    starts = np.load(folder / "starts.npy")
    rows = np.load(folder / "rows.npy", mmap_mode="r")
    ends = np.array([fragment.start, fragment.stop], rows.dtype)
    edges, mine = np.zeros(len(starts), np.int64), []
    for number, (start, stop) in enumerate(pairwise(starts)):
        first, last = np.searchsorted(rows[start:stop], ends)
        mine.append(rows[start:stop][first:last])
        edges[number + 1] = edges[number] + last - first
    wanted = np.concatenate(mine).astype(np.int64) - fragment.start
    with full_disk(folder):
        for name in names:
            held = np.concatenate([*scanned(pool, fragment, name, 8192)])
            with _run(folder, fragment.id, name).open("wb") as file:
                for start in range(0, len(wanted), _STEP):
                    file.write(np.ascontiguousarray(held[wanted[start : start + _STEP]]).data)
        np.save(_edges(folder, fragment.id), edges)


def scanned(pool: Pool, unit: Unit, name: str, rows: int = 16_384) -> Iterator[np.ndarray]:
    """A column of a unit from front to back, so many rows at once, (k, d) embeddings or (k,) numbers, as stored."""
    for batch in pool.scan([name], start=unit.start, stop=unit.stop, batch_size=rows):
        yield _values(batch.column(0))


def stored(pool: Pool, name: str, rows: np.ndarray) -> np.ndarray:
    """The embeddings of `rows` (any order) in the dtype on disk, (n, d), or the numbers, (n,); in steps, so that nothing
    doubles."""
    dtype, shape = _form(pool.schema.field(name).type)
    whole = np.empty((len(rows), *shape), dtype)
    for start in range(0, len(rows), _STEP):
        part = slice(start, start + _STEP)
        whole[part] = _values(pool.take(rows[part], [name])[name])
    return whole


def row_bytes(pool: Pool, names: Sequence[str]) -> int:
    """Bytes that a pair takes in the columns `names`."""
    forms = [_form(pool.schema.field(name).type) for name in names]
    return sum(dtype.itemsize * int(np.prod(shape, dtype=np.int64)) for dtype, shape in forms)


def temporary(pool: Pool, names: Sequence[str], times: float = 1.0) -> int:
    """Bytes on the disk that a pass takes at most whose units list `times` as many rows as the pool has."""
    whole = len(pool) * row_bytes(pool, names)
    return int(whole * min(1.0, times)) if whole > IN_MEMORY else 0


def check_disk(pool: Pool, names: Sequence[str], times: float = 1.0, *, beside: int = 0) -> None:
    """Raises InputError if the disk of the pool has no room for an eighth of what a single pass would write, and for the
    bytes `beside` it."""
    least, free = beside + temporary(pool, names, times) // PARTS, _free(pool)
    if least > free * SHARE:
        raise _no_room(pool, least, free)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """A disk that is full is said in one line."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"the disk of {str(folder)!r} is full while pairs are dealt; free some of it, and start again."
        ) from None


def _parts(pool: Pool, names: Sequence[str], units: Sequence[Unit], whole: int) -> Iterator[Sequence[Unit]]:
    width, todo = row_bytes(pool, names), list(units)
    while todo:
        free = _free(pool)
        room = min(whole, int(SHARE * free))
        least = max(len(todo[0]) * width, min(whole, sum(map(len, todo)) * width) // PARTS)
        if room < least:
            raise _no_room(pool, least, free)
        count = int(np.searchsorted(np.cumsum([len(unit) * width for unit in todo]), room, side="right"))
        yield todo[:count]
        del todo[:count]


def _free(pool: Pool) -> int:
    return shutil.disk_usage(pool.path).free


def _no_room(pool: Pool, least: int, free: int) -> InputError:
    return InputError(
        f"pairs are dealt on the disk of {str(pool.path)!r}: {free / 1e9:,.1f} GB are free, and {least / SHARE / 1e9:,.1f} GB are "
        "the least that must be; free some of it, or move the pool."
    )


def _form(kind: pa.DataType) -> tuple[np.dtype, tuple[int, ...]]:
    """The dtype and shape of a value."""
    if pa.types.is_fixed_size_list(kind):
        return np.dtype(kind.value_type.to_pandas_dtype()), (kind.list_size,)
    return np.dtype(kind.to_pandas_dtype()), ()


def _values(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    return matrix(column) if pa.types.is_fixed_size_list(column.type) else to_numpy(column)


def _run(folder: Path, run: str, name: str) -> Path:
    return folder / f"{run}-{name}.run"


def _edges(folder: Path, run: str) -> Path:
    return folder / f"{run}-edges.npy"

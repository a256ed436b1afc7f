"""Running a method: prepare, compute the units that have no record, commit the column."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..pool import Pool, PoolGrew
from ..pool.store import check_name
from ..progress import Progress, silent
from ..scores import METHODS
from ..scores.base import MAIN, Method, Unit
from ..versions import __version__
from ..workers.dispatch import check_engine, finished, gathered, session
from . import selftest
from .records import Records

IMPORTED = "import columns"


@dataclass(frozen=True)
class Part:
    """What a worker needs to compute its part of a statistic: small and picklable."""

    pool_path: Path
    part: Callable[[Pool, Unit], Any]

    def compute(self, unit: Unit) -> Any:
        return self.part(Pool.open(self.pool_path), unit)


@dataclass(frozen=True)
class _Everywhere:
    """Maps a function over units on the workers of a run; an `Each`."""

    engine: str
    workers: int
    address: str | None

    def __call__(
        self, pool: Pool, units: Sequence[Unit], part: Callable[[Pool, Unit], Any]
    ) -> Iterator[tuple[Unit, Any]]:
        task = Part(pool.path, part)
        return gathered(task, units, engine=self.engine, workers=self.workers, address=self.address)


@dataclass(frozen=True)
class Task:
    """What a worker needs to compute units: small and picklable."""

    pool_path: Path
    method: Method
    state: Any
    types: dict[str, pa.DataType]
    subject: dict[str, Any]

    def compute(self, unit: Unit, progress: Progress = silent) -> None:
        """Computes one unit and leaves its record."""
        pool = Pool.open(self.pool_path)
        made = self.method.compute(pool, unit, self.state, progress)
        Records(self.pool_path, self.subject).write(unit, made, self.types)


def run(
    pool: Pool,
    method: Method,
    *,
    column: str | None = None,
    engine: str = "local",
    workers: int = 1,
    address: str | None = None,
    replace: bool = False,
    progress: Progress = silent,
) -> Pool:
    """Makes the column of `method` and returns a handle on the pool that has it.

    `column` is its name (the method's id by default). Resumes after a crash by the records of finished units; does
    nothing if the pool has the column from the same method and parameters. Every model whose embeddings it reads takes the
    self-test of this pool first, which stays in the column's provenance with what the method found. Pairs added meanwhile are computed too.
    Raises InputError if the name is taken by something else, or the pool lacks what the method needs.
    """
    name = column or method.id
    check_name(name)
    check_engine(engine)
    while True:
        pool = pool.reload()
        made_by = {"method": method.id, "parameters": method.parameters(), "rows": len(pool), "poolscope": __version__}
        existing = pool.columns.get(name)
        same = existing is not None and _same(existing.made_by, made_by)
        if existing and same and existing.made_by.get("rows") == len(pool) and not replace:
            progress(len(pool), len(pool), f"{name} is up to date")
            return pool
        if existing and (existing.with_pairs or existing.made_by.get("method") == IMPORTED or existing.dim):
            raise InputError(f"column {name!r} was imported or embedded, and no score replaces it; choose another name with --as.")
        if existing and not same and not replace:
            raise InputError(
                f"column {name!r} exists already, made in another way; choose another name with --as, or add --replace."
            )
        method.check(pool)
        tests = (selftest.check(pool, model) for model in pool.models if f"{model}_img" in method.needs())
        made_by |= {"self_test": {test.model: test.as_json() for test in tests if test}}
        try:
            with session(engine, workers, address):
                return _make(pool, method, name, made_by, engine, workers, address, progress)
        except PoolGrew:
            continue


def _make(
    pool: Pool,
    method: Method,
    name: str,
    made_by: dict[str, Any],
    engine: str,
    workers: int,
    address: str | None,
    progress: Progress,
) -> Pool:
    types = method.outputs(pool)
    kept = {MAIN: name} | {key: place for key in types if key != MAIN and (place := _place(pool, method, name, key))}
    subject = {
        "method": method.id,
        "parameters": method.parameters(),
        "needs": _origins(pool, method),
        "poolscope": __version__,
    }
    records = Records(pool.path, subject)
    units = method.units(pool)
    todo = [unit for unit in units if unit not in records]
    if todo:
        state = method.prepare(pool, progress, _Everywhere(engine, workers, address))
        task = Task(pool.path, method, state, types, subject)
        done = sum(len(unit) for unit in units) - sum(len(unit) for unit in todo)
        _compute(task, todo, engine, workers, address, _Offset(progress, done, len(pool), name))
    made_by |= {"findings": method.findings(records.read(unit) for unit in units)}
    schema = pa.schema([(kept[key], types[key]) for key in kept])
    batches = _in_row_order(pool, records, units, list(kept), schema)
    if len(kept) == 1 or method.kind == "score":
        pool.add_column_stream(schema, batches, kind=method.kind, made_by=made_by, replace=True)
    else:
        main = pa.schema([schema.field(0)])
        rest = pa.schema(list(schema)[1:])
        extra = _in_row_order(pool, records, units, list(kept)[1:], rest)
        pool.add_column_stream(rest, extra, kind="metadata", made_by=made_by, replace=True)
        pool.add_column_stream(
            main, _in_row_order(pool, records, units, [MAIN], main), kind=method.kind, made_by=made_by, replace=True
        )
    records.clear()
    return pool.reload()


def _place(pool: Pool, method: Method, column: str, extra: str) -> str | None:
    """The name that an extra column of `method` takes; None if the pool has it already.

    A column of that name that means something else stays, and the extra one takes the main column's name before its
    own: `image_based --as near` leaves `near_cluster` where `cluster` was made with other centroids. Only what an
    earlier version of the same column left is replaced. Raises InputError if both names are taken.
    """
    main = pool.columns.get(column)
    for name in (extra, f"{column}_{extra}"):
        existing = pool.columns.get(name)
        if existing is None:
            return name
        if _means_the_same(existing.made_by, method, extra):
            return None if existing.made_by.get("rows") == len(pool) else name
        if main and existing.made_by.get("method") and existing.made_by == main.made_by:
            return name
    raise InputError(
        f"columns {extra!r} and {column + '_' + extra!r} exist already, made in another way; choose another name with --as."
    )


def _means_the_same(made_by: dict[str, Any], method: Method, extra: str) -> bool:
    """Whether a column made so holds what `method` would write into `extra`."""
    here = method.parameters()
    if made_by.get("method") == method.id and made_by.get("parameters") == here:
        return True
    maker = METHODS[made_by["method"]] if made_by.get("method") in METHODS else None
    if maker is None or extra not in maker.shared or extra not in method.shared:
        return False
    there = made_by.get("parameters", {})
    return all(there.get(name) == here.get(name) for name in method.shared[extra])


def _compute(
    task: Task, units: Sequence[Unit], engine: str, workers: int, address: str | None, progress: "_Offset"
) -> None:
    if engine == "local" and (workers <= 1 or len(units) <= 1):
        for unit in units:
            task.compute(unit, progress)
            progress.finish(unit)
        return
    for unit in finished(task, units, engine=engine, workers=workers, address=address):
        progress.finish(unit)


def _in_row_order(
    pool: Pool, records: Records, units: Sequence[Unit], keys: Sequence[str], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The recorded columns `keys` as batches in row order; listed rows are scattered into `(n,)` arrays first."""
    if all(unit.rows is None for unit in units):
        for unit in sorted(units, key=lambda unit: unit.start):
            for batch in records.read(unit).select(list(keys)).to_batches():
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        return
    whole = {}
    for key, entry in zip(keys, schema):
        whole[key] = np.zeros(len(pool), dtype=entry.type.to_pandas_dtype())
        if whole[key].dtype.kind == "f":
            whole[key].fill(np.nan)
    for unit in units:
        table = records.read(unit)
        rows = unit.rows if unit.rows is not None else np.arange(unit.start, unit.stop)
        for key in keys:
            whole[key][rows] = table[key].to_numpy()
    yield from pa.Table.from_arrays([pa.array(whole[key]) for key in keys], schema=schema).to_batches(
        max_chunksize=8192
    )


class _Offset:
    """Progress of one unit as progress of the whole."""

    def __init__(self, progress: Progress, done: int, total: int, message: str) -> None:
        self._progress, self._done, self._total, self._message = progress, done, total, message

    def __call__(self, done: int, total: int, message: str = "", **figures: float) -> None:
        self._progress(self._done + done, self._total, message or self._message, **figures)

    def finish(self, unit: Unit) -> None:
        self._done += len(unit)
        self._progress(self._done, self._total, self._message)


def _same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.get("method") == b["method"] and a.get("parameters") == b["parameters"]


def _origins(pool: Pool, method: Method) -> dict[str, Any]:
    return {name: pool.columns[name].made_by for name in method.needs() if name in pool.columns}

"""Running a method: prepare, compute the units that have no record, commit the column."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import InputError
from ..pool import Pool, PoolGrew, digests
from ..pool.columns import Kind
from ..pool.store import check_name
from ..progress import Progress, silent
from ..scores.base import MAIN, Method, Unit
from ..workers.dispatch import check_engine, finished, gathered, session
from . import selftest
from .made_by import describe, outdated, place_of, same_way
from .records import Records

INPUTS = ("method", "parameters", "contents", "columns", "resolved", "rows", "poolscope")
UNIT_SAMPLE = 8192  # values of an embedding or a text that tell a unit's rows from others
IMPORTED = "import columns"


@dataclass(frozen=True)
class Part:
    """What a worker needs to compute its part of a statistic: small and picklable."""

    pool_path: Path
    part: Callable[[Pool, Unit], Any]

    @property
    def device(self) -> str:
        """What the part computes on: a processor, unless it says otherwise."""
        return getattr(self.part, "device", "cpu")

    def compute(self, unit: Unit) -> Any:
        return self.part(Pool.open(self.pool_path), unit)


@dataclass(frozen=True)
class Everywhere:
    """The workers of a run. Maps a function over units on them; an `Each`."""

    engine: str
    workers: int
    address: str | None
    devices: tuple[str, ...] = ()

    def __call__(
        self, pool: Pool, units: Sequence[Unit], part: Callable[[Pool, Unit], Any]
    ) -> Iterator[tuple[Unit, Any]]:
        return gathered(Part(pool.path.resolve(), part), units, **vars(self))


@dataclass(frozen=True)
class Task:
    """What a worker needs to compute units: small and picklable."""

    pool_path: Path
    method: Method
    state: Any
    types: dict[str, pa.DataType]
    subject: dict[str, Any]
    rows: int | None

    @property
    def device(self) -> str:
        """What a unit computes on, as the provenance says it."""
        return self.method.resolved().get("device", "cpu")

    def compute(self, unit: Unit, progress: Progress = silent) -> None:
        """Computes one unit and leaves its record. Raises PoolGrew where a pool of other than `rows` pairs won't do."""
        pool = Pool.open(self.pool_path)
        if self.rows not in (None, len(pool)):
            raise PoolGrew(f"{self.rows:,} pairs became {len(pool):,}")
        scores = self.method.compute(pool, unit, self.state, progress)
        Records(self.pool_path, self.subject).write(unit, scores, self.types)


def run(
    pool: Pool,
    method: Method,
    *,
    column: str | None = None,
    engine: str = "local",
    workers: int = 1,
    address: str | None = None,
    gpus: int | None = None,
    replace: bool = False,
    progress: Progress = silent,
) -> Pool:
    """Makes the column of `method` and returns a handle on the pool that has it.

    Units of a method that has a `device` are spread over all GPUs of this machine, or as many as `gpus`.

    `column` is its name (the method's id by default). Resumes after a crash by the records of finished units; does
    nothing if the pool has the column from the same method, parameters and contents; makes it anew where a statistic,
    a file, a target set or a column that it was made of is another one now. Every model whose embeddings it reads takes
    the self-test of this pool first, which stays in the column's provenance with what the method found. Pairs added
    and contents replaced meanwhile count too.
    Raises InputError if the name is taken by something else, or the pool lacks what the method needs.
    """
    name = column or method.id
    check_name(name)
    check_engine(engine)
    while True:
        pool = pool.reload()
        made_by = _wanted(pool, method, name, replace, progress)
        if not made_by:
            return pool
        try:
            where = Everywhere(engine, workers, address, method.spread(gpus) if engine == "local" else ())
            with session(**vars(where)):
                return _make(pool, method, name, made_by, where, progress)
        except PoolGrew:
            continue


def _wanted(pool: Pool, method: Method, name: str, replace: bool, progress: Progress) -> dict[str, Any]:
    """The provenance of the column that is to be made; empty if the pool has it. Raises InputError as `run` does."""
    existing = pool.columns.get(name)
    if existing and (existing.with_pairs or existing.made_by.get("method") == IMPORTED or existing.dim):
        raise InputError(
            f"column {name!r} was imported or embedded, and no score replaces it; choose another name with --as."
        )
    method.check(pool)
    made_by = describe(method, pool)
    if existing and not replace:
        if not same_way(existing.made_by, made_by):
            raise InputError(
                f"column {name!r} exists already, made in another way; choose another name with --as, or add --replace."
            )
        reason = outdated(existing.made_by, made_by)
        if not reason:
            progress(len(pool), len(pool), f"{name} is up to date")
            return {}
        progress(0, len(pool), f"{name} is made again: {reason}")
    tests = (selftest.check(pool, model) for model in pool.models if f"{model}_img" in method.needs())
    return made_by | {"self_test": {test.model: test.as_json() for test in tests if test}}


def _make(
    pool: Pool,
    method: Method,
    name: str,
    made_by: dict[str, Any],
    where: Everywhere,
    progress: Progress,
) -> Pool:
    types = method.outputs(pool)
    extra = {key: place for key in types if key != MAIN and (place := place_of(pool, method, made_by, name, key))}
    kept = {MAIN: name} | extra
    subject, units = _work(pool, method, made_by)
    records = Records(pool.path, subject, {key: made_by[key] for key in ("method", "parameters")})
    records.sweep()
    todo = [unit for unit in units if unit not in records]
    own = type(method)
    tells = own.recognised is not Method.recognised or own.learnt is not Method.learnt
    learnt: Mapping[str, Any] = {}
    if todo:
        method.check_room(pool)
    if todo or tells:
        state = method.prepare(pool, progress, where)
        recognised = method.recognised(state)
        if recognised and (test := selftest.judged(f"{method.id}'s network", *recognised)):
            made_by["self_test"] |= {method.id: test.as_json()}
        learnt = method.learnt(state)
    if todo:
        total = sum(map(len, units))
        offset = Offset(progress, total - sum(map(len, todo)), total, name)
        task = Task(pool.path.resolve(), method, state, types, subject, subject.get("rows"))
        with closing(
            method.stages(pool, todo, state, folder=records.directory, progress=progress, each=where)
        ) as stages:
            for part, stage in stages:
                compute(replace(task, state=stage), part, where, offset)
    if describe(method, pool.reload()) != {key: made_by[key] for key in INPUTS}:
        raise PoolGrew("what the column is made of was replaced meanwhile")
    made_by |= {"findings": {**learnt, **method.findings(pool, (records.read(unit) for unit in units))}}
    _commit(pool, method, kept, types, records, units, made_by)
    records.clear()
    return pool.reload()


def _commit(
    pool: Pool,
    method: Method,
    kept: dict[str, str],
    types: dict[str, pa.DataType],
    records: Records,
    units: list[Unit],
    made_by: dict[str, Any],
) -> None:
    """Moves the records into the pool as columns named by `kept`; the main one last, which says that all are there."""
    extras = [key for key in kept if key != MAIN]
    commits: list[tuple[list[str], Kind]] = [(extras, "metadata"), ([MAIN], "flag")]
    for keys, kind in commits if method.kind == "flag" else [([MAIN, *extras], method.kind)]:
        schema = pa.schema([(kept[key], types[key]) for key in keys])
        batches = records.in_row_order(units, keys, schema, len(pool))
        if keys:
            pool.add_column_stream(schema, batches, kind=kind, made_by=made_by, replace=True)


def _work(pool: Pool, method: Method, made_by: dict[str, Any]) -> tuple[dict[str, Any], list[Unit]]:
    """What names the records of a column's units, and the units.

    Where units depend on the whole pool, by a statistic or by how they are cut, its size and the content of every
    column is part of the subject: another pool, other records. Else a unit's record bears the content of its own rows,
    so that pairs which are added leave it valid.
    """
    subject = {key: made_by[key] for key in INPUTS if key != "parameters"}
    same = {key: value for key, value in made_by["parameters"].items() if key not in made_by["contents"]}
    subject["parameters"] = same
    kind, units = type(method), method.units(pool)
    if method.at_once or kind.prepare is not Method.prepare or kind.units is not Method.units:
        return subject, units
    del subject["rows"], subject["columns"]
    return subject, [replace(unit, id=f"{unit.id}-{_held(pool, method, unit)}") for unit in units]


def _held(pool: Pool, method: Method, unit: Unit) -> str:
    """A digest of what the columns that a method reads hold in the rows of a unit."""
    names = [name for name in method.needs() if name in pool.columns]
    held = [pool.digest(name, start=unit.start, stop=unit.stop, most=UNIT_SAMPLE) for name in names]
    return digests.of_value(held)[:12]


def compute(task: Any, units: Sequence[Unit], where: Everywhere, progress: "Offset") -> None:
    """Leaves the record of each unit."""
    if where.engine == "local" and (max(where.workers, len(where.devices)) <= 1 or len(units) <= 1):
        for unit in units:
            task.compute(unit, progress)
            progress.finish(unit)
        return
    for unit, _ in finished(task, units, **vars(where)):
        progress.finish(unit)


class Offset:
    """Progress of one unit as progress of the whole."""

    def __init__(self, progress: Progress, done: int, total: int, message: str) -> None:
        self._progress, self._done, self._total, self._message = progress, done, total, message

    def __call__(self, done: int, total: int, message: str = "", **figures: float) -> None:
        self._progress(self._done + done, self._total, message or self._message, **figures)

    def finish(self, unit: Unit) -> None:
        self._done += len(unit)
        self._progress(self._done, self._total, self._message)

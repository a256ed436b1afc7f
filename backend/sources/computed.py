"""Import of columns: scores, flags, embeddings and metadata that were computed elsewhere join the pairs of a pool."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..pool import Pool, digests
from ..pool.lock import importing
from ..pool.store import check_name
from ..pool.work import spool
from ..progress import Progress, silent
from ..versions import __version__
from . import values
from .fields import storable
from .keyed import BATCH, Keyed, opened
from .pool_keys import PoolKeys
from .values import Guess, Kind
from .vectors import is_vector, side_of

METHOD = "import columns"


@dataclass
class Joined:
    """What an import of columns did: of each column its kind, and how many pairs have a value and how many lack one;
    `notes` say what was read in another way than it stands."""

    source: str
    rows: int = 0
    unknown: int = 0
    repeated: int = 0
    bad_rows: int = 0
    columns: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass
class _Column:
    """One column on its way: `source` in the file, `name` in the pool."""

    source: str
    name: str
    kind: Kind
    stored: pa.DataType
    replaces: bool
    commas: bool = False
    present: int = 0
    unread: int = 0


@dataclass(frozen=True)
class Wish:
    """What to take of a file and how to call it; see `import_columns`."""

    on: str = "uid"
    columns: Sequence[str] | None = None
    kind: Kind | None = None
    name: str | None = None
    side: str | None = None
    model: str | None = None
    force: bool = False


def import_columns(
    pool: Pool,
    source: str | Path,
    *,
    on: str = "uid",
    key: str | None = None,
    keys: str | Path | None = None,
    kind: str | None = None,
    columns: Sequence[str] | None = None,
    name: str | None = None,
    side: str | None = None,
    model: str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Joined:
    """Joins the values of a parquet, CSV, `.npy` or `.npz` to the pairs of `pool`, as new columns in row order.

    `on`: what the keys are: `uid`, `id`, `url`, another text column of the pool, or `row` (0 for the first pair; without
    such a column the file's order). `key`: the file's key column, by default of that name. `keys`: for a `.npy`, a file of
    its keys in order. `columns`: what to take, by default all that the pool lacks. `kind`: by default truth values are
    flags, floating numbers scores, lists of numbers embeddings, all else metadata; text of a CSV counts as what all of it
    can be read as. `name` renames a column; of an embedding it is the model's name, stored as `<name>_<side>`, unit-norm
    float16; `model` is the open_clip model it was made with, for search by text.
    Pairs without a value get NaN (null for flags and text), keys that the pool lacks are left out, of repeated keys the
    first counts; all are told. Memory: 60 bytes a pair; the file is spooled to the pool's `work` directory.
    Raises InputError for a file that can't be read, no key that the pool has, a column that exists (unless `force`, and
    never one that came with the pairs), and values that can't be of that kind.
    """
    source = Path(source)
    wish = Wish(on, columns, values.as_kind(kind), name, side, model, force)
    with working(pool) as (pool, work), opened(source, on, key, Path(keys) if keys else None, work) as keyed:
        return join(
            pool, keyed, wish, work, source=str(source), digest=lambda: digests.of_path(source), progress=progress
        )


@contextmanager
def working(pool: Pool) -> Iterator[tuple[Pool, Path]]:
    """The newest version of the pool, to which no pairs are added meanwhile, and a directory that is removed after."""
    with importing(pool.path), spool(pool.path) as work:
        yield pool.reload(), work


def join(
    pool: Pool,
    keyed: Keyed,
    wish: Wish,
    work: Path,
    *,
    source: str,
    digest: Callable[[], str],
    progress: Progress = silent,
) -> Joined:
    """`import_columns` for values that are open already; `source` and their `digest` become the columns' provenance."""
    joined, values_path = Joined(source), work / "values.arrow"
    wanted = _wanted(keyed, wish.columns, pool, joined)
    pool_keys = PoolKeys(pool, wish.on)
    guesses = _spool(keyed, wanted, pool_keys, values_path, joined, progress, len(pool))
    _check_joined(joined, pool_keys, pool, wish.on)
    planned = [_plan(one, guesses[one], wish, pool, alone=len(wanted) == 1) for one in wanted]
    _check_plan(planned, wish.name)
    made_by = {"method": METHOD, "source": Path(source).name, "digest": digest(), "on": wish.on, "rows": len(pool)}
    _write(pool, planned, values_path, pool_keys.origins(), made_by | {"poolscope": __version__}, wish.model)
    joined.columns = [
        {
            "name": one.name, "from": one.source, "kind": one.kind, "pairs": one.present,
            "missing": len(pool) - one.present,
        }
        for one in planned
    ]  # fmt: skip
    joined.notes += [f"column {one.source!r}: its commas are decimal, 0,5 is 0.5" for one in planned if one.commas]
    joined.notes += [
        f"column {one.source!r}: values that are no {one.kind}, counted as missing: {one.unread:,}"
        for one in planned
        if one.unread
    ]
    return joined


def _wanted(keyed: Keyed, columns: Sequence[str] | None, pool: Pool, joined: Joined) -> list[str]:
    """The file's columns to take: those asked for, or all that the pool did not bring along itself."""
    missing = next((one for one in columns or () if one not in keyed.types), None)
    if missing is not None:
        raise InputError(f"the file has no column {missing!r}; it has {', '.join(keyed.types) or 'none'}.")
    if columns:
        return list(dict.fromkeys(columns))
    own = {"uid", *(one.name for one in pool.columns.values() if one.with_pairs)}
    joined.left_out = [one for one, type_ in keyed.types.items() if one in own and not is_vector(type_)]
    wanted = [one for one in keyed.types if one not in joined.left_out]
    if not wanted:
        raise InputError(f"the file has no column that the pool lacks; it has {', '.join(keyed.types) or 'none'}.")
    return wanted


def _spool(
    keyed: Keyed, wanted: list[str], keys: PoolKeys, path: Path, joined: Joined, progress: Progress, pairs: int
) -> dict[str, Guess]:
    """Writes the values that pairs will get, in the file's order, where they can be mapped from."""
    plain = {one: kind.value_type if pa.types.is_dictionary(kind) else kind for one, kind in keyed.types.items()}
    schema = pa.schema([(one, plain[one]) for one in wanted])
    guesses = {one: Guess(plain[one], text=keyed.text, commas=keyed.commas) for one in wanted}
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, schema) as writer:
        for wanted_keys, batch in keyed.batches(wanted):
            fresh = keys.take(wanted_keys, joined.rows, batch.num_rows)
            joined.rows += batch.num_rows
            part = batch.select(wanted).cast(schema).take(pa.array(fresh))
            for one in wanted:
                guesses[one].add(part.column(one))
            if len(fresh):
                writer.write_batch(part)
            progress(joined.rows, keyed.rows or max(pairs, joined.rows), "rows read")
    joined.unknown, joined.repeated, joined.bad_rows = keys.unknown, keys.repeated, keyed.bad_rows
    return guesses


def _check_joined(joined: Joined, keys: PoolKeys, pool: Pool, on: str) -> None:
    if not keys.taken:
        raise InputError(
            f"none of the {joined.rows:,} keys of {joined.source!r} is the {on} of a pair of {pool.name!r}; choose what they "
            "are with --on, and the column with --key."
        )
    if keys.by_place and joined.bad_rows:
        raise InputError(
            f"{joined.source!r} has {joined.bad_rows:,} rows that can't be read, so the places of the others are unsure; mend "
            "them, give a column `row`, or join on the uid."
        )
    if on == "row" and (joined.unknown or (keys.by_place and joined.rows != len(pool))):
        raise InputError(
            f"{joined.source!r} has {joined.rows:,} rows, and {pool.name!r} has {len(pool):,} pairs, counted from 0; give a "
            "row for each pair, a column `row`, or join on the uid."
        )


def _plan(source: str, guess: Guess, wish: Wish, pool: Pool, *, alone: bool) -> _Column:
    kind = wish.kind or guess.kind()
    column = wish.name if wish.name and alone else storable(source, set())
    if kind == "embedding":
        column = _embedding_name(source, wish.name, wish.side)
    elif wish.side is not None:
        raise InputError(f"--side {wish.side} is for embeddings, and {source!r} is a {kind}; leave it out.")
    check_name(column)
    before = pool.columns.get(column)
    if before is not None and before.with_pairs:
        raise InputError(f"column {column!r} came with the pairs and is never replaced; choose another name with --as.")
    if before is not None and not wish.force:
        raise InputError(
            f"column {column!r} exists already; choose another name with --as, or replace it with --force."
        )
    try:
        commas = kind == "score" and guess.decimal_commas
        return _Column(source, column, kind, guess.stored(kind), before is not None, commas)
    except InputError as error:
        raise InputError(f"column {source!r}: {error}") from None


def _embedding_name(source: str, name: str | None, side: str | None) -> str:
    if side not in (None, "img", "txt"):
        raise InputError(f"--side {side!r} is not known; choose img or txt.")
    if name is None and side is None and source.endswith(("_img", "_txt")):
        return storable(source, set())
    known = side or side_of(source)
    if name is None or known is None:
        raise InputError(
            f"{source!r} is an embedding: say the model's name with --as NAME and which side of a pair it embeds with "
            "--side img or --side txt."
        )
    return f"{name}_{known}"


def _check_plan(planned: list[_Column], name: str | None) -> None:
    names = [one.name for one in planned]
    if name and len(planned) > 1 and all(one.kind != "embedding" for one in planned):
        raise InputError(f"--as {name} names one column, and there are {len(planned)}; take one with --columns.")
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice is not None:
        raise InputError(
            f"{names.count(twice)} columns would be named {twice!r}; take one with --columns, or leave out --as {name}."
        )


def _write(
    pool: Pool, planned: list[_Column], path: Path, origins: np.ndarray, made_by: dict[str, Any], model: str | None
) -> None:
    """One commit for each kind: a kind is whole or not there."""
    for kind in values.KINDS:
        part = [one for one in planned if one.kind == kind]
        if part:
            schema = pa.schema([(one.name, one.stored) for one in part])
            about = made_by | ({"model": model} if model and kind == "embedding" else {})
            batches = _gathered(part, schema, path, origins)
            pool.add_column_stream(schema, batches, kind=kind, made_by=about, replace=any(one.replaces for one in part))


def _gathered(part: list[_Column], schema: pa.Schema, path: Path, origins: np.ndarray) -> Iterator[pa.RecordBatch]:
    """The columns in row order: for each batch of pairs, its values from the batches of the spool that hold them."""
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as spool:
        parts = [
            spool.get_batch(number).select([one.source for one in part]) for number in range(spool.num_record_batches)
        ]
        edges = np.cumsum([0, *(one.num_rows for one in parts)])
        for start in range(0, len(origins), BATCH):
            yield _batch(part, schema, parts, edges, origins[start : start + BATCH])


def _batch(
    part: list[_Column], schema: pa.Schema, parts: list[pa.RecordBatch], edges: np.ndarray, wanted: np.ndarray
) -> pa.RecordBatch:
    there = np.flatnonzero(wanted >= 0)
    unique, inverse = np.unique(wanted[there], return_inverse=True)
    number = np.searchsorted(edges, unique, side="right") - 1
    taken = [parts[one].take(pa.array(unique[number == one] - edges[one])) for one in np.unique(number)]
    index = np.zeros(len(wanted), dtype=np.int64)
    index[there] = inverse
    places = pa.array(index, mask=wanted < 0)
    arrays = []
    for column, kind in zip(part, schema.types):
        stacked = pa.concat_arrays(
            [one.column(column.source) for one in taken] or [pa.nulls(0, parts[0].column(column.source).type)]
        )
        given = stacked.take(places)
        converted, good = values.converted(given, column.kind, kind, commas=column.commas)
        column.unread += values.unread(given, good)
        column.present += int(good.sum())
        arrays.append(converted)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)

"""Builds the demo pool from the shipped assets: pairs, teacher's embeddings, first scores, map, groups of the audit."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from filelock import FileLock

from ..errors import InputError
from ..paths import ASSETS
from ..progress import Progress, Steps, silent

if TYPE_CHECKING:
    from ..pool import Pool

SOURCE = ASSETS / "demo"
THUMBNAILS = "thumbnails.zip"
MODEL = "demo"
SCORES = ("clip_score", "english", "basic", "random")
SHARES = {"pairs": 0.01, "prepared": 0.99}  # of the whole, measured on two cores


def build(
    path: Path | str, *, prepare: Callable[..., Any], with_records: bool = True, progress: Progress = silent
) -> "Pool":  # fmt: skip
    """The demo pool at `path`, made if it is not there; about a minute and a half on two cores.

    `prepare` makes the new pool alive: `poolscope.engine.prepare.prepare`, which lies above this room. It grows in a directory beside `path` that is renamed at the end, so `path` is either whole or absent; a second
    call after an interruption goes on where the first stopped, and a second process waits for the first.
    `with_records` puts the runs, the sweep and the bias report that ship with it into this home, see `records`.
    Raises InputError if `path` is taken by something else or the assets are missing.
    """
    from ..pool import Pool

    path = Path(path)
    if (path / "pool.json").exists():
        return Pool.open(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):  # another process may be building it
        return _build(path, prepare, with_records, progress)


def _build(path: Path, prepare: Callable[..., Any], with_records: bool, progress: Progress) -> "Pool":
    from ..pool import Pool

    if (path / "pool.json").exists():  # made by another process while this one waited
        return Pool.open(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{str(path)!r} exists and is not a pool; choose an empty or new directory for the demo pool.")
    missing = [name for name in ("pairs.parquet", THUMBNAILS, "teacher.safetensors") if not (SOURCE / name).exists()]
    if missing:
        raise InputError(
            f"the demo's {missing[0]} is not in {str(SOURCE)!r}; install Poolscope again, or see assets/README.md."
        )
    part = path.with_name(f"{path.name}.part")
    steps = Steps(SHARES, progress)
    pool = _pairs(part, steps.of("pairs"))
    prepare(pool, MODEL, name=MODEL, scores=SCORES, progress=steps.of("prepared"))
    if with_records:
        from .records import FILE, unpack

        unpack(pool, path, SOURCE / FILE.name)
    os.replace(part, path)
    progress(100, 100, "demo pool built")
    return Pool.open(path)


def _pairs(part: Path, progress: Progress) -> "Pool":
    """The unfinished pool with all pairs in it; one that an earlier call left is used if it has them."""
    import pyarrow.parquet as pq

    from ..pool import Pool

    table = pq.read_table(SOURCE / "pairs.parquet")
    if (part / "pool.json").exists():
        pool = Pool.open(part)
        if len(pool) == len(table):
            return pool
    shutil.rmtree(part, ignore_errors=True)
    fields = [field for field in table.schema if field.name != "uid"]
    schema = pa.schema([*fields, pa.field("face_bboxes", pa.list_(pa.list_(pa.float64())))])
    pool = Pool.create(part, schema, {"source": "demo", "assets": "assets/demo/pairs.parquet"})
    shutil.copyfile(SOURCE / THUMBNAILS, part / THUMBNAILS)
    progress(0, len(table), "writing the pairs")
    pool.append(_batches(table))
    progress(len(table), len(table), f"{len(table):,} pairs written")
    return pool.reload()


def _batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """The pairs with their uids as two numbers."""
    from ..pool import uid_pairs
    from ..pool.columns import KEY_FIELDS

    uids = uid_pairs(table["uid"].combine_chunks())
    table = table.drop_columns("uid")
    for place, key in enumerate(KEY_FIELDS):
        table = table.add_column(place, key, pa.array(uids[f"f{place}"]))
    yield from table.to_batches(max_chunksize=8192)

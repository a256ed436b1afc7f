"""Tar index: where each pair's sample lies in shards, so that an image is one seek away and a reshard reads no more."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import files
from ..errors import InputError
from ..pool import UID_DTYPE, Pool, PoolGrew, digests
from ..pool.lock import importing
from ..pool.tar import BrokenTar, ReadAt, Sample, local_reader, samples
from ..progress import Progress, silent
from ..versions import __version__
from ..workers.dispatch import finished
from .captions import LONGEST_CAPTION
from .remote import Place, open_binary
from .report import Report

PLACES = pa.schema(
    [
        ("image", pa.utf8()),
        ("image_offset", pa.int64()),
        ("image_bytes", pa.int64()),
        ("sample_offset", pa.int64()),
        ("sample_size", pa.int64()),
    ]
)
LARGEST_JSON = 8 * LONGEST_CAPTION
ENTRY = np.dtype([(name, "<i8") for name in ("row", *PLACES.names[1:])])
_UID = re.compile(rb'"uid"\s*:\s*"([0-9a-f]{32})"')
_KEY = re.compile(r"(?:.*/)?([0-9a-f]{32})(?:-\d+)?")


def index_shards(
    pool: Pool,
    shards: str | Path,
    *,
    engine: str = "local",
    workers: int = 1,
    address: str | None = None,
    progress: Progress = silent,
) -> Report:
    """Finds the pool's pairs in tars and stores where their samples lie; a directory, one tar, or an fsspec URL.

    A sample belongs to the pair whose uid its `.json` or its key gives. Sets `image` (the tar), `image_offset`,
    `image_bytes`, `sample_offset`, `sample_size` of the pairs found; other pairs keep theirs. A tar that was indexed
    before and has not changed is not read again. Resumes by tar. Memory: 36 bytes a pair of the pool.
    The report counts pairs found as `added` and samples of other pools as skipped.
    Raises InputError if there is no tar.
    """
    place = Place(str(shards))
    sizes = place.sizes(".tar")
    if not sizes:
        raise InputError(f"no .tar in {str(shards)!r}; give a directory of webdataset shards, or one .tar file.")
    with importing(pool.path):
        pool = pool.reload()
        known_path = pool.path / "shards.json"
        known = files.read_json(known_path) if known_path.exists() else {}
        about = {path: [size, _modified(path), len(pool)] for path, size in zip(map(place.path, sizes), sizes.values())}
        todo = [path for path in about if known.get(path) != about[path]]
        work = pool.path / "work" / f"index-{digests.of_value([sorted(todo), __version__])[:16]}"
        units = [TarUnit(hashlib.sha256(path.encode()).hexdigest()[:24], path) for path in todo]
        report = Report(place.url)
        task = TarTask(pool.path.resolve(), work)
        missing = [unit for unit in units if not task.record(unit).exists()]
        done = len(units) - len(missing)
        for unit, _ in finished(task, missing, engine=engine, workers=workers, address=address):
            done += 1
            progress(done, len(units), f"{unit.path.rsplit('/', 1)[-1]} indexed")
        if units:
            _commit(pool, task, units, report)
            files.write_json(known_path, known | about)
        shutil.rmtree(work, ignore_errors=True)
    report.save(pool.path)
    return report


@dataclass(frozen=True)
class TarUnit:
    """A work unit: one tar."""

    id: str
    path: str

    def __len__(self) -> int:
        return 1


@dataclass(frozen=True)
class TarTask:
    """Scans tars; leaves of each the places of the pool's pairs, and a count of what was skipped."""

    pool_path: Path
    work: Path

    def record(self, unit: TarUnit) -> Path:
        return self.work / f"{unit.id}.json"

    def compute(self, unit: TarUnit, progress: Progress = silent) -> None:
        report, entries, uids = Report(unit.path), [], []
        try:
            with reading(unit.path) as (read_at, length):
                for sample in usable(samples(read_at, length), unit.path, report):
                    uid = uid_of(sample, read_at)
                    image = sample.image()
                    if uid is None or image is None:
                        report.skip("no image" if image is None else "no uid", f"{unit.path}: {sample.key}")
                        continue
                    uids.append((int(uid[:16], 16), int(uid[16:], 16)))
                    entries.append((0, image.offset, image.size, sample.start, sample.stop - sample.start))
        except (BrokenTar, OSError, ValueError) as error:
            report.skip("tar is damaged or truncated", f"{unit.path}: {error}")
        table = np.array(entries, dtype=ENTRY)
        table["row"] = Pool.open(self.pool_path).rows_of(np.array(uids, dtype=UID_DTYPE))
        report.skip_many("sample of another pool", int(np.count_nonzero(table["row"] < 0)), [])
        files.write_array(self.record(unit).with_suffix(".npy"), table[table["row"] >= 0])
        files.write_json(self.record(unit), {"skipped": report.skipped, "examples": report.examples})


def _modified(path: str) -> int:
    return 0 if "://" in path else Path(path).stat().st_mtime_ns


def usable(given: Iterator[Sample], shard: str, report: Report) -> Iterator[Sample]:
    """The samples of a tar without a problem; the others are counted, except for plain directories."""
    for sample in given:
        if not sample.problem:
            yield sample
        elif sample.problem != "directory":
            report.skip(sample.problem, f"{shard}: {sample.key}")


def uid_of(sample: Sample, read_at: ReadAt) -> str | None:
    """The uid that a sample's JSON gives, else its key; None if neither does. Reads at most 800 kB."""
    about = sample.part("json")
    if about is not None and about.size <= LARGEST_JSON:
        match = _UID.search(read_at(about.offset, about.size))
        if match:
            return match[1].decode()
    named = _KEY.fullmatch(sample.key)
    return named[1] if named else None


@contextmanager
def reading(path: str) -> Iterator[tuple[ReadAt, int]]:
    """Random reads in a local file or an fsspec URL, by any number of threads, and its length."""
    with open_binary(path) as handle:
        length = handle.seek(0, 2)
        if "://" not in path:
            yield local_reader(handle.fileno()), length
            return
        turn = Lock()  # a remote file has one position

        def read_at(offset: int, size: int) -> bytes:
            with turn:
                handle.seek(offset)
                return handle.read(size)

        yield read_at, length


def _commit(pool: Pool, task: TarTask, units: list[TarUnit], report: Report) -> None:
    """Replaces the place columns by what the records and the old columns say; again if pairs were added meanwhile."""
    while True:
        pool = pool.reload()
        which = np.full(len(pool), -1, dtype=np.int32)
        where = np.zeros((len(pool), len(PLACES.names) - 1), dtype=np.int64)
        for number in reversed(range(len(units))):  # a pair in two tars is read from the first
            table = files.read_array(task.record(units[number]).with_suffix(".npy"))[::-1]
            which[table["row"]] = number
            for column, name in enumerate(PLACES.names[1:]):
                where[table["row"], column] = table[name]
        batches = _merged(pool, [unit.path for unit in units], which, where)
        made_by = {"method": "index", "poolscope": __version__}
        try:
            pool.add_column_stream(PLACES, batches, kind="metadata", made_by=made_by, replace=True)
        except PoolGrew:
            continue
        break
    report.added = int(np.count_nonzero(which >= 0))
    for unit in units:
        report.join(files.read_json(task.record(unit)))


def _merged(pool: Pool, paths: list[str], which: np.ndarray, where: np.ndarray) -> Iterator[pa.RecordBatch]:
    tars = pa.array(paths, type=pa.utf8())
    old = [name for name in PLACES.names if name in pool.columns]
    seen = 0
    for batch in pool.scan(["uid_hi", *old], batch_size=16_384):
        rows = slice(seen, seen + batch.num_rows)
        seen += batch.num_rows
        new = pa.array(which[rows] >= 0)
        arrays: list[pa.Array] = []
        for number, entry in enumerate(PLACES):
            before = batch.column(entry.name) if entry.name in old else pa.nulls(batch.num_rows, entry.type)
            if number == 0:
                index = pa.array(which[rows], mask=which[rows] < 0)
                values = tars.take(index)
            else:
                values = pa.array(np.ascontiguousarray(where[rows, number - 1]))
            arrays.append(pc.if_else(new, values, before))
        yield pa.RecordBatch.from_arrays(arrays, schema=PLACES)

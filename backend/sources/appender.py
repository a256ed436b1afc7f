"""Appender: checks candidate pairs, appends the good ones in large commits, and remembers which units are done."""

import copy
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import files
from ..errors import InputError
from ..pool import Pool, uid_pairs
from ..pool.columns import KEY_FIELDS, describe
from ..pool.lock import importing
from ..pool.places import as_path, uri_of
from ..progress import Progress
from .captions import problem_of
from .report import Report
from .seen import Seen

COMMIT_ROWS = 131_072
_UID = re.compile(r"[0-9a-f]{32}")

STANDARD = pa.schema(
    [
        ("text", pa.utf8()),
        ("url", pa.utf8()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sha256", pa.utf8()),
        ("face_bboxes", pa.list_(pa.list_(pa.float64()))),
        ("image", pa.utf8()),
        ("image_offset", pa.int64()),
        ("image_bytes", pa.int64()),
    ]
)


def made_uid(sha256: str, text: str, url: str | None) -> str:
    """The uid of a pair that has none: the MD5, which is 128 bits, of the url (or the image's hash) and the caption."""
    return hashlib.md5(f"{url or sha256}\0{text}".encode(), usedforsecurity=False).hexdigest()


class Appender:
    """Takes pairs unit by unit (a tar, a slice of a table); `flush` commits them and then records the units as done.

    A crash between commit and record is harmless: on resume the pairs are found by uid and counted as present.
    A thread writes one commit while the next pairs are read, so twice `COMMIT_ROWS` pairs are held at most.
    """

    def __init__(
        self,
        pool_path: str | Path,
        source: str,
        schema: pa.Schema,
        origin: Mapping[str, Any],
        bound: Mapping[str, Any] | None = None,
    ) -> None:
        """`bound`: what the journal is bound to beside the source, see `binding`; another import of it begins anew."""
        self._before_it = emptiness(pool_path)
        forget_unfinished(pool_path, schema)
        if Pool.exists(pool_path):
            self.pool = Pool.open(pool_path)
            self.schema = self._checked(schema)
        else:
            self.schema = schema
            self.pool = Pool.create(pool_path, schema, origin)
        subject = json.dumps([source, bound], sort_keys=True) if bound else source
        digest = hashlib.sha256(subject.encode(errors="surrogatepass")).hexdigest()[:16]
        self.key = digest
        self._journal = self.pool.path / "work" / f"import-{digest}.json"
        known = files.read_json(self._journal) if self._journal.exists() else {"units": [], "report": None}
        self.units: list[str] = known["units"]
        self.report = Report.from_json(known["report"]) if known["report"] else Report(source)
        self._taken: set[str] = set()
        self._seen = Seen()
        self._rows: list[dict[str, Any]] = []
        self._batches: list[pa.RecordBatch] = []
        self._pending: list[str] = []
        self._lock = ExitStack()
        self._commit: Future[None] | None = None

    def __enter__(self) -> "Appender":
        """Waits until no other import runs on the pool, for uids tell which pairs are new."""
        self._lock.enter_context(importing(self.pool.path))
        self._lock.enter_context(leaving_nothing(self.pool.path, self._before_it))
        self._writer = self._lock.enter_context(ThreadPoolExecutor(1))
        self.pool = self.pool.reload()
        self._before = self.pool.reload()
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.__exit__(*error)  # type: ignore[arg-type]

    def take(self, batch: pa.RecordBatch, uids: np.ndarray, where: Callable[[int], str]) -> None:
        """Keeps the pairs of a batch in the columns of the schema for the next commit; those whose uid came before are
        counted as present or as duplicates. `uids`: `(n,)` records; `where(i)` names a pair of the batch."""
        fresh = self._seen.fresh(uids)
        again = np.flatnonzero(~fresh)
        self.report.skip_many("duplicate uid", len(again), [where(int(row)) for row in again[:5]])
        if len(self._before):
            present = fresh & (self._before.rows_of(uids) >= 0)
            self.report.present += int(np.count_nonzero(present))
            fresh &= ~present
        if not fresh.all():
            batch, uids = batch.filter(pa.array(fresh)), uids[fresh]
        if len(uids):
            arrays = [batch.column(entry.name) for entry in self.schema]
            self._batches.append(self._keyed(uids, arrays))

    def _keyed(self, uids: np.ndarray, arrays: list[pa.Array]) -> pa.RecordBatch:
        keys = [pa.array(np.ascontiguousarray(uids["f0"])), pa.array(np.ascontiguousarray(uids["f1"]))]
        return pa.RecordBatch.from_arrays(keys + arrays, schema=pa.schema([*KEY_FIELDS, *self.schema]))

    @property
    def waiting(self) -> int:
        """Pairs that wait for the next commit."""
        return len(self._rows) + sum(batch.num_rows for batch in self._batches)

    def offer(self, pair: dict[str, Any], where: str, *, blank: bool = False) -> None:
        """Checks one pair and keeps it for the next commit, or counts why it is skipped; with `blank`, a pair whose
        caption can't be used is kept without one."""
        problem = problem_of(pair.get("text"))
        if problem and not blank:
            return self.report.skip(problem, where)
        uid = pair.pop("uid")
        if not isinstance(uid, str) or not _UID.fullmatch(uid):
            return self.report.skip("uid is not 32 lower-case hex digits", where)
        if uid in self._taken:
            return self.report.skip("duplicate uid", where)
        self._taken.add(uid)
        if problem:
            pair["text"] = None
            self.report.without_caption(problem, 1, [where])
        pair["uid"] = uid
        self._rows.append(pair)
        return None

    @property
    def full(self) -> bool:
        """Whether enough pairs wait for a commit."""
        return self.waiting >= COMMIT_ROWS

    def mark(self, unit: str) -> None:
        """Marks the unit as read, from the next commit on."""
        self._pending.append(unit)

    def done(self, unit: str, progress: Progress, position: int, total: int) -> None:
        """Marks the unit as read; commits when enough pairs wait."""
        self.mark(unit)
        waiting = self.waiting
        if self.full:
            self.flush()
        progress(position, total, f"{self.report.added + (waiting if self._pending else 0):,} pairs")

    def flush(self) -> None:
        if self._rows:
            uids = uid_pairs([row["uid"] for row in self._rows])
            new = self._before.rows_of(uids) < 0
            self.report.present += int(np.count_nonzero(~new))
            self._rows = [row for row, is_new in zip(self._rows, new) if is_new]
            uids = uids[new]
        if self._rows:
            arrays = [pa.array([row.get(entry.name) for row in self._rows], type=entry.type) for entry in self.schema]
            self._batches.append(self._keyed(uids, arrays))
        self._wait()
        report = copy.deepcopy(self.report.as_json())
        self._commit = self._writer.submit(self._write, self._batches, self._pending, report)
        self._rows, self._batches, self._pending = [], [], []

    def _wait(self) -> None:
        """Waits for the commit under way. Raises what it raised."""
        if self._commit is not None:
            self._commit.result()
            self._commit = None

    def _write(self, batches: list[pa.RecordBatch], units: list[str], report: dict[str, Any]) -> None:
        """Commits pairs, then records the units that they came from and the report as it was after them."""
        if batches:
            self.report.added += self.pool.append(_sliced(batches))
        self.units += units
        report["added"] = self.report.added
        files.write_json(self._journal, {"units": self.units, "report": report})

    def finish(self) -> Report:
        """Commits the rest, writes the report and forgets the journal."""
        self.flush()
        self._wait()
        if not len(self.pool):
            raise InputError(f"no pair could be imported from {self.report.source!r} ({self.report.reasons()}).")
        self.report.save(self.pool.path)
        self._journal.unlink(missing_ok=True)
        self.pool.uid_order()
        return self.report

    def _checked(self, schema: pa.Schema) -> pa.Schema:
        """The fields to write; those that the pool lacks are made first, null for the pairs that it has."""
        places = ("sample_offset", "sample_size")
        missing = [e for e in schema if e.name not in self.pool.schema.names and e.name not in places]
        for entry in schema:
            has = self.pool.schema.field(entry.name).type if entry.name in self.pool.schema.names else entry.type
            if has != entry.type:
                raise InputError(
                    f"column {entry.name!r} is {has} in the pool and {entry.type} in the source; rename it in the source."
                )
        if missing:
            widen(self.pool, pa.schema(missing))
        return pa.schema([entry for entry in schema if entry.name in self.pool.schema.names])


def widen(pool: Pool, schema: pa.Schema) -> None:
    """Adds columns to a pool, null for the pairs that it has; kind and provenance are those in the fields."""
    sizes = [batch.num_rows for batch in pool.scan(["uid"], batch_size=8192)]
    for kind in dict.fromkeys(column.kind for column in describe(schema).values()):
        part = pa.schema([entry for entry in schema if describe(schema)[entry.name].kind == kind])
        empty = (pa.RecordBatch.from_arrays([pa.nulls(n, e.type) for e in part], schema=part) for n in sizes)
        pool.add_column_stream(part, empty, kind=kind, made_by={"method": "import"})


def _sliced(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Few rows at once where they have embeddings; without, Lance takes a third less time for many."""
    wide = any(pa.types.is_fixed_size_list(kind) for kind in batches[0].schema.types)
    size = 8192 if wide else 65_536
    return [batch.slice(start, size) for batch in batches for start in range(0, batch.num_rows, size)]


def forget_unfinished(given: str | Path, schema: pa.Schema) -> None:
    """Removes a pool without a pair that a killed import left, unless this one can go on with it."""
    if uri_of(given) is not None:
        return
    path = as_path(given)
    if (path / "pool.json").exists():
        left = Pool.open(path)
        if not len(left) and {*schema.names} - {*left.schema.names} and "kind" in left.origin:
            clear(path, itself=False)


def emptiness(given: str | Path) -> str:
    """`none`, `empty` or `full`: what is at a pool's place before an import; a pool without a pair is empty.

    A place in an object store counts as full: nothing is ever removed there.
    """
    if uri_of(given) is not None:
        return "full"
    path = as_path(given)
    if not path.exists():
        return "none"
    if (path / "pool.json").exists():
        return "full" if len(Pool.open(path)) else "empty"
    return "full" if not path.is_dir() or any(path.iterdir()) else "empty"


@contextmanager
def leaving_nothing(path: Path, before: str) -> Iterator[None]:
    """Removes a pool that the block made and put no pair into, if the block fails."""
    try:
        yield
    except BaseException:
        if before != "full" and not len(Pool.open(path)):
            clear(path, itself=before == "none")
        raise


def clear(path: Path, *, itself: bool) -> None:
    """Removes what is in a pool's directory, and the directory `itself`."""
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    if itself:
        path.rmdir()

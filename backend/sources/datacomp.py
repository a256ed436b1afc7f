"""Import of DataComp's metadata: parquet files and the feature files beside them, by vectors, file by file."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from .. import files
from ..errors import InputError, first_line
from ..pool import Pool, commit, digests
from ..pool.lock import importing
from ..progress import Progress, silent
from ..versions import __version__
from ..workers.dispatch import finished
from ..workers.threads import in_order
from .appender import emptiness, leaving_nothing
from .binding import binding
from .file_task import DIFFER, FileTask, FileUnit
from .layout import Layout, arrays, joint, of_schema
from .npz import Damaged, both_sides, members, names
from .plan import UNREADABLE, beside, choose, parquet, scan
from .remote import Place
from .report import Report

COMMIT_ROWS = 1_000_000
FEATURES = ".npz"


def import_datacomp(
    source: str | Path,
    pool_path: str | Path,
    *,
    embeddings: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    shards: str | Path | None = None,
    dedup_features: bool = False,
    verify: bool = True,
    engine: str = "local",
    workers: int = 2,
    address: str | None = None,
    progress: Progress = silent,
) -> Report:
    """Makes or extends a pool from `<stem>.parquet` (and `<stem>.npz`) files, local or at an fsspec URL.

    `embeddings`: the families to take from the feature files (`("l14", "b32")`), none of them (`()`), or all that there
    are (None). `columns` maps `uid`, `text`, `url`, `width`, `height`, `sha256`, `face_bboxes` to names that the usual
    ones don't cover. `shards`: a directory of tars to index afterwards, see `sources.index_shards`.
    `dedup_features` takes the copy-detection features along, as the embedding `dedup`. Without `verify`, features come in
    that differ from the similarity scores of their pairs. `pool_path` may be the URI of a LanceDB database, such as
    `s3://bucket/pool`.

    Every pair comes in, so that numbers of pairs and fractions are DataComp's. A caption that is empty, longer than
    100,000 characters, not UTF-8, or that holds a NUL byte is null, and the report counts it: the pair keeps the scores and
    features of its file, and what is computed from captions later leaves it out (NaN, not kept).

    A damaged file, or one that disagrees with its feature file, is reported and left out; imported again once it is
    whole, only it comes in. A killed import resumes at the first file that was not written, and ends in the same rows
    in the same order. Peak memory: 50 bytes a pair for the uids, and a few batches for each worker.
    Raises InputError if there is no parquet, nothing could be imported, or the pool has other columns.
    """
    place = Place(str(source).rstrip("/") if "://" in str(source) else str(source))
    sizes = place.sizes(".parquet")
    if not sizes:
        raise InputError(f"no .parquet in {str(source)!r}; give the directory of DataComp's metadata, or its URL.")
    before = emptiness(pool_path)
    pool, layout = _opened(pool_path, place, sizes, embeddings, columns or {}, dedup_features)
    with importing(pool.path), leaving_nothing(pool.path, before):
        pool = pool.reload()
        run = _Import(pool, place, layout, sizes, verify)
        run.write(engine, workers, address, progress)
        report = run.finish()
    if shards is not None:
        from .tars import index_shards

        index_shards(Pool.open(pool_path), shards, engine=engine, workers=workers, address=address, progress=progress)
    return report


class _Import:
    """One import under the pool's import lock: a plan, a record per written file, commits in the order of files."""

    def __init__(self, pool: Pool, place: Place, layout: Layout, sizes: Mapping[str, int], verify: bool) -> None:
        self.pool, self.place, self.layout = pool, place, layout
        wanted = {*pool.schema.names}
        self.schema = pa.schema(
            [pool.schema.field(name) for name in ("uid_hi", "uid_lo", *layout.schema.names) if name in wanted]
        )
        subject = {
            "source": place.path("") if place.local else place.url, "files": dict(sizes),
            "features": place.sizes(FEATURES) if layout.features else {},
            "columns": [str(entry) for entry in self.schema], "roles": dict(layout.roles), "poolscope": __version__,
            "bound": binding([place.path(name) for name in sizes], {"verify": verify}),
        }  # fmt: skip
        self.work = pool.path / "work" / f"import-{digests.of_value(subject)[:16]}"
        self.task = FileTask(pool.path.resolve(), place.url, layout, self.schema, self.work, verify)
        self.units = [FileUnit(hashlib.sha256(name.encode()).hexdigest()[:24], name, 0) for name in sizes]
        self.report = Report(place.url)
        self._next = 0
        self._waiting: list[str] = []
        self._waiting_rows = 0

    def write(self, engine: str, workers: int, address: str | None, progress: Progress) -> None:
        if not self._resumed():
            self._plan(progress)
        todo = [unit for unit in self.units if not self.task.record(unit).exists()]
        rows = sum(unit.rows for unit in self.units)
        done = rows - sum(unit.rows for unit in todo)
        for unit, _ in finished(self.task, todo, engine=engine, workers=workers, address=address, threads=True):
            done += unit.rows
            progress(done, rows, f"{unit.name} written")
            self._append(last=False)
        self._append(last=True)

    def finish(self) -> Report:
        """Writes the report, forgets the records, and puts the pool's uids in order."""
        plan = files.read_json(self.work / "plan.json")
        self.report = Report.from_json(plan["report"])
        for unit in self.units:
            record = files.read_json(self.task.record(unit))
            if "problem" in record:
                self.report.skip("file left out", f"{unit.name}: {record['problem']}")
                continue
            self.report.added += record["rows"]
            self.report.join(record)
        pool = self.pool.reload()
        if not len(pool):
            why = self._why()
            shutil.rmtree(self.work, ignore_errors=True)
            raise InputError(f"no pair could be imported from {self.place.url!r}: {why}.")
        self.report.save(pool.path)
        shutil.rmtree(self.work, ignore_errors=True)
        pool.uid_order()
        return self.report

    def _why(self) -> str:
        """Why nothing came in: the files' most frequent problem, and what to do about it."""
        problems = [files.read_json(path).get("problem") for path in map(self.task.record, self.units)]
        common = Counter(problem for problem in problems if problem).most_common(1)
        if not common:
            return self.report.reasons()
        problem, count = common[0]
        way = ""
        if problem.startswith(DIFFER):
            way = ": `--no-verify` takes them all the same"
        elif "feature" in problem:
            way = ": `--embeddings none` goes without"
        return f"{problem} in {count:,} of {len(self.units):,} {'file' if len(self.units) == 1 else 'files'}{way}"

    def _resumed(self) -> bool:
        """Takes up the plan of a killed import, if the pool is as that import left it; else clears what it left."""
        if not (self.work / "plan.json").exists():
            self._clear()
            return False
        plan = files.read_json(self.work / "plan.json")
        self.units = [FileUnit(*entry) for entry in plan["units"]]
        records = [files.read_json(path) for path in map(self.task.record, self.units) if path.exists()]
        written = [record for record in records if record.get("pieces")]
        inside = commit.part_of(self.pool.path, [record["pieces"] for record in written])
        if len(self.pool) == plan["base"] + sum(record["rows"] for record, there in zip(written, inside) if there):
            return True
        self._clear()
        self.units = [FileUnit(unit.id, unit.name, 0) for unit in self.units]
        return False

    def _clear(self) -> None:
        """Removes what killed imports left, of this source and of others."""
        left = [path for path in self.pool.path.glob("work/import-*") if path.is_dir()]
        for path in left:
            shutil.rmtree(path)
        if left:
            commit.sweep(self.pool.path)

    def _plan(self, progress: Progress) -> None:
        """Reads all uids, decides which pairs are new, and writes that down; files with problems have a record at once."""
        scans = []
        for scanned in in_order(lambda unit: scan(self.place, unit.name, self.layout), self.units):
            scans.append(scanned)
            progress(0, 0, f"{len(scans):,} of {len(self.units):,} files looked at")
        report, units = Report(self.place.url), []
        for unit, scanned, chosen in zip(self.units, scans, choose(self.pool.uids(), scans)):
            units.append(FileUnit(unit.id, unit.name, len(scanned.uids)))
            if scanned.problem:
                files.write_json(self.task.record(unit), {"problem": scanned.problem})
            elif len(chosen.drop) == len(scanned.uids):
                files.write_json(self.task.record(unit), {"pieces": [], "rows": 0, "uncaptioned": {}, "examples": {}})
            elif len(chosen.drop):
                files.write_array(self.task.dropped(unit), chosen.drop)
            report.present += chosen.present
            report.skip_many("duplicate uid", chosen.repeated, [unit.name])
            report.skip_many("uid is not 32 lower-case hex digits", chosen.malformed, [unit.name])
        self.units = units
        content = {
            "base": len(self.pool), "units": [[u.id, u.name, u.rows] for u in units], "report": report.as_json(),
        }  # fmt: skip
        files.write_json(self.work / "plan.json", content)

    def _append(self, *, last: bool) -> None:
        """Commits the written files that follow the ones before them, once they are many enough or the last."""
        while self._next < len(self.units) and self.task.record(self.units[self._next]).exists():
            record = files.read_json(self.task.record(self.units[self._next]))
            self._waiting += record.get("pieces", [])
            self._waiting_rows += record.get("rows", 0)
            self._next += 1
        if self._waiting and (last or self._waiting_rows >= COMMIT_ROWS):
            self.pool.append_fragments(self._waiting)
            self._waiting, self._waiting_rows = [], 0


def _opened(
    path: str | Path,
    place: Place,
    sizes: Mapping[str, int],
    embeddings: Sequence[str] | None,
    columns: Mapping[str, str],
    dedup: bool,
) -> tuple[Pool, Layout]:
    """The pool, made if there is none, and the layout of the source; both must agree."""
    schema = _joint_schema(place, sizes)
    pool = Pool.open(path) if Pool.exists(path) else None
    features = _features(place, sizes, embeddings, dedup, pool)
    layout = of_schema(schema, columns, features)
    if pool is None:
        return Pool.create(path, layout.schema, {"kind": "datacomp", "source": place.url}), layout
    for entry in layout.schema:
        if entry.name not in pool.schema.names and entry.name not in layout.others:
            raise InputError(
                f"pool {pool.name!r} has no column {entry.name!r} that this source brings; import it into a new pool."
            )
        if entry.name in pool.schema.names and pool.schema.field(entry.name).type != entry.type:
            has = pool.schema.field(entry.name).type
            raise InputError(f"column {entry.name!r} is {has} in pool {pool.name!r} and {entry.type} in the source.")
    return pool, layout


def _joint_schema(place: Place, sizes: Mapping[str, int]) -> pa.Schema:
    """The columns of all the parquets that can be read: a pair has null in those that its own file lacks."""
    read = list(in_order(lambda name: _schema(place, name), sizes))
    schemas = [schema for schema in read if not isinstance(schema, str)]
    if not schemas:
        raise InputError(f"none of the {len(sizes):,} parquet files in {place.url!r} can be read: {read[0]}.")
    return joint(schemas)


def _schema(place: Place, name: str) -> pa.Schema | str:
    """The columns of one parquet, or why it can't be read."""
    try:
        return parquet(place, name).schema_arrow
    except UNREADABLE as error:
        return first_line(error)


def _features(
    place: Place, sizes: Mapping[str, int], embeddings: Sequence[str] | None, dedup: bool, pool: Pool | None
) -> dict[str, int]:
    """The arrays to take and their dimensions, from the pool or else from the first feature file that can be read."""
    if pool is not None and embeddings is None:
        known = [column.name for column in pool.columns.values() if column.kind == "embedding"]
        embeddings = pool.models
        dedup = dedup or "dedup" in known
    if embeddings is not None and not embeddings and not dedup:
        return {}
    problem = "there is no .npz beside the parquet files"
    present = place.sizes(FEATURES)
    for name in sizes:
        if beside(name) not in present:
            continue
        try:
            with place.open(beside(name)) as handle:
                keys = names(handle)
                chosen = embeddings if embeddings is not None else both_sides(keys)
                found_arrays = members(handle, arrays(chosen, dedup=dedup))
            return {key: member.dim for key, member in found_arrays.items()}
        except Damaged as error:
            problem = str(error)
    if embeddings is None and not dedup:
        return {}
    raise InputError(f"--embeddings {','.join(embeddings or [])}: {problem}; write --embeddings none to go without.")

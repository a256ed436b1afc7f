"""A file of an import as a work unit: written as fragments that wait to be appended; any worker may do it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import files
from ..errors import first_line
from ..pool import commit
from ..pool.memory import keep_buffers
from ..progress import Progress, silent
from .captions import REASONS, blanked
from .layout import SCORE, Layout
from .npz import Damaged, Rows
from .plan import UNREADABLE, beside, feature_members, parquet, uids_of
from .remote import Place
from .report import EXAMPLES, Report
from .unpacked import rows_at_once

BATCH = 16_384
BATCH_WITH_FEATURES = 8192  # an embedding of 512 numbers is 8 MiB, a page of Lance: smaller batches are copied together
NORM_ERROR = 0.01
SCORE_ERROR = 0.02
DIFFER = "features differ from"


@dataclass(frozen=True)
class FileUnit:
    """A work unit of an import: one parquet of `rows` pairs, `name` below the source."""

    id: str
    name: str
    rows: int

    def __len__(self) -> int:
        return self.rows


@dataclass(frozen=True)
class FileTask:
    """Writes the pairs of files into the pool's directory; `work` holds plan and records. Small and picklable."""

    pool_path: Path
    source: str
    layout: Layout
    schema: pa.Schema
    work: Path
    verify: bool = True

    def record(self, unit: FileUnit) -> Path:
        return self.work / f"{unit.id}.json"

    def dropped(self, unit: FileUnit) -> Path:
        return self.work / f"{unit.id}.drop.npy"

    def compute(self, unit: FileUnit, progress: Progress = silent) -> None:
        """Writes the unit's fragments and then its record: the fragments, counts of what was skipped, or the problem."""
        keep_buffers()
        reading = _Reading(self, unit, progress)
        try:
            pieces = commit.write_fragments(self.pool_path, self.schema, reading.batches())
        except Exception:  # Lance wraps what the batches raise in errors of its own
            if reading.problem is None:
                raise
            files.write_json(self.record(unit), {"problem": reading.problem})
            return
        kept = reading.seen - len(reading.drop)
        counts = {"uncaptioned": reading.report.uncaptioned, "examples": reading.report.examples}
        files.write_json(self.record(unit), {"pieces": pieces, "rows": kept, **counts})


class _Reading:
    """The batches of one file, and what went wrong or came without a caption."""

    def __init__(self, task: FileTask, unit: FileUnit, progress: Progress) -> None:
        self._task, self._unit, self._progress = task, unit, progress
        self.place = Place(task.source)
        self.drop = np.load(task.dropped(unit)) if task.dropped(unit).exists() else np.empty(0, dtype=np.uint32)
        self.report = Report(unit.name)
        self.problem: str | None = None
        self.seen = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        layout = self._task.layout
        members = {}
        try:
            table = parquet(self.place, self._unit.name)
            if layout.features:
                of_unit = feature_members(self.place, self._unit.name, list(layout.features))
                archive = beside(self._unit.name)
                members = {name: Features(Rows(lambda: self.place.open(archive), of_unit[name])) for name in of_unit}
            wanted = [name for name in layout.wanted if name in table.schema_arrow.names]
            size = BATCH_WITH_FEATURES if members else BATCH
            size = rows_at_once(partial(parquet, self.place, self._unit.name), wanted, size)
            for batch in table.iter_batches(batch_size=size, columns=wanted):
                features = {name: member.read(batch.num_rows) for name, member in members.items()}
                if self.seen == 0 and self._task.verify:
                    _compare(batch, layout, features)
                clean = self._clean(batch, layout, features)
                self.seen += batch.num_rows
                if clean.num_rows:
                    yield clean
                self._progress(self.seen, self._unit.rows)
        except Damaged as error:
            self.problem = str(error)
            raise
        except UNREADABLE as error:
            self.problem = f"the parquet can't be read: {first_line(error)}"
            raise
        finally:
            for member in members.values():
                member.close()

    def _clean(self, batch: pa.RecordBatch, layout: Layout, features: dict[str, np.ndarray]) -> pa.RecordBatch:
        uids, _ = uids_of(batch, layout, self._unit.name, self.seen)
        columns: dict[str, Any] = layout.convert(batch, features)
        columns["text"], wrong = blanked(columns["text"])
        keep = np.ones(batch.num_rows, dtype=bool)
        first, last = np.searchsorted(self.drop, [self.seen, self.seen + batch.num_rows])
        keep[self.drop[first:last].astype(np.int64) - self.seen] = False
        for reason in np.unique(wrong[keep]):
            if reason:
                rows = np.flatnonzero(keep & (wrong == reason))
                places = [f"{self._unit.name} row {self.seen + row}" for row in rows[:EXAMPLES].tolist()]
                self.report.without_caption(REASONS[reason], len(rows), places)
        columns["uid_hi"], columns["uid_lo"] = pa.array(uids["f0"]), pa.array(uids["f1"])
        arrays = [
            columns[entry.name] if entry.name in columns else pa.nulls(len(uids), entry.type)
            for entry in self._task.schema
        ]
        whole = pa.RecordBatch.from_arrays(arrays, schema=self._task.schema)
        return whole if keep.all() else whole.filter(pa.array(keep))


class Features:
    """One array of a feature file with unit-norm rows: normalised on the way when the first block isn't."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._scale: bool | None = None

    def read(self, count: int) -> np.ndarray:
        block = self._rows.read(count)
        if self._scale is None:
            norms = np.linalg.norm(block[:256].astype(np.float32), axis=1)
            self._scale = bool(np.median(np.abs(norms - 1)) > NORM_ERROR) if len(norms) else False
        if self._scale:
            wide = block.astype(np.float32)
            norms = np.linalg.norm(wide, axis=1, keepdims=True)
            block = (wide / np.where(norms > 0, norms, 1)).astype(np.float16)
        return block

    def close(self) -> None:
        self._rows.close()


def _compare(batch: pa.RecordBatch, layout: Layout, features: dict[str, np.ndarray]) -> None:
    """Raises Damaged if the first rows' features don't have the scores of the parquet as their products."""
    for column in layout.scores.values():
        model = column.removesuffix(SCORE).removeprefix("clip_")
        image, text = features.get(f"{model}_img"), features.get(f"{model}_txt")
        if image is None or text is None or column not in batch.schema.names:
            continue
        if not pa.types.is_floating(batch.schema.field(column).type):
            continue
        given = batch.column(column)[:256].to_numpy(zero_copy_only=False).astype(np.float32)
        products = np.einsum("nd,nd->n", image[:256].astype(np.float32), text[:256].astype(np.float32))
        known = np.isfinite(given)
        if known.any() and np.median(np.abs(products - given)[known]) > SCORE_ERROR:
            raise Damaged(f"{DIFFER} {column}")

"""Intake: checks candidate pairs, appends the good ones in large commits, and remembers which units are done."""

import hashlib
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import files
from ..errors import InputError
from ..pool import Pool, uid_pairs
from ..pool.lock import importing
from ..progress import Progress
from .captions import LONGEST_CAPTION
from .report import Report

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
    """The uid of a pair that has none: 128 bits of BLAKE2b over the url (or the picture's hash) and the caption."""
    return hashlib.blake2b(f"{url or sha256}\0{text}".encode(), digest_size=16).hexdigest()


class Intake:
    """Takes pairs unit by unit (a tar, a slice of a table); `flush` commits them and then records the units as done.

    A crash between commit and record is harmless: on resume the pairs are found by uid and counted as present.
    """

    def __init__(self, pool_path: Path, source: str, schema: pa.Schema, origin: Mapping[str, Any]) -> None:
        if Pool.exists(pool_path):
            self.pool = Pool.open(pool_path)
            self.schema = self._checked(schema)
        else:
            self.schema = schema
            self.pool = Pool.create(pool_path, schema, origin)
        digest = hashlib.sha256(source.encode()).hexdigest()[:16]
        self._journal = self.pool.path / "work" / f"import-{digest}.json"
        known = files.read_json(self._journal) if self._journal.exists() else {"units": [], "report": None}
        self.units: list[str] = known["units"]
        self.report = Report.from_json(known["report"]) if known["report"] else Report(source)
        self._taken: set[str] = set()
        self._rows: list[dict[str, Any]] = []
        self._pending: list[str] = []
        self._lock = ExitStack()

    def __enter__(self) -> "Intake":
        """Waits until no other import runs on the pool, for uids tell which pairs are new."""
        self._lock.enter_context(importing(self.pool.path))
        self.pool = self.pool.reload()
        self._before = self.pool.reload()
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.close()

    def offer(self, pair: dict[str, Any], where: str) -> None:
        """Checks one pair and keeps it for the next commit, or counts why it is skipped."""
        text = pair.get("text")
        if not text or not text.strip():
            return self.report.skip("no caption", where)
        if len(text) > LONGEST_CAPTION:
            return self.report.skip(f"caption longer than {LONGEST_CAPTION:,} characters", where)
        if "\0" in text:
            return self.report.skip("caption holds a NUL byte", where)
        uid = pair.pop("uid")
        if not isinstance(uid, str) or not _UID.fullmatch(uid):
            return self.report.skip("uid is not 32 lower-case hex digits", where)
        if uid in self._taken:
            return self.report.skip("duplicate uid", where)
        self._taken.add(uid)
        pair["uid"] = uid
        self._rows.append(pair)
        return None

    def done(self, unit: str, progress: Progress, position: int, total: int) -> None:
        """Marks the unit as read; commits when enough pairs wait."""
        self._pending.append(unit)
        if len(self._rows) >= COMMIT_ROWS:
            self.flush()
        progress(position, total, f"{self.report.added + len(self._rows):,} pairs")

    def flush(self) -> None:
        if self._rows:
            uids = uid_pairs([row["uid"] for row in self._rows])
            new = self._before.rows_of(uids) < 0
            self.report.present += int(np.count_nonzero(~new))
            self._rows = [row for row, is_new in zip(self._rows, new) if is_new]
            uids = uids[new]
        if self._rows:
            keys = [pa.array(uids["f0"]), pa.array(uids["f1"])]
            arrays = [pa.array([row.get(entry.name) for row in self._rows], type=entry.type) for entry in self.schema]
            fields = [pa.field("uid_hi", pa.uint64(), nullable=False), pa.field("uid_lo", pa.uint64(), nullable=False)]
            table = pa.Table.from_arrays(keys + arrays, schema=pa.schema(fields + list(self.schema)))
            self.report.added += self.pool.append(table.to_batches(max_chunksize=8192))
        self._rows = []
        self.units += self._pending
        self._pending = []
        files.write_json(self._journal, {"units": self.units, "report": self.report.as_json()})

    def finish(self) -> Report:
        """Commits the rest, writes the report and forgets the journal."""
        self.flush()
        if not len(self.pool):
            self.report.save(self.pool.path)
            why = self.report.reasons()
            raise InputError(f"no pair could be imported from {self.report.source!r} ({why}); see {self.report.path}.")
        self.report.save(self.pool.path)
        self._journal.unlink(missing_ok=True)
        self.pool.uid_order()
        return self.report

    def _checked(self, schema: pa.Schema) -> pa.Schema:
        """The fields to write: those of the source that the pool has, which must be all but the places in tars."""
        kept = []
        for entry in schema:
            if entry.name not in self.pool.schema.names:
                if entry.name in ("sample_offset", "sample_size"):
                    continue
                raise InputError(
                    f"pool {self.pool.name!r} has no column {entry.name!r} that this source brings; import it into a new pool."
                )
            has = self.pool.schema.field(entry.name).type
            if has != entry.type:
                raise InputError(
                    f"column {entry.name!r} is {has} in the pool and {entry.type} in the source; rename it in the source."
                )
            kept.append(entry)
        return pa.schema(kept)


def check_picture(content: bytes) -> tuple[int, int]:
    """Width and height in pixels of a picture that decodes whole. Raises ValueError if it doesn't."""
    from ..pool.decoding import measure

    return measure(content)

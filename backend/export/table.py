"""Export of a table: chosen columns of the kept pairs as parquet."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .. import files
from ..errors import InputError
from ..pool import Pool, uid_hex
from ..progress import Progress, silent
from ..recipe import Recipe, Selection
from .provenance import write_beside


def export_table(
    pool: Pool,
    selection: Selection,
    out: str | Path,
    *,
    columns: Sequence[str] = ("uid", "text", "url"),
    recipe: Recipe | None = None,
    progress: Progress = silent,
) -> Path:
    """Writes the kept pairs, in row order, as one parquet file; `uid` comes as 32 hex digits.

    Streams the pool, so memory stays bounded. Raises InputError for a column that the pool lacks.
    """
    out = Path(out)
    if out.suffix != ".parquet":
        raise InputError(f"{out.name!r} does not end in .parquet; a table is written as parquet.")
    fields = [
        pa.field("uid", pa.utf8()) if name == "uid" else pool.schema.field(pool.require(name).name) for name in columns
    ]
    schema = pa.schema(fields)
    seen = 0
    with files.replacing(out) as part, pq.ParquetWriter(part, schema) as writer:
        for batch in pool.scan(["uid", *[name for name in columns if name != "uid"]]):
            kept = batch.filter(pa.array(selection.mask[seen : seen + batch.num_rows]))
            seen += batch.num_rows
            if kept.num_rows:
                writer.write_batch(_arranged(kept, schema))
            progress(seen, len(pool), "pairs read")
    write_beside(out, pool, recipe, selection)
    return out


def _arranged(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        uid_hex(batch["uid_hi"].to_numpy(), batch["uid_lo"].to_numpy()) if name == "uid" else batch[name]
        for name in schema.names
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)

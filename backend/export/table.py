"""Export of a table: chosen columns of the kept pairs as parquet, CSV or JSON lines."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from .. import files
from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from ..recipe import Recipe, Selection
from .provenance import left_over, write_beside
from .values import COPIES, arranged, drawn_schema, flat, lines, schema_of, usual

FORMATS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
Write = Callable[[pa.RecordBatch], None]


def export_table(
    pool: Pool,
    selection: Selection,
    out: str | Path,
    *,
    columns: Sequence[str] | None = None,
    form: str | None = None,
    safe_cells: bool = False,
    force: bool = False,
    recipe: Recipe | None = None,
    progress: Progress = silent,
) -> Path:
    """Writes the kept pairs, in row order, as one file; `uid` comes as 32 hex digits. Where pairs are drawn several times
    each is there once, and a column `copies` says how often.

    `columns`: by default uid, the source's id, caption and url. `form`: parquet, csv or jsonl, by default as the suffix
    says. In CSV a list is JSON, null an empty cell and empty text `""`; `safe_cells` puts an apostrophe before text that
    a spreadsheet would run as a formula. In JSON NaN is null. Streams the pool, so memory stays bounded.
    Raises InputError for a column that the pool lacks, an unknown format, or a file that exists unless `force`.
    """
    out = Path(out)
    form = check_table(out, form, safe_cells=safe_cells, force=force)
    columns = usual(pool) if columns is None else columns
    copies = selection.copies
    schema = drawn_schema(schema_of(pool, columns), copies)
    seen = 0
    with files.replacing(out) as part:
        with WRITERS[form](part, schema, safe_cells) as write:
            for batch in pool.scan(["uid", *[name for name in columns if name != "uid"]]):
                if copies is not None and COPIES not in batch.schema.names:
                    often = pa.array(copies[seen : seen + batch.num_rows], pa.int32())
                    batch = pa.RecordBatch.from_arrays([*batch.columns, often], names=[*batch.schema.names, COPIES])
                kept = batch.filter(pa.array(selection.mask[seen : seen + batch.num_rows]))
                seen += batch.num_rows
                if kept.num_rows:
                    write(arranged(kept, schema))
                progress(seen, len(pool), "pairs read")
        write_beside(out, pool, recipe, selection)
    return out


def check_table(out: Path, form: str | None, *, safe_cells: bool = False, force: bool = False) -> str:
    """The format of a table to write at `out`. Raises InputError if it can't be told, or `out` exists unless `force`."""
    if form is not None and form not in FORMATS.values():
        raise InputError(f"--format {form!r} is not known; choose parquet, csv or jsonl.")
    chosen = form or FORMATS.get(out.suffix.lower())
    if chosen is None:
        raise InputError(
            f"{out.name!r} does not end in .parquet, .csv or .jsonl; name the output so, or say which with --format."
        )
    if safe_cells and chosen != "csv":
        raise InputError(f"--safe-cells is for CSV, and {out.name!r} is written as {chosen}; leave it out.")
    files.new(out, *left_over(out), force=force)
    return chosen


@contextmanager
def _parquet(path: Path, schema: pa.Schema, safe: bool) -> Iterator[Write]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        yield writer.write_batch


@contextmanager
def _csv(path: Path, schema: pa.Schema, safe: bool) -> Iterator[Write]:
    import pyarrow.csv

    empty = pa.RecordBatch.from_pylist([], schema=schema)
    with pyarrow.csv.CSVWriter(path, flat(empty, safe=safe).schema) as writer:
        yield lambda batch: writer.write_batch(flat(batch, safe=safe))


@contextmanager
def _jsonl(path: Path, schema: pa.Schema, safe: bool) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as handle:
        yield lambda batch: handle.writelines(lines(batch))


WRITERS = {"parquet": _parquet, "csv": _csv, "jsonl": _jsonl}

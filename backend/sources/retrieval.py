"""Import of clip-retrieval's layout: `metadata/metadata_0.parquet` with `img_emb/` and `text_emb/` in the same order."""

import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .. import files
from ..errors import InputError
from ..pool import Pool, digests
from ..pool.columns import fixed_list
from ..progress import Progress, silent
from .computed import Wish, join, working
from .keyed import Batch, Keyed
from .options import Options
from .report import Report
from .table import TableImport

FOLDERS = {"img": "img_emb", "txt": "text_emb"}
ROW = "retrieval_row"
BATCH = 8192


@dataclass(frozen=True)
class Part:
    """One numbered part: its metadata, and the embeddings of its images (`img`) and captions (`txt`), where there are."""

    metadata: Path
    embeddings: dict[str, Path]


def retrieval_parts(directory: str | Path) -> list[Part]:
    """The parts of a directory in clip-retrieval's layout, by their number; none if it is of another layout."""
    root = Path(directory)
    parts = []
    for metadata in sorted(root.glob("*metadata/metadata_*.parquet"), key=_number):
        number = metadata.stem.rpartition("_")[2]
        paths = {side: root / folder / f"{folder}_{number}.npy" for side, folder in FOLDERS.items()}
        parts.append(Part(metadata, {side: path for side, path in paths.items() if path.is_file()}))
    return parts if any(part.embeddings for part in parts) else []


def import_retrieval(source: str | Path, pool_path: str | Path, progress: Progress = silent) -> Report:
    """Makes a pool of the metadata and joins the embeddings to its pairs, as `clip_img` and `clip_txt`.

    Raises InputError if the directory is of another layout, a part's arrays don't have a row for each row of its
    metadata, or the pool exists already. Memory: 60 bytes a pair.
    """
    parts = retrieval_parts(source)
    if not parts:
        raise InputError(
            f"{str(source)!r} is not clip-retrieval's: it has metadata/ and img_emb/ or text_emb/ with parts."
        )
    if Pool.exists(pool_path):
        raise InputError(f"{str(pool_path)!r} is a pool already; embeddings are imported with a new pool.")
    arrays = [_arrays(part) for part in parts]
    with tempfile.TemporaryDirectory(prefix="poolscope-") as folder:
        listed = Path(folder) / "metadata.parquet"
        _number_rows(parts, listed)
        report = TableImport([str(listed)], Options(check=False), str(source)).run(pool_path, progress)
    with working(Pool.open(pool_path)) as (pool, work):
        wish = Wish(on=ROW, kind="embedding", name="clip")
        join(pool, _keyed(arrays), wish, work, source=str(source), digest=lambda: _digest(parts), progress=progress)
        pool.reload().drop_column(ROW)
    return report


def _number(path: Path) -> tuple[int, str]:
    digits = re.fullmatch(r"metadata_0*(\d+)", path.stem)
    return int(digits[1]) if digits else 1 << 62, path.stem


def _arrays(part: Part) -> dict[str, np.ndarray]:
    with files.reading(part.metadata):
        rows = pq.read_metadata(part.metadata).num_rows
    arrays = {}
    for side, path in part.embeddings.items():
        array = files.read_array(path, mapped=True)
        if array.ndim != 2 or len(array) != rows or array.dtype.kind != "f":
            raise InputError(
                f"{str(path)!r} is {array.dtype} of shape {array.shape}, and {part.metadata.name} has {rows:,} rows; each "
                "row needs its vector."
            )
        arrays[side] = array
    return arrays


def _number_rows(parts: list[Part], out: Path) -> None:
    """One parquet of all parts' metadata, each row with its number; columns of text where parts differ."""
    schemas = []
    for part in parts:
        with files.reading(part.metadata):
            schemas.append(pq.read_schema(part.metadata).remove_metadata())
    try:
        schema = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException:
        raise InputError("the parts of the metadata have columns of different types; make them the same.") from None
    start = 0
    with pq.ParquetWriter(out, schema.append(pa.field(ROW, pa.int64()))) as writer:
        for part in parts:
            with files.reading(part.metadata):
                for batch in pq.ParquetFile(part.metadata).iter_batches(batch_size=BATCH):
                    table = pa.concat_tables([schema.empty_table(), pa.table(batch)], promote_options="permissive")
                    numbers = pa.array(np.arange(start, start + batch.num_rows))
                    writer.write_table(table.append_column(ROW, numbers))
                    start += batch.num_rows


def _keyed(arrays: list[dict[str, np.ndarray]]) -> Keyed:
    dims = {side: one[side].shape[1] for one in arrays for side in one}
    types = {side: pa.list_(pa.float32(), dim) for side, dim in dims.items()}

    def batches(wanted: Sequence[str]) -> Iterator[Batch]:
        start = 0
        for part in arrays:
            count = len(next(iter(part.values()), ()))
            for at in range(0, count, BATCH):
                size = min(BATCH, count - at)
                columns = [_vectors(part.get(side), at, size, types[side]) for side in wanted]
                keys = pa.array(np.arange(start + at, start + at + size))
                yield keys, pa.RecordBatch.from_arrays(columns, names=list(wanted))
            start += count

    return Keyed(types, batches)


def _vectors(array: np.ndarray | None, at: int, size: int, kind: pa.DataType) -> pa.Array:
    if array is None or array.shape[1] != kind.list_size:
        return pa.nulls(size, kind)
    return fixed_list(array[at : at + size].astype(np.float32, copy=False))


def _digest(parts: list[Part]) -> str:
    """Of the arrays in their order."""
    digest = hashlib.sha256()
    for part in parts:
        for path in part.embeddings.values():
            digest.update(bytes.fromhex(digests.of_path(path)))
    return digest.hexdigest()

"""Export of a dataset with its images, as `datasets` of Hugging Face reads it: an image folder, or parquet."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import files
from ..errors import InputError
from ..pool import Pool
from ..pool.decoding import extension
from ..progress import Progress, silent
from ..recipe import Recipe, Selection
from .provenance import left_over, write_beside
from .table import WRITERS
from .values import COPIES, drawn_schema, plain, scalars, schema_of

BLOCK = 32  # images in memory at once
FORMS = ("imagefolder", "parquet")
METADATA = ("jsonl", "csv")
Pairs = Iterator[tuple[dict[str, Any], bytes]]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.utf8())])


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk: `written` pairs in `files` files beside the images; `missing` kept pairs have no readable image."""

    directory: Path
    written: int
    files: int
    missing: int


def export_dataset(
    pool: Pool,
    selection: Selection,
    out: str | Path,
    *,
    form: str = "imagefolder",
    metadata: str = "jsonl",
    columns: Sequence[str] | None = None,
    recipe: Recipe | None = None,
    shard_size: int = 10_000,
    progress: Progress = silent,
) -> Dataset:
    """Writes the kept pairs with their images, whose files are copied as they are, in row order.

    `form` "imagefolder": `images/<2 digits>/<uid>.<ext>` and `metadata.jsonl` (or `.csv`) with `file_name`; "parquet":
    `data/train-<i>-of-<n>.parquet` of `shard_size` pairs, `image` as `{bytes, path}`. Both have the pool's `columns`, by
    default the uid and all of one value a pair; `copies` says how often a pair is drawn, where some are several times. Pairs without a readable image are left out and listed in
    `<out>.missing.txt`. The directory appears when it is whole. Memory: 32 images.
    Raises InputError if nothing is kept, no kept pair has an image, or `out` exists and is not an empty directory.
    """
    out = Path(out)
    check_dataset(out, form, metadata)
    rows = np.flatnonzero(selection.mask)
    if not len(rows):
        raise InputError("the recipe keeps 0 pairs, so there is nothing to write; loosen a threshold.")
    names = scalars(pool) if columns is None else list(columns)
    copies = None if selection.wanted is None else selection.copies_of(rows)
    schema = drawn_schema(schema_of(pool, names), copies)
    missing: list[str] = []
    with files.replacing_folder(out) as part:
        pairs = _pairs(pool, rows, list(dict.fromkeys(["uid", *names])), copies, missing, progress)
        folder = form == "imagefolder"
        count = (
            _folder(part, pairs, schema, metadata) if folder else _parquet(part, pairs, len(rows), schema, shard_size)
        )
        if len(missing) == len(rows):
            raise InputError(
                f"none of the {len(rows):,} kept pairs has a readable image; index the shards with `poolscope index` first."
            )
        write_beside(out, pool, recipe, selection)
        if missing:
            files.write_text(_missing(out), "".join(f"{uid}\n" for uid in sorted(missing)))
    return Dataset(out, len(rows) - len(missing), count, len(missing))


def check_dataset(out: Path, form: str, metadata: str) -> None:
    """InputError for an unknown form, or a place that is taken; before anything expensive begins."""
    if form not in FORMS:
        raise InputError(f"--format {form!r} is not known; choose {' or '.join(FORMS)}.")
    if metadata not in METADATA:
        raise InputError(f"--metadata {metadata!r} is not known; choose {' or '.join(METADATA)}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} exists already and is not empty; choose an empty or new directory.")
    taken = left_over(out)
    if taken:  # else what stands beside is of an output that is gone
        files.new(*taken, _missing(out), remedy="remove it")


def _missing(out: Path) -> Path:
    return out.with_name(out.name + ".missing.txt")


def _pairs(
    pool: Pool, rows: np.ndarray, names: list[str], copies: np.ndarray | None, missing: list[str], progress: Progress
) -> Pairs:
    """The kept pairs as dicts with their images' bytes, read in blocks; those without an image go to `missing`."""
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        often = np.ones(len(part)) if copies is None else copies[start : start + BLOCK]
        listed = pool.take(part, names).to_pylist()
        for pair, image, times in zip(listed, pool.images(part), often.tolist()):
            if image is None or extension(image) is None:
                missing.append(pair["uid"])
            else:
                yield {COPIES: times, **pair}, image
        progress(min(start + BLOCK, len(rows)), len(rows), "pairs written")


def _folder(part: Path, pairs: Pairs, schema: pa.Schema, metadata: str) -> int:
    full = pa.schema([pa.field("file_name", pa.utf8()), *schema])
    with WRITERS[metadata](part / f"metadata.{metadata}", full, False) as write:
        while block := list(islice(pairs, BLOCK)):
            listed = []
            for pair, image in block:
                name = f"images/{pair['uid'][:2]}/{pair['uid']}.{extension(image)}"
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                (part / name).write_bytes(image)
                listed.append({"file_name": name, **pair})
            write(pa.RecordBatch.from_pylist(listed, schema=full))
    return 1


def _parquet(part: Path, pairs: Pairs, total: int, schema: pa.Schema, shard_size: int) -> int:
    import pyarrow.parquet

    full = pa.schema([pa.field("image", IMAGE), *schema]).with_metadata({"huggingface": _features(schema)})
    count = -(-total // shard_size)
    (part / "data").mkdir(parents=True)
    edges = np.linspace(0, total, count + 1).astype(int).tolist()
    for number, (start, stop) in enumerate(pairwise(edges)):
        path = part / "data" / f"train-{number:05d}-of-{count:05d}.parquet"
        with pyarrow.parquet.ParquetWriter(path, full) as writer:
            taken = islice(pairs, stop - start)
            while block := list(islice(taken, BLOCK)):
                rows = [
                    {"image": {"bytes": image, "path": f"{pair['uid']}.{extension(image)}"}, **pair}
                    for pair, image in block
                ]
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=full))
    return count


def _features(schema: pa.Schema) -> str:
    """The types as `datasets` keeps them in a parquet, so that it decodes the images."""
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    features |= {field.name: _feature(field.type) for field in schema}
    return json.dumps({"info": {"features": plain(features)}})


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_fixed_size_list(kind):
        return {"feature": _feature(kind.value_type), "length": kind.list_size, "_type": "List"}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    names = {"halffloat": "float16", "float": "float32", "double": "float64"}
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}

"""Embedding a pool with an open_clip model: images and captions to two columns, in resumable units."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..models import Loaded, Model
from ..pool import Pool, PoolGrew
from ..pool.decoding import open_rgb
from ..pool.store import check_name
from ..progress import Progress, silent
from ..scores.base import Unit
from ..versions import __version__
from ..workers.dispatch import check_engine, finished
from .records import Records

UNIT_ROWS = 8192
REMEMBERED = 32_768
"""Images whose vectors are remembered: 55 MB at 768 numbers."""


def embed(
    pool: Pool,
    model: Model | str,
    *,
    name: str,
    batch_size: int = 256,
    device: str = "auto",
    engine: str = "local",
    workers: int = 1,
    address: str | None = None,
    progress: Progress = silent,
) -> Pool:
    """Adds `<name>_img` and `<name>_txt`, unit-norm float16 `(n, d)`; a pair without a readable image gets null.

    Resumes by units of 8,192 pairs. Peak memory is the model, one unit, a batch of decoded images and the vectors of
    the last 32,768 different ones; an image that comes again is not embedded again. Several `workers`, or those of a
    Ray cluster, compute units side by side, each with its own model; how images fall into batches then differs, and
    with it the last bit of a float32 before it is rounded.
    Raises InputError if a name is taken by another model, or if the model can't be loaded.
    """
    check_engine(engine)
    model = Model.parse(model) if isinstance(model, str) else model
    columns = {part: f"{name}_{part}" for part in ("img", "txt")}
    check_name(columns["img"])
    while True:
        pool = pool.reload()
        made_by = {"method": "embed", "model": str(model), "weights": model.digest, "rows": len(pool)}
        made_by |= {"poolscope": __version__}
        existing = [pool.columns[column] for column in columns.values() if column in pool.columns]
        for column in existing:
            if column.made_by.get("method") != "embed" or not _same_model(
                column.made_by, model, str(made_by["weights"])
            ):
                raise InputError(
                    f"column {column.name!r} exists already, made in another way; choose another name with --as."
                )
        if len(existing) == len(columns) and all(
            existing[0].made_by.get(k, "") == made_by[k] for k in ("rows", "weights")
        ):
            progress(len(pool), len(pool), f"{name} is up to date")
            return pool
        try:
            return _embed(pool, model, columns, made_by, batch_size, device, (engine, workers, address), progress)
        except PoolGrew:
            continue


def _embed(
    pool: Pool,
    model: Model,
    columns: dict[str, str],
    made_by: dict[str, Any],
    batch_size: int,
    device: str,
    where: tuple[str, int, str | None],
    progress: Progress,
) -> Pool:
    weights = made_by["weights"]
    subject = {"embed": model.name if weights else str(model), "weights": weights, "columns": columns}
    subject |= {"poolscope": __version__}
    records = Records(pool.path, subject)
    units = [
        Unit(f"{start}-{min(start + UNIT_ROWS, len(pool))}", start, min(start + UNIT_ROWS, len(pool)))
        for start in range(0, len(pool), UNIT_ROWS)
    ]
    todo = [unit for unit in units if unit not in records]
    task = EmbedTask(pool.path.resolve(), str(model), device, batch_size, tuple(subject.items()))
    engine, workers, address = where
    if engine == "local" and workers <= 1:
        for unit in todo:
            task.compute(unit, progress)
    else:
        done = len(pool) - sum(len(unit) for unit in todo)
        for unit in finished(task, todo, engine=engine, workers=workers, address=address):
            done += len(unit)
            progress(done, len(pool), "pairs embedded")
    _tools.cache_clear()
    kind = records.read(units[0]).schema.field("img").type
    schema = pa.schema([(columns["img"], kind), (columns["txt"], kind)])
    batches = (
        pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        for unit in units
        for batch in records.read(unit).to_batches()
    )
    pool.add_column_stream(schema, batches, kind="embedding", made_by=made_by, replace=True)
    records.clear()
    return pool.reload()


def _same_model(made_by: dict[str, Any], model: Model, weights: str) -> bool:
    """Whether embeddings are of this model: by its name, or by the same weights of the same architecture elsewhere."""
    name = str(made_by.get("model", ""))
    return name == str(model) or bool(
        weights and made_by.get("weights") == weights and name.startswith(f"{model.name}/")
    )


@dataclass(frozen=True)
class EmbedTask:
    """Embeds units into their records; small and picklable, the model is loaded once in each worker."""

    pool_path: Path
    model: str
    device: str
    batch_size: int
    subject: tuple[tuple[str, Any], ...]

    def compute(self, unit: Unit, progress: Progress = silent) -> None:
        loaded, pictures = _tools(self.model, self.device)
        pool = Pool.open(self.pool_path)
        embedded = _unit(pool, loaded, pictures, unit, self.batch_size, progress)
        kind = pa.list_(pa.float16(), loaded.dim)
        Records(self.pool_path, dict(self.subject)).write(unit, embedded, {"img": kind, "txt": kind})


@lru_cache(maxsize=1)
def _tools(model: str, device: str) -> "tuple[Loaded, _Images]":
    loaded = Model.parse(model).load(device)
    return loaded, _Images(loaded)


def _unit(
    pool: Pool, loaded: Loaded, pictures: "_Images", unit: Unit, batch_size: int, progress: Progress
) -> dict[str, pa.Array]:
    images: list[np.ndarray] = []
    texts: list[np.ndarray] = []
    for rows in _blocks(unit, batch_size):
        images.append(pictures.vectors(list(pool.images(rows))))
        captions = pool.take(rows, ["text"])["text"].to_pylist()
        texts.append(_texts(captions, loaded))
        progress(int(rows[-1]) + 1, len(pool), "pairs embedded")
    return {"img": _column(np.concatenate(images)), "txt": _column(np.concatenate(texts))}


class _Images:
    """Vectors by image: a pool may show one image under many captions, and it is embedded once."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._known: dict[bytes, np.ndarray] = {}
        self._missing = np.full(loaded.dim, np.nan, dtype=np.float16)

    def vectors(self, files: list[bytes | None]) -> np.ndarray:
        """`(k, d)` float16; a row of NaN where there is no readable image."""
        keys = [blake2b(file, digest_size=16).digest() if file else b"" for file in files]
        new = {key: file for key, file in zip(keys, files) if key and key not in self._known}
        with ThreadPoolExecutor(2) as threads:
            decoded = list(threads.map(lambda file: _decode(file, self._loaded.transform), new.values()))
        self._known |= zip(new, map(np.copy, _vectors(decoded, self._loaded)))
        known = np.stack([self._known.get(key, self._missing) for key in keys])
        for oldest in list(self._known)[: max(0, len(self._known) - REMEMBERED)]:
            del self._known[oldest]
        return known


def _blocks(unit: Unit, size: int) -> Iterator[np.ndarray]:
    for start in range(unit.start, unit.stop, size):
        yield np.arange(start, min(start + size, unit.stop))


def _decode(raw: bytes | None, transform: Any) -> Any:
    if raw is None:
        return None
    try:
        return transform(open_rgb(raw))
    except ValueError:
        return None


def _texts(captions: list[str | None], loaded: Loaded) -> np.ndarray:
    """`(k, d)` float16; a row of NaN where there is no caption."""
    embeddings = np.full((len(captions), loaded.dim), np.nan, dtype=np.float16)
    there = [index for index, caption in enumerate(captions) if caption and caption.strip()]
    if there:
        embeddings[there] = loaded.texts([captions[index] or "" for index in there]).astype(np.float16)
    return embeddings


def _vectors(pictures: list[Any], loaded: Loaded) -> np.ndarray:
    """`(k, d)` float16; a row of NaN where there was no image."""
    import torch

    embeddings = np.full((len(pictures), loaded.dim), np.nan, dtype=np.float16)
    there = [index for index, image in enumerate(pictures) if image is not None]
    if there:
        embeddings[there] = loaded.images(torch.stack([pictures[index] for index in there])).astype(np.float16)
    return embeddings


def _column(matrix: np.ndarray) -> pa.Array:
    """A fixed-size list column, null where the row is NaN."""
    missing = np.isnan(matrix[:, 0])
    flat = pa.array(matrix.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1], mask=pa.array(missing) if missing.any() else None)


def embed_picture(loaded: Loaded, image: bytes) -> np.ndarray:
    """`(1, d)` float32 of one image file. Raises InputError if it can't be decoded."""
    import torch

    try:
        pixels = loaded.transform(open_rgb(image))
    except ValueError:
        raise InputError("the image can't be decoded; give a PNG, JPEG or WebP file.") from None
    return loaded.images(torch.stack([pixels]))

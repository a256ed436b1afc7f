"""Embedding a pool with an open_clip model: images and captions to two columns, in resumable units."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from .. import devices, rates
from ..errors import InputError
from ..models import Loaded, Model
from ..pool import Pool, PoolGrew, Staging
from ..pool.store import check_name
from ..progress import Progress, silent
from ..scores.base import Unit
from ..versions import __version__
from ..workers.dispatch import check_engine
from .decoders import Block, Decoders, Reader, processes_for
from .embedding_plan import plan, refuse
from .records import Records
from .run import Everywhere, Offset, compute

UNIT_ROWS = 8192
EMBEDDED = "pairs embedded"
PRECISIONS = ("auto", "fp32", "fp16", "bf16")
ENOUGH = 4 * UNIT_ROWS
"""Pairs embedded in one go that tell a rate."""
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
    gpus: int | None = None,
    precision: str = "auto",
    decoders: int | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Pool:
    """Adds `<name>_img` and `<name>_txt`, unit-norm float16 `(n, d)`; a pair without a readable image gets null.

    Resumes by units of 8,192 pairs. Peak memory is the model, one unit, a batch of decoded images and the vectors of
    the last 32,768 different ones; an image that comes again is not embedded again. Several `workers`, or those of a
    Ray cluster, compute units side by side, each with its own model; how images fall into batches then differs, and
    with it the last bit of a float32 before it is rounded.

    Units are spread over all GPUs, or as many as `gpus`; beside each, `decoders` processes read, decode and tokenize
    (by default the cores that a GPU has to itself). `precision` of the forward pass: `fp32`, `fp16`, `bf16`; `auto` is
    float16 on a GPU, the precision in which the vectors are kept, and float32 on a processor, which gets no decoders
    by default.
    Raises InputError if a name is taken by another model, if the model can't be loaded, or, without `force`, if the disk
    can't hold what it takes (see `embedding_plan`).
    """
    check_engine(engine)
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r} is not known; allowed are {', '.join(PRECISIONS)}.")
    model = Model.parse(model) if isinstance(model, str) else model
    columns = {part: f"{name}_{part}" for part in ("img", "txt")}
    check_name(columns["img"])
    while True:
        pool = pool.reload()
        if not len(pool):
            raise InputError(f"pool {pool.name!r} has no pairs to embed; import some first.")
        how = How(device, batch_size, resolved(precision, device), decoders, gpus, force)
        made_by = {"method": "embed", "model": str(model), "weights": model.digest, "rows": len(pool)}
        made_by |= {"poolscope": __version__} | ({} if how.precision == "fp32" else {"precision": how.precision})
        if _up_to_date(pool, model, columns, made_by):
            progress(len(pool), len(pool), f"{name} is up to date")
            return pool
        try:
            return _embed(pool, model, columns, made_by, how, Everywhere(engine, workers, address), progress)
        except PoolGrew:
            continue


def _up_to_date(pool: Pool, model: Model, columns: dict[str, str], made_by: dict[str, Any]) -> bool:
    """Whether the pool has both columns as they would be made. Raises InputError where one was made in another way."""
    existing = [pool.columns[column] for column in columns.values() if column in pool.columns]
    for column in existing:
        if column.made_by.get("method") != "embed" or not _same_model(column.made_by, model, str(made_by["weights"])):
            raise InputError(
                f"column {column.name!r} exists already, made in another way; choose another name with --as."
            )
    if len(existing) < len(columns):
        return False
    return all(existing[0].made_by.get(key, "") == made_by[key] for key in ("rows", "weights"))


@dataclass(frozen=True)
class How:
    """Where and how batches are computed: nothing of it but `precision` moves more than the last digits."""

    device: str
    batch_size: int
    precision: str
    decoders: int | None
    gpus: int | None
    force: bool = False


def _embed(
    pool: Pool,
    model: Model,
    columns: dict[str, str],
    made_by: dict[str, Any],
    how: How,
    where: Everywhere,
    progress: Progress,
) -> Pool:
    weights = made_by["weights"]
    subject = {"embed": model.name if weights else str(model), "weights": weights, "columns": columns}
    subject |= {"poolscope": __version__}
    records = Records(pool.path, subject)
    edges = [*range(0, len(pool), UNIT_ROWS), len(pool)]
    units = [Unit(f"{start}-{stop}", start, stop) for start, stop in pairwise(edges)]
    released = 0

    def release(stop: int) -> None:
        nonlocal released
        while released < len(units) and units[released].stop <= stop:
            records.forget(units[released])
            released += 1

    staging = Staging(pool.path, records.directory, partial(records.rows, units), release)
    until = staging.until()
    todo = [unit for unit in units if unit.stop > until and unit not in records]
    local, waiting = where.engine == "local", sum(map(len, todo))
    here: dict[str, Any] = {"gpus": how.gpus, "precision": how.precision, "decoders": how.decoders}
    planned = plan(pool, model, pairs=waiting, device=how.device if local else "cpu", **(here if local else {}))
    if not how.force:
        refuse(planned, columns["img"].removesuffix("_img"))
    where = replace(where, devices=devices.spread(how.device, how.gpus) if local else ())
    side_by_side = max(1, len(where.devices), where.workers)
    task = EmbedTask(pool.path.resolve(), str(model), how, side_by_side, tuple(subject.items()))
    begun = time.monotonic()
    compute(task, todo, where, Offset(progress, len(pool) - waiting, len(pool), EMBEDDED))
    _tools.cache_clear()
    if local and waiting >= ENOUGH:
        rate = f"embed {model.name} {how.precision}"
        pace = waiting / (time.monotonic() - begun)
        rates.remember(rate, planned.device, pace, pairs=waiting, devices=planned.count)
    types = staging.types() or records.read(units[0]).schema.types
    schema = pa.schema([(columns[part], kind) for part, kind in zip(("img", "txt"), types)])
    pool.add_column_stream(schema, staging, kind="embedding", made_by=made_by, replace=True)
    records.clear()
    return pool.reload()


def resolved(precision: str, device: str) -> str:
    """The precision of the forward pass that `auto` means on a device."""
    if precision != "auto":
        return precision
    return "fp32" if devices.choose(device) == "cpu" else "fp16"


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
    how: How
    side_by_side: int
    subject: tuple[tuple[str, Any], ...]

    @property
    def device(self) -> str:
        return self.how.device

    def compute(self, unit: Unit, progress: Progress = silent) -> None:
        tools = _tools(self.model, devices.choose(self.how.device), self.how, self.pool_path, self.side_by_side)
        loaded, known, decoders = tools
        rows = list(_blocks(unit, self.how.batch_size))
        here = Reader(self.pool_path, loaded.transform, loaded.tokenizer, half=False, known=known, threads=2)
        blocks = decoders.blocks(rows) if decoders else (here[block] for block in rows)
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        for part in _embedded(blocks, loaded, known):
            parts.append(part)
            progress(sum(len(texts) for _, texts in parts), len(unit))
        images, texts = map(np.concatenate, zip(*parts))
        embedded = {"img": _column(images), "txt": _column(texts)}
        kind = pa.list_(pa.float16(), loaded.dim)
        Records(self.pool_path, dict(self.subject)).write(unit, embedded, {"img": kind, "txt": kind})


@lru_cache(maxsize=1)
def _tools(model: str, device: str, how: How, pool_path: Path, side_by_side: int) -> "tuple[Loaded, _Images, Any]":
    """The model on its device, what is known of images so far, and the processes that decode for it, if any."""
    loaded = Model.parse(model).load(device)
    on_gpu = loaded.device.type != "cpu"
    loaded.autocast = how.precision
    processes = how.decoders
    if processes is None:
        pixels = loaded.transform(Image.new("RGB", (8, 8))).numel() * 4
        processes = processes_for(side_by_side, pixels * how.batch_size) if on_gpu else 0
    return loaded, _Images(loaded), Decoders(pool_path, loaded, processes) if processes else None


def _embedded(blocks: Iterable[Block], loaded: Loaded, images: "_Images") -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images and captions, `(k, d)` float16 each, of blocks of pairs: NaN where there is no readable one."""
    for block in blocks:
        unknown = [place for place, key in enumerate(block.new) if key not in images]
        if unknown:
            pixels = block.pixels if len(unknown) == len(block.new) else block.pixels[unknown]
            images.remember([block.new[place] for place in unknown], loaded.images(pixels).astype(np.float16))
        texts = np.full((len(block.keys), loaded.dim), np.nan, dtype=np.float16)
        if len(block.there):
            texts[block.there.numpy()] = loaded.tokens(block.tokens).astype(np.float16)
        yield images.known(block.keys), texts


class _Images:
    """Vectors by image: a pool may show one image under many captions, and it is embedded once."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._known: dict[bytes, np.ndarray] = {}
        self._missing = np.full(loaded.dim, np.nan, dtype=np.float16)

    def __contains__(self, key: object) -> bool:
        return key in self._known

    def remember(self, keys: list[bytes], vectors: np.ndarray) -> None:
        self._known |= zip(keys, map(np.copy, vectors))

    def known(self, keys: list[bytes]) -> np.ndarray:
        """`(k, d)` float16, NaN for what is not known; the oldest beyond what is remembered are forgotten."""
        known = np.stack([self._known.get(key, self._missing) for key in keys])
        for oldest in list(self._known)[: max(0, len(self._known) - REMEMBERED)]:
            del self._known[oldest]
        return known


def _blocks(unit: Unit, size: int) -> Iterator[np.ndarray]:
    for start in range(unit.start, unit.stop, size):
        yield np.arange(start, min(start + size, unit.stop))


def _column(matrix: np.ndarray) -> pa.Array:
    """A fixed-size list column, null where the row is NaN."""
    missing = np.isnan(matrix[:, 0])
    flat = pa.array(matrix.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1], mask=pa.array(missing) if missing.any() else None)

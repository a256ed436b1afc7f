"""Target sets: embeddings of a reference dataset, tables of the pool's database, one for each name and model.

The table is the record; methods read a copy of it as `.npy` beside the pool, which processes share by mapping it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from . import files
from .array_files import read_arrays
from .errors import InputError, first_line
from .pool import Pool, tables, trash
from .pool.columns import fixed_list, matrix
from .pool.store import check_name

if TYPE_CHECKING:
    from lancedb.table import Table

NAMED = ("image_features", "features", "embeddings", "img", "arr_0")
VECTOR, CLASS, TASK = "vector", "class_vector", "task"
ABOUT = b"poolscope"
TILE_ROWS = 65_536
_TABLE = re.compile(r"((?:[^.]|\.\.)+)\.([A-Za-z].*)")


def add_target(pool: Pool, name: str, source: str | Path, *, model: str, force: bool = False) -> int:
    """Keeps a target set as a table of the pool's database, unit-norm float16 `(M, d)`. Returns M.

    `source`: a NumPy or torch file, whatever its name, with one matrix or one named `image_features`, or a pool with
    embeddings `<model>_img`. No code in a file is run.
    Raises InputError for an unreadable file, a wrong shape, NaN rows only, or a name that is taken unless `force`.
    """
    _check_free(pool, name, model, force)
    read = _read(source, model)
    if read.ndim != 2 or not read.shape[0]:
        raise InputError(
            f"{str(source)!r} holds an array of shape {read.shape}; a target set is (M, d) with M at least 1."
        )
    _check_dim(pool, model, read.shape[1])
    vectors = np.asarray(read, dtype=np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    good = np.isfinite(norms[:, 0]) & (norms[:, 0] > 0)
    if not good.any():
        raise InputError(f"{str(source)!r} holds no finite, non-zero vector; check how it was written.")
    unit = (vectors[good] / norms[good]).astype(np.float16)
    replaced = target_path(pool, name, model) if f"{name}/{model}" in targets(pool) else None
    if replaced is not None:
        with pool.changing():
            kept = [path for path in (replaced, replaced.with_suffix(".json")) if path.exists()]
            trash.move(pool.path, "target", f"{name}/{model}", kept)
    _keep(pool, name, model, unit, {"source": str(source), "left_out": int((~good).sum())})
    _copied(pool, name, model)
    return int(good.sum())


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled examples under one model: unit vectors of images and of their classes' prompts, `(M, d)`, and tasks' keys."""

    images: np.ndarray
    classes: np.ndarray
    tasks: np.ndarray


def add_examples(pool: Pool, name: str, examples: Examples, *, model: str, source: str, force: bool = False) -> int:
    """Keeps labelled examples as a target set, which any method can compare with. Returns M. Raises as `add_target`."""
    _check_free(pool, name, model, force)
    images, classes = (np.asarray(part, np.float16) for part in (examples.images, examples.classes))
    _check_dim(pool, model, images.shape[1])
    _keep(pool, name, model, images, {"source": source, "left_out": 0}, (classes, examples.tasks))
    _copied(pool, name, model)
    return len(images)


def check_examples(pool: Pool, name: str, model: str) -> Path:
    """The `.npz` with the labels of a target set. Raises InputError if there is no such set, it has no labels, or the
    model's embeddings have another size."""
    if f"{name}/{model}" not in targets(pool):
        raise InputError(
            f"no target set {name!r} of {model!r}; make one of labelled examples with "
            f"`poolscope target {name} --tasks SUITE --model {model}`."
        )
    path = target_path(pool, name, model)
    if not path.with_suffix(".npz").exists():
        raise InputError(
            f"target set {name!r} has no labels; make one with `poolscope target NAME --tasks SUITE --model {model}`."
        )
    _check_dim(pool, model, files.read_array(path, mapped=True).shape[1])
    return path.with_suffix(".npz")


def load_examples(pool: Pool, name: str, model: str) -> Examples:
    """The labelled examples of a target set, float32. Raises InputError as `check_examples` does."""
    classes, tasks = _labels(check_examples(pool, name, model))
    return Examples(load_target(pool, name, model).astype(np.float32), classes.astype(np.float32), tasks)


def load_target(pool: Pool, name: str, model: str) -> np.ndarray:
    """`(M, d)` float16 unit vectors, memory-mapped. Raises InputError naming the targets that the pool has."""
    return files.read_array(target_path(pool, name, model), mapped=True)


def target_path(pool: Pool, name: str, model: str) -> Path:
    """The `.npy` that holds a target set. Raises InputError naming the targets that the pool has."""
    path = _copied(pool, name, model)
    if path is None:
        has = ", ".join(targets(pool)) or "none"
        raise InputError(
            f"no target set {name!r} for model {model!r}; the pool has {has}. Add it with `poolscope target {name} FILE --model {model}`."
        )
    return path


def target_digest(pool: Pool, name: str, model: str) -> str:
    """SHA-256 of the vectors of a target set; empty if the pool has no such set."""
    path = _copied(pool, name, model)
    if path is None:
        return ""
    beside = path.with_suffix(".json")
    known = files.read_json(beside).get("sha256") if beside.exists() else None
    return str(known or _digest(np.load(path, mmap_mode="r", allow_pickle=False)))


def targets(pool: Pool) -> list[str]:
    """Names of the target sets as `name/model`."""
    prefix = _prefix(pool)
    own = [name.removeprefix(prefix) for name in tables.names(pool.uri) if name.startswith(prefix)]
    matches = [_TABLE.fullmatch(name) for name in own]
    stored = {tuple(part.replace("..", ".") for part in match.groups()) for match in matches if match}
    copies = {(path.parent.name, path.stem) for path in (pool.path / "targets").glob("*/*.npy")}
    whole = {key for key in stored - copies if _whole(pool, *key)}
    return sorted("/".join(key) for key in copies | whole)


def drop_table(pool: Pool, name: str, model: str) -> None:
    """Removes the table of a target set, whose copy was moved away; a copy that comes back becomes a table again."""
    if _table(pool, name, model) in tables.names(pool.uri):
        pool.database.drop_table(_table(pool, name, model))


def _opened(pool: Pool, name: str, model: str) -> "Table | None":
    """The table of a target set; None if there is none, or one whose writer was killed before it was whole. Raises what
    LanceDB raises for a damaged one."""
    table = _table(pool, name, model)
    if table not in tables.names(pool.uri):
        return None
    try:
        with tables.native():
            return pool.database.open_table(table)
    except ValueError as error:
        if "not found" not in str(error):
            raise
        return None


def _whole(pool: Pool, name: str, model: str) -> bool:
    """Whether a target set has a table, though it may be damaged."""
    try:
        return _opened(pool, name, model) is not None
    except tables.FAILURES:
        return True


def _table(pool: Pool, name: str, model: str) -> str:
    """The table's name: dots inside a part are doubled, so that no two sets share a table."""
    return _prefix(pool) + name.replace(".", "..") + "." + model.replace(".", "..")


def _prefix(pool: Pool) -> str:
    """What the names of a pool's target sets begin with: earlier pools may share a bucket, under names of their own."""
    return "target." if pool.table.name == "pairs" else f"{pool.table.name}.target."


def _check_free(pool: Pool, name: str, model: str, force: bool) -> None:
    check_name(name)
    check_name(model)
    if not force and f"{name}/{model}" in targets(pool):
        raise InputError(
            f"there is a target set {name!r} of {model!r} already; choose another name, or replace it with --force."
        )


def _check_dim(pool: Pool, model: str, dim: int) -> None:
    column = pool.columns.get(f"{model}_img")
    if column and column.dim != dim:
        raise InputError(
            f"the target has {dim} dimensions, {model}_img has {column.dim}; embed it with the same model."
        )


Labels = tuple[np.ndarray, np.ndarray]
"""Of labelled examples their classes' vectors `(M, d)` float16 and their tasks' keys `(M,)`."""


def _keep(
    pool: Pool, name: str, model: str, unit: np.ndarray, about: dict[str, Any], labels: Labels | None = None
) -> None:
    columns = {VECTOR: fixed_list(unit)}
    if labels:
        columns |= {CLASS: fixed_list(labels[0]), TASK: pa.array(labels[1].tolist(), pa.string())}
    content = about | {"name": name, "model": model, "rows": len(unit), "sha256": _digest(unit, labels)}
    schema = pa.schema([(key, column.type) for key, column in columns.items()], metadata={ABOUT: json.dumps(content)})
    whole = pa.table(list(columns.values()), schema=schema)
    batches = iter(whole.to_batches(max_chunksize=TILE_ROWS))
    with pool.changing():
        pool.database.create_table(
            _table(pool, name, model), pa.RecordBatchReader.from_batches(schema, batches), mode="overwrite"
        )


def _copied(pool: Pool, name: str, model: str) -> Path | None:
    """The table's copy as `.npy`, written anew if the table is another one; None if there is no such set.

    A set of a pool made before target sets were tables is a `.npy` only: it becomes a table at its first use, if the
    pool may be written.
    """
    check_name(name)
    check_name(model)
    path = pool.path / "targets" / name / f"{model}.npy"
    with tables.reading(f"target set {name}/{model}"):
        table = _opened(pool, name, model)
    if table is None:
        if not path.exists():
            return None
        _migrated(pool, name, model, path)
        return path
    beside = path.with_suffix(".json")
    with tables.reading(f"target set {name}/{model}"):
        about = json.loads(table.schema.metadata[ABOUT])
        labelled = CLASS in table.schema.names
        if _current(path, beside, str(about.get("sha256")), table.count_rows(), labelled):
            return path
        unit = np.empty((table.count_rows(), table.schema.field(VECTOR).type.list_size), dtype=np.float16)
        seen = 0
        for batch in table.search().select([VECTOR]).to_batches(batch_size=TILE_ROWS):
            unit[seen : seen + batch.num_rows] = matrix(batch.column(0))
            seen += batch.num_rows
        read = table.search().select([CLASS, TASK]).to_arrow() if labelled else None
    files.write_array(path, unit)
    path.with_suffix(".npz").unlink(missing_ok=True)
    if read is not None:
        with files.replacing(path.with_suffix(".npz")) as part, part.open("wb") as handle:
            np.savez(handle, classes=matrix(read[CLASS].combine_chunks()), tasks=np.array(read[TASK].to_pylist(), str))
    files.write_json(beside, about)
    return path


def _labels(path: Path) -> Labels:
    with files.reading(path), np.load(path, allow_pickle=False) as read:
        return read["classes"], read["tasks"]


def _current(path: Path, beside: Path, digest: str, rows: int, labelled: bool) -> bool:
    """Whether the copy at `path` is whole and of the table with this digest; a damaged one is made again."""
    try:
        unit, known = files.read_array(path, mapped=True), files.read_json(beside, dict)
    except (OSError, ValueError):
        return False
    if labelled != path.with_suffix(".npz").exists():
        return False
    return known.get("sha256") == digest and unit.ndim == 2 and len(unit) == rows and unit.dtype == np.float16


def _migrated(pool: Pool, name: str, model: str, path: Path) -> None:
    borrowed = (pool.path / "targets").is_symlink() or path.is_symlink()  # a sample of a pool, or a read-only one
    unit = files.read_array(path, mapped=True)
    beside = path.with_suffix(".json")
    about = files.read_json(beside, dict) if beside.exists() else {"source": str(path)}
    if borrowed or unit.dtype != np.float16 or unit.ndim != 2:
        return
    labels = _labels(path.with_suffix(".npz")) if path.with_suffix(".npz").exists() else None
    _keep(pool, name, model, np.asarray(unit), about, labels)
    content = {"name": name, "model": model, "rows": len(unit), "sha256": _digest(unit, labels)}
    files.write_json(beside, about | content)


def _digest(unit: np.ndarray, labels: Labels | None = None) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(unit).data)
    if labels:
        digest.update(np.ascontiguousarray(labels[0]).data)
        digest.update("\n".join(labels[1].tolist()).encode())
    return digest.hexdigest()


def _read(given: str | Path, model: str) -> np.ndarray:
    if Pool.exists(given):
        other = Pool.open(given)
        other.require(f"{model}_img", "embedding")
        parts = [batch.column(0) for batch in other.scan([f"{model}_img"])]
        return np.concatenate([matrix(part) for part in parts])
    source = Path(given)
    if not source.is_file():
        raise InputError(f"no file or pool {str(source)!r}; give a .npy, .npz or .pt of embeddings, or a pool.")
    try:
        content = read_arrays(source)
        return _named(content, source) if isinstance(content, Mapping) else content
    except InputError:
        raise
    except Exception as error:  # torch and numpy raise many types for a file of another form
        raise InputError(f"{str(source)!r} can't be read as embeddings: {first_line(error, 120)}.") from None


def _named(content: Mapping[str, np.ndarray], source: Path) -> np.ndarray:
    array = next((name for name in NAMED if name in content), None) or (
        next(iter(content)) if len(content) == 1 else None
    )
    if array is None:
        raise InputError(
            f"{str(source)!r} holds {', '.join(sorted(content))[:120]}; one of them must be called image_features."
        )
    return np.asarray(content[array])

"""Target sets: embeddings of a reference dataset, kept with a pool under a name, one file per model."""

from pathlib import Path

import numpy as np

from . import files
from .errors import InputError
from .pool import Pool

NAMED = ("image_features", "features", "embeddings", "img", "arr_0")


def target_path(pool: Pool, name: str, model: str) -> Path:
    return pool.path / "targets" / name / f"{model}.npy"


def add_target(pool: Pool, name: str, source: str | Path, *, model: str) -> int:
    """Keeps a target set with the pool as `targets/<name>/<model>.npy`, unit-norm float16 `(M, d)`. Returns M.

    `source`: a `.npy`, a `.npz` (or `.pt`) with one matrix or one named `image_features`, or a pool with embeddings
    `<model>_img`. Nothing is unpickled (`allow_pickle=False`, `weights_only=True`).
    Raises InputError for an unreadable file, a wrong shape, or NaN rows only.
    """
    from .pool.store import check_name

    check_name(name)
    check_name(model)
    matrix = _read(Path(source), model)
    if matrix.ndim != 2 or not matrix.shape[0]:
        raise InputError(
            f"{str(source)!r} holds an array of shape {matrix.shape}; a target set is (M, d) with M at least 1."
        )
    column = pool.columns.get(f"{model}_img")
    if column and column.dim != matrix.shape[1]:
        raise InputError(
            f"the target has {matrix.shape[1]} dimensions, {model}_img has {column.dim}; embed it with the same model."
        )
    vectors = np.asarray(matrix, dtype=np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    good = np.isfinite(norms[:, 0]) & (norms[:, 0] > 0)
    if not good.any():
        raise InputError(f"{str(source)!r} holds no finite, non-zero vector; check how it was written.")
    path = target_path(pool, name, model)
    with files.replacing(path) as part, part.open("wb") as handle:
        np.save(handle, (vectors[good] / norms[good]).astype(np.float16), allow_pickle=False)
    files.write_json(
        path.with_suffix(".json"), {"source": str(source), "rows": int(good.sum()), "left_out": int((~good).sum())}
    )
    return int(good.sum())


def load_target(pool: Pool, name: str, model: str) -> np.ndarray:
    """`(M, d)` float16 unit vectors, memory-mapped. Raises InputError naming the targets that the pool has."""
    path = target_path(pool, name, model)
    if not path.exists():
        has = ", ".join(targets(pool)) or "none"
        raise InputError(
            f"no target set {name!r} for model {model!r}; the pool has {has}. Add it with `poolscope target {name} FILE --model {model}`."
        )
    return np.load(path, mmap_mode="r", allow_pickle=False)


def targets(pool: Pool) -> list[str]:
    """Names of the target sets as `name/model`."""
    return sorted(f"{path.parent.name}/{path.stem}" for path in (pool.path / "targets").glob("*/*.npy"))


def _read(source: Path, model: str) -> np.ndarray:
    if (source / "pool.json").exists():
        other = Pool.open(source)
        other.require(f"{model}_img", "embedding")
        parts = [batch.column(0) for batch in other.scan([f"{model}_img"])]
        from .pool.columns import matrix

        return np.concatenate([matrix(part) for part in parts])
    if not source.is_file():
        raise InputError(f"no file or pool {str(source)!r}; give a .npy, .npz or .pt of embeddings, or a pool.")
    try:
        if source.suffix == ".pt":
            import torch

            content = torch.load(source, map_location="cpu", weights_only=True)
            return _named(content, source) if isinstance(content, dict) else np.asarray(content)
        content = np.load(source, allow_pickle=False)
        return _named(dict(content), source) if source.suffix == ".npz" else content
    except InputError:
        raise
    except Exception as error:  # torch and numpy raise many types for a file of another form
        raise InputError(f"{str(source)!r} can't be read as embeddings: {str(error).splitlines()[0][:120]}.") from None


def _named(content: dict[str, object], source: Path) -> np.ndarray:
    found = next((name for name in NAMED if name in content), None) or (
        next(iter(content)) if len(content) == 1 else None
    )
    if found is None:
        raise InputError(
            f"{str(source)!r} holds {', '.join(sorted(content))[:120]}; one of them must be called image_features."
        )
    return np.asarray(content[found])

"""What several tests of methods need: unit vectors, and the same pairs in another order and in other fragments."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from poolscope.pool import Pool


def unit(rows: object) -> np.ndarray:
    """Rows divided by their length, float32."""
    matrix = np.asarray(rows, dtype=np.float64)
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


def copy_of(
    pool: Pool, path: Path, order: np.ndarray, pieces: int, columns: Sequence[str] = ("l14_img", "l14_txt")
) -> Pool:
    """The pairs of `pool` in another order and in `pieces` fragments."""
    table = pool.take(order, ["uid_hi", "uid_lo", *columns])
    copy = Pool.create(path, table.schema, {"source": "shuffled", "root": pool.origin.get("root")})
    for part in np.array_split(np.arange(len(table)), pieces):
        copy.append(table.take(pa.array(part)).to_batches())
    return copy

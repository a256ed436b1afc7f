"""Batch: what a pointwise method gets to see at once."""

from collections import UserDict
from typing import Any

import numpy as np
import pyarrow as pa

from ...pool.columns import matrix, to_numpy


class Batch(UserDict[str, Any]):
    """Columns of some pairs: embeddings `(n, d)` float32, numbers `(n,)`, text as a pyarrow StringArray."""

    def __init__(self, columns: dict[str, Any], uid_hi: np.ndarray, uid_lo: np.ndarray) -> None:
        super().__init__(columns)
        self.uid_hi, self.uid_lo = uid_hi, uid_lo

    @classmethod
    def from_arrow(cls, batch: pa.RecordBatch) -> "Batch":
        columns = {name: _unpack(batch.column(name)) for name in batch.schema.names if name not in ("uid_hi", "uid_lo")}
        return cls(columns, batch.column("uid_hi").to_numpy(), batch.column("uid_lo").to_numpy())

    def __getitem__(self, name: str) -> Any:
        column = self.data[name]
        return column.astype(np.float32) if isinstance(column, np.ndarray) and column.ndim == 2 else column

    def stored(self, name: str) -> np.ndarray:
        """An embedding `(n, d)` as the pool keeps it, float16: for methods that widen it tile by tile."""
        column: np.ndarray = self.data[name]
        return column

    @property
    def rows(self) -> int:
        return len(self.uid_hi)


def _unpack(column: pa.Array) -> Any:
    if pa.types.is_fixed_size_list(column.type):
        return matrix(column)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_nested(column.type):
        return column
    return to_numpy(column)

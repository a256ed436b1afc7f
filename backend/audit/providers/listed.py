"""Groups of one's own: a table that lists the group of each key, kept with the pool as `groups-of-own/NAME.parquet`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...pool import Pool
from ...progress import Progress
from ..group import Group, slug
from ..provider import Provider
from ..scan import Numbering

if TYPE_CHECKING:
    from ...sources.pool_keys import PoolKeys

FOLDER = "groups-of-own"
ON = b"poolscope.on"
ERROR = "as good as the list; pairs that it does not name belong to none of its groups"


@dataclass(frozen=True)
class Listed(Provider):
    """The groups of one table with the text columns `key` and `group`; its metadata says what the keys are."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def id(self) -> str:
        return f"own-{self.name}"

    @property
    def families(self) -> tuple[str, ...]:
        return (self.name,)

    def missing(self, pool: Pool) -> str:
        import pyarrow as pa

        try:
            on = self.on
        except (pa.ArrowException, OSError):
            return f"{FOLDER}/{self.path.name} can't be read; remove it with `poolscope groups remove {self.name}`"
        return "" if on == "uid" or on in pool.columns else f"the pool has no column `{on}`"

    @property
    def on(self) -> str:
        import pyarrow.parquet as pq

        return (pq.read_schema(self.path).metadata or {}).get(ON, b"uid").decode()

    def key(self, pool: Pool) -> dict[str, Any]:
        with self.path.open("rb") as file:
            return {"table": hashlib.file_digest(file, "sha256").hexdigest(), "version": 1}

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        codes, names, _ = codes_of(self.path, pool, self.on, progress)
        method = f"listed by {self.on} in a table of one's own"
        return [
            Group.of(codes == place, f"own.{self.name}.{part}", self.name, group, f"listed as {group}",
                     method=method, error=ERROR, source=self.id)
            for place, (group, part) in enumerate(zip(names, slugs(names)))
            if np.any(codes == place)
        ]  # fmt: skip


def listed(pool: Pool) -> list[Listed]:
    return [Listed(path) for path in sorted((pool.path / FOLDER).glob("*.parquet"))]


def codes_of(path: Path, pool: Pool, on: str, progress: Progress) -> tuple[np.ndarray, list[str], "PoolKeys"]:
    """`(n,)` int16 number of each pair's group, -1 for none; the groups' names; and the keys, which count the unknown."""
    import pyarrow.parquet as pq

    from ...sources.pool_keys import PoolKeys

    keys, row = PoolKeys(pool, on), 0
    numbering = Numbering()
    taken = [np.empty(0, np.int16)]
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=65_536):
            fresh = keys.take(batch.column("key"), row, batch.num_rows)
            taken.append(numbering.of(batch.column("group"))[fresh].astype(np.int16))
            row += batch.num_rows
            progress(row, file.metadata.num_rows, "keys of groups")
    origins = keys.origins()
    return np.append(np.concatenate(taken), np.int16(-1))[origins], list(numbering.known), keys


def slugs(names: Sequence[str]) -> list[str]:
    """The names as parts of ids, each another one: of equal slugs the later get a number."""
    unique: dict[str, None] = {}
    for name in names:
        part, number = slug(name), 2
        while part in unique:
            part, number = f"{slug(name)}-{number}", number + 1
        unique[part] = None
    return list(unique)

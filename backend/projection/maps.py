"""Map: positions of a sample of the pairs, as files under `<pool>/maps/<model>/`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..pool import Pool
from ..pool.lock import writing
from ..pool.work import spool


@dataclass(frozen=True)
class Map:
    """`rows` (m,) uint32 ascending, `xy` (m, 2) float32 scaled into [-1, 1], and how they were made.

    `everyone` (n, 2) uint16 places all pairs of a large pool (see `steps_of`; 65535, 65535: no embedding), from which
    their density is drawn; None when the points are all there is.
    """

    model: str
    rows: np.ndarray
    xy: np.ndarray
    made_by: dict[str, Any]
    everyone: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def fits(self, pairs: int) -> bool:
        """Whether it places rows of a pool of that many pairs."""
        return self.rows.ndim == 1 and self.xy.shape == (len(self.rows), 2) and self.rows.max(initial=0) < pairs

    def quantised(self) -> bytes:
        """What a browser draws: m little-endian uint16 x, m uint16 y (0 is -1, 65535 is 1), then m uint32 rows."""
        steps = steps_of(self.xy)
        return steps[:, 0].tobytes() + steps[:, 1].tobytes() + self.rows.astype("<u4").tobytes()

    def inside(self, polygon: np.ndarray) -> np.ndarray:
        """`(m,)` bool: the points inside `polygon` (k, 2) by the even-odd rule. Fewer than 3 corners hold nothing."""
        corners = np.asarray(polygon, dtype=np.float32).reshape(-1, 2)
        within = np.zeros(len(self), dtype=bool)
        if len(corners) < 3:
            return within
        low, high = corners.min(axis=0), corners.max(axis=0)
        near = np.flatnonzero(((self.xy >= low) & (self.xy <= high)).all(axis=1))
        x, y = self.xy[near, 0], self.xy[near, 1]
        odd = np.zeros(len(near), dtype=bool)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0)):
            if y0 != y1:
                odd ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
        within[near] = odd
        return within


def steps_of(xy: np.ndarray) -> np.ndarray:
    """`(m, 2)` positions in [-1, 1] as uint16: 0 is -1, 65535 is 1."""
    return np.clip(np.rint((xy + 1) * 32767.5), 0, 65535).astype("<u2")


def directory(pool: Pool, model: str) -> Path:
    return pool.path / "maps" / model


def save(pool: Pool, placed: Map) -> None:
    """Keeps a map. It is written beside the one before it, and takes its place as a whole."""
    place = directory(pool, placed.model)
    arrays = {"rows": placed.rows, "xy": placed.xy}
    if placed.everyone is not None:
        arrays["everyone"] = placed.everyone
    with spool(pool.path) as room:  # what a killed process leaves in it is removed by the next one
        fresh = room / "map"
        fresh.mkdir()
        fresh.chmod(0o755)
        for name, values in arrays.items():
            files.write_array(fresh / f"{name}.npy", values)
        files.write_json(fresh / "map.json", placed.made_by)
        place.parent.mkdir(exist_ok=True)
        with writing(pool.path):
            if place.exists():
                place.rename(room / "before")
            fresh.rename(place)


def load(pool: Pool, model: str) -> Map | None:
    """The map of `model`, or None when it was not built, is damaged, or built for fewer pairs than the pool has now."""
    place, read = directory(pool, model), None
    for _ in range(3):  # it may be built again between the reading of its description and of its arrays
        try:
            read = _read(place, model)
            if files.read_json(place / "map.json", dict) == read.made_by:
                break
        except (OSError, ValueError):  # damaged, then it can be built again; or replaced meanwhile
            read = None
    if read is None or read.made_by.get("pairs") != len(pool) or not read.fits(len(pool)):
        return None
    if read.everyone is not None and len(read.everyone) != len(pool):
        return replace(read, everyone=None)
    return read


def _read(place: Path, model: str) -> Map:
    made_by = files.read_json(place / "map.json", dict)
    rows, xy = (files.read_array(place / f"{name}.npy") for name in ("rows", "xy"))
    everyone = files.read_array(place / "everyone.npy", mapped=True) if (place / "everyone.npy").exists() else None
    return Map(model, rows, xy, made_by, everyone)


def available(pool: Pool) -> list[str]:
    """Models with a map that fits the pool as it is."""
    models = [path.parent.name for path in sorted((pool.path / "maps").glob("*/map.json"))]
    return [model for model in models if load(pool, model)]

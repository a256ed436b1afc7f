"""Shards that are not written: the plan of an export, from which a training reads the pool's own tars."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..errors import InputError
from ..pool import Pool, uid_hex
from ..recipe import Selection
from .plan import plan
from .reading import Sources, read_samples

PLAN = "in_place.json"
BLOCK = 256


def plan_in_place(pool: Pool, selection: Selection, out: str | Path, *, shard_size: int = 10_000) -> int:
    """Writes to `out` what `samples_of` needs, 44 bytes a kept pair; returns how many shards there would be.

    The shards are those that `export_shards` would write, with the same samples in the same order, each as often as
    it is drawn. Raises InputError if none of the kept pairs has an image in a file.
    """
    out = Path(out)
    rows = np.flatnonzero(selection.mask)
    planned = plan(pool, rows, selection.copies_of(rows))
    total = len(planned.entries)
    if not total:
        raise InputError(
            f"none of the {len(rows):,} kept pairs has an image file; index the shards with `poolscope index` first."
        )
    uids = pool.uids()[planned.entries["row"]]
    for name, array in (("entries", planned.entries), ("uids", uids)):
        files.write_array(out / f"{name}.npy", array)
    shards = -(-total // shard_size)
    files.write_json(
        out / PLAN,
        {
            "pool": pool.uri, "tars": planned.tars, "missing": len(planned.missing),
            "edges": np.linspace(0, total, shards + 1).astype(np.int64).tolist(),
        },
    )  # fmt: skip
    return shards


def names(directory: Path) -> str:
    """The shards of a plan as webdataset's brace range, as if they were tars there."""
    last = len(files.read_json(directory / PLAN)["edges"]) - 2
    return f"{directory}/{{{0:08d}..{last:08d}}}.tar"


def samples_of(sources: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """webdataset samples of the shards named by `url`; in the place of a reader of tars.

    Each kept sample is read by one seek; one that can't be read, has no caption, or whose tar holds another uid there, is
    left out.
    """
    for source in sources:
        shard = Path(source["url"])
        for uid, copy, members in read_shard(shard.parent, int(shard.stem)):
            if dict(members).get("txt", b"").strip():
                yield {"__key__": f"{uid}-{copy}", "__url__": str(shard), **dict(members)}


def read_shard(directory: Path, number: int) -> Iterator[tuple[str, int, list[tuple[str, bytes]]]]:
    """Uid, copy and members of each sample of a shard."""
    with Planned(directory) as planned:
        start, stop = planned.edges[number : number + 2]
        for at in range(start, stop, BLOCK):
            for uid, copy, members in planned.read(np.arange(at, min(stop, at + BLOCK))):
                if members:
                    yield uid, copy, members


class Planned:
    """The samples of a plan by number, in the order of its shards; in memory is what the last read needed."""

    def __init__(self, directory: Path) -> None:
        about = json.loads((directory / PLAN).read_text())
        self.edges: list[int] = about["edges"]
        self._tars, self._uri = Sources(about["tars"]), about["pool"]
        self._pool: Pool | None = None
        self._entries = np.load(directory / "entries.npy", mmap_mode="r")
        self._uids = np.load(directory / "uids.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self._entries)

    def __enter__(self) -> "Planned":
        return self

    def __exit__(self, *error: object) -> None:
        self._tars.__exit__(*error)

    def read(self, numbers: np.ndarray) -> Iterator[tuple[str, int, list[tuple[str, bytes]]]]:
        """Uid, copy and members of the samples at `numbers` `(k,)`, ascending; no members where one can't be read."""
        if self._pool is None:
            self._pool = Pool.open(self._uri)
        entries, uids = self._entries[numbers], self._uids[numbers]
        hexed = uid_hex(uids["f0"], uids["f1"]).to_pylist()
        rows = entries["row"]
        texts = (
            self._pool.take(rows, ["text"])["text"].to_pylist() if "text" in self._pool.columns else [None] * len(rows)
        )
        known = [{"uid": uid, "text": text} for uid, text in zip(hexed, texts)]
        for uid, entry, members in zip(hexed, entries, read_samples(self._pool, entries, known, self._tars)):
            yield uid, int(entry["copy"]), members

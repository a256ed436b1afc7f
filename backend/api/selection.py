"""Selection: what a recipe keeps of a pool, as tables, as a dataset to train on, as files, as a run."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .. import files
from ..errors import InputError
from ..progress import Progress, silent
from ..recipe import Recipe, RuleCount
from ..recipe import Selection as Mask
from .tables import html

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from ..pool import Pool
    from .dataset import Pairs
    from .run import Run

MOST = 5_000_000
"""Pairs that become one table in memory without being asked for: some 2 GB with captions and URLs."""
BLOCK = 4096


class Selection:
    """What `recipe` keeps of `pool`; made by `pool.select`. True = KEPT."""

    def __init__(self, store: "Pool", recipe: Recipe, mask: Mask) -> None:
        self.recipe = recipe
        self._mask = mask
        self._store = store

    @property
    def mask(self) -> np.ndarray:
        """`(n,)` bool in row order, True = KEPT."""
        return self._mask.mask

    @property
    def rows(self) -> np.ndarray:
        """`(k,)` int64: the rows of the kept pairs, ascending."""
        return np.flatnonzero(self._mask.mask)

    @property
    def copies(self) -> np.ndarray | None:
        """`(n,)` uint32 in row order: how often each pair is drawn, 0 for a dropped one; None if each kept one is once.

        >>> drawn = ps.open("pool").select([{"sample": "clip_l14", "pairs": 500, "penalty": 0.15}])
        >>> int(drawn.copies.sum()), drawn.drawn
        (500, 500)
        """
        return self._mask.copies

    @property
    def drawn(self) -> int:
        """The kept pairs, each as often as it is drawn; as many as `len` unless a rule draws with repetition."""
        return self._mask.drawn

    @property
    def counts(self) -> list[RuleCount]:
        """What each rule kept and dropped, and the threshold that it amounts to.

        >>> [(c.rule, c.kept, c.dropped) for c in ps.open("pool").select(flag="sharp").counts]
        [('sharp', 91, 109)]
        """
        return self._mask.counts

    def __len__(self) -> int:
        return self._mask.kept

    def __repr__(self) -> str:
        share = len(self) / self._mask.pairs if self._mask.pairs else 0.0
        return (
            f"Selection({self.recipe.name!r}): {len(self):,} of {self._mask.pairs:,} pairs kept ({100 * share:.1f} %)"
        )

    def _repr_html_(self) -> str:
        rows = [
            (c.rule, f"{c.kept:,}", f"{c.dropped:,}", "" if c.threshold is None else f"{c.threshold:.5g}")
            for c in self.counts
        ]
        caption = f"{self.recipe.name}: {len(self):,} of {self._mask.pairs:,} pairs kept"
        return html(caption, ("rule", "kept after it", "dropped by it", "threshold"), rows)

    def to_batches(self, columns: Sequence[str] | None = None, *, batch_size: int = BLOCK) -> Iterator[pa.RecordBatch]:
        """The kept pairs in row order, batch by batch (at most `batch_size` pairs each): memory stays bounded.

        `columns`: default all but embeddings; `uid` comes as 32 hex digits. Raises InputError for an unknown column.

        >>> kept = ps.open("pool").select(score="clip_l14", top=0.3)
        >>> sum(batch.num_rows for batch in kept.to_batches(["uid", "text"]))
        60
        """
        names = self._columns(columns)
        return self._batches(names, batch_size)

    def to_arrow(self, columns: Sequence[str] | None = None, *, limit: int | None = None) -> pa.Table:
        """The kept pairs as one Arrow table, the first `limit` of them if it is given.

        Raises InputError for more than 5 million pairs without a `limit`: they may not fit in memory.

        >>> ps.open("pool").select(flag="sharp").to_arrow(["uid", "clip_l14"], limit=10).num_rows
        10
        """
        most = len(self) if limit is None else min(limit, len(self))
        if limit is not None and limit < 0:
            raise InputError(f"limit is {limit}; it is a number of pairs, 0 or more.")
        if limit is None and most > MOST:
            raise InputError(
                f"{most:,} pairs as one table may not fit in memory; read them with to_batches(), or give limit={most}."
            )
        names = self._columns(columns)
        return self._store.take(self.rows[:most], names) if most <= BLOCK else self._table(names, most)

    def to_pandas(self, columns: Sequence[str] | None = None, *, limit: int | None = None) -> "pd.DataFrame":
        """Like `to_arrow`, as a DataFrame.

        >>> list(ps.open("pool").select(flag="sharp").to_pandas(["uid", "text"], limit=5).columns)
        ['uid', 'text']
        """
        return self.to_arrow(columns, limit=limit).to_pandas()

    def to_torch(self, transform: Callable[[Any], Any] | None = None) -> "Pairs":
        """A `torch.utils.data.Dataset` of (image, caption), to be read at random or in order.

        `transform` is applied to each PIL image, as the preprocessing of open_clip and torchvision is. A loader with
        workers needs `multiprocessing_context="spawn"`. An image that can't be read is left out of its batch.

        >>> dataset = ps.open("pool").select(score="clip_l14", top=0.3).to_torch()
        >>> image, caption = dataset[0]
        >>> len(dataset), image.size
        (60, (64, 48))
        """
        from .dataset import Pairs

        return Pairs(self._store, np.repeat(self.rows, self._mask.copies_of(self.rows)), transform)

    def _columns(self, columns: Sequence[str] | None) -> list[str]:
        known = self._store.columns
        if columns is None:
            return ["uid", *[name for name, c in known.items() if c.kind not in ("key", "embedding")]]
        if isinstance(columns, str):
            raise InputError(f"columns is the text {columns!r}; give a list, for example [{columns!r}].")
        for name in columns:
            if name != "uid":
                self._store.require(name)
        return list(dict.fromkeys(columns))

    def _batches(self, names: list[str], batch_size: int) -> Iterator[pa.RecordBatch]:
        from ..pool import uid_hex

        seen, mask = 0, self.mask
        for batch in self._store.scan(["uid", *[name for name in names if name != "uid"]], batch_size=batch_size):
            kept = batch.filter(pa.array(mask[seen : seen + batch.num_rows]))
            seen += batch.num_rows
            if kept.num_rows:
                uid = uid_hex(kept["uid_hi"].to_numpy(), kept["uid_lo"].to_numpy()) if "uid" in names else None
                yield pa.RecordBatch.from_arrays([uid if name == "uid" else kept[name] for name in names], names=names)

    def _table(self, names: list[str], most: int) -> pa.Table:
        parts: list[pa.RecordBatch] = []
        missing = most
        for batch in self._batches(names, BLOCK):
            parts.append(batch.slice(0, missing))
            missing -= parts[-1].num_rows
            if not missing:
                break
        return pa.Table.from_batches(parts)

    def histogram(self, score: str, *, bins: int = 60) -> "go.Figure":
        """The distribution of a score over the kept and the dropped pairs, as a Plotly figure.

        >>> [bar.name for bar in ps.open("pool").select(flag="sharp").histogram("clip_l14").data]
        ['kept', 'dropped']
        """
        from .histogram import figure

        return figure(self._store, score, self.mask, bins=bins, copies=self.copies)

    def export(self, out: str | Path, *, columns: Sequence[str] = ("uid", "text", "url"), replace: bool = False,
               progress: Progress = silent) -> Path:  # fmt: skip
        """Writes the kept pairs, their recipe beside them: a subset file (`.npy`), a table (`.parquet`), or shards.

        A path without a suffix is a new directory for webdataset shards. Raises InputError for another suffix, and for
        a file that exists unless `replace`.

        >>> ps.open("pool").select(flag="sharp").export("kept.npy").name
        'kept.npy'
        """
        from .. import export

        path = Path(out)
        if path.suffix not in (".npy", ".parquet", ""):
            raise InputError(f"{path.name!r} ends in {path.suffix}; allowed are .npy, .parquet, or a directory's name.")
        if path.suffix:
            files.new(path, force=replace, remedy="give replace=True")
        if path.suffix == ".npy":
            return export.export_subset(self._store, self._mask, path, recipe=self.recipe, force=replace)
        if path.suffix == ".parquet":
            return export.export_table(
                self._store, self._mask, path, columns=columns, force=replace, recipe=self.recipe, progress=progress
            )
        export.export_shards(self._store, self._mask, path, recipe=self.recipe, progress=progress)
        return path

    def train(self, scale: str = "demo", *, seed: int = 0, gpus: int | None = None) -> "Run":
        """Trains and evaluates a model on the kept pairs as a job in the background, and returns at once.

        `scale` is demo, debug, small, medium, large or xlarge; `gpus` are devices, 0 for the CPU (default: a GPU if
        there is one). Raises InputError for an unknown scale and for what stands in the way, before anything starts.

        >>> ps.open("pool").select(score="clip_l14", top=0.01).train("demo")
        Traceback (most recent call last):
        ...
        poolscope.errors.InputError: ...
        """
        from .run import start

        return start(self._store, self.recipe, self.drawn, scale=scale, seed=seed, gpus=gpus)

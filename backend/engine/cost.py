"""What a method costs on a pool, before it starts: run on a sample of the pairs, extrapolated by how its work grows; on GPUs
that were not measured, arithmetic from its operations and the table of rates."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import files, rates
from ..devices import card
from ..errors import InputError
from ..pool import Pool, digests
from ..pool.columns import described
from ..progress import Progress, silent
from ..scores.base import Method
from ..targets import load_target
from ..versions import __version__
from .catalogue import entry, loadable
from .run import run

FIRST = 64  # loads libraries, lists and networks; what it takes longer than the next is the start
SIZES = (1024, 4096, 16384)  # whole tiles of every kernel
ENOUGH = 1.5  # seconds of a sample's run that make a larger one needless
COUNTS = (1, 8)  # GPUs that were not measured
SHARED = ("targets", "centroids", "thumbnails.zip", "subsets")


@dataclass(frozen=True)
class Estimate:
    """`seconds` for all `pairs` by `cores`, of which `start` once and `training` not measured but computed from its scale.

    `sample` pairs were run in `measured` seconds on one `device` (`cpu`, or a GPU's name); units are spread over `devices`
    of them. `disk` is the bytes of the columns it leaves, `temporary` those that it takes at most while it runs;
    `elsewhere` seconds by cards and counts that were not measured, and `elsewhere_basis` says by what arithmetic.
    """

    method: str
    parameters: dict[str, Any]
    pairs: int
    sample: int
    measured: float
    start: float
    training: float
    seconds: float
    disk: int
    cores: int
    device: str
    devices: int
    elsewhere: dict[str, float]
    elsewhere_basis: str
    temporary: int = 0

    @property
    def basis(self) -> str:
        """Where `seconds` comes from."""
        on = f"{self.cores} cores" if self.device == "cpu" else self.device
        spread = f", units spread over {self.devices} of them" if self.devices > 1 else ""
        return f"measured here on {self.sample:,} pairs in {self.measured:.2f} s ({on}{spread})"

    @property
    def per_pair(self) -> float:
        """Seconds per pair when it runs, without start and training."""
        return (self.seconds - self.start - self.training) / self.pairs if self.pairs else 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"seconds_per_pair": self.per_pair, "basis": self.basis}


def estimate(pool: Pool, method: Method, *, gpus: int | None = None, progress: Progress = silent) -> Estimate:
    """Runs `method` on 64 random pairs of `pool`, then 1,024, then on more until a run takes 1.5 s, and extrapolates.

    One device runs the sample; what it would take is shared by as many as the method spreads its units over, at most
    `gpus`. The sample lies in a pool of its own in a temporary directory; `pool` gets no column. The result is kept with the
    pool for `known`. A trained network is not trained for it: `Method.trial` makes training small, `Method.training`
    tells its time. Raises InputError as the method does for a pool that lacks what it needs.
    """
    method.check(pool)
    runs: list[tuple[int, float, float]] = []
    start = 0.0
    for place, size in enumerate((FIRST, *SIZES)):
        pairs = min(size, len(pool))
        if not pairs or (runs and (pairs == runs[-1][0] or runs[-1][2] >= ENOUGH)):
            break
        progress(place, 1 + len(SIZES), f"{pairs:,} pairs")
        with _sampled(pool, method, pairs) as sample:
            trial = method.trial(pairs, len(pool))
            took = _timed(sample, trial)
        if size == FIRST:
            start = took
        else:
            runs.append((pairs, trial.work(pairs), took))
    start = max(0.0, start - runs[0][2]) if runs else 0.0
    progress(1 + len(SIZES), 1 + len(SIZES), "measured")
    fixed, pace = _line(runs)
    training, devices = method.training(pool), _devices(pool, method, gpus)
    once = method.once(len(pool))
    work = method.work(len(pool)) * (once + (1 - once) / devices)
    total = Estimate(
        method=method.id,
        parameters=method.parameters(),
        pairs=len(pool),
        sample=runs[-1][0] if runs else 0,
        measured=runs[-1][2] if runs else 0.0,
        start=start + fixed,
        training=training,
        seconds=start + fixed + pace * work + training,
        disk=sum(_width(kind) for kind in method.outputs(pool).values()) * len(pool),
        cores=len(os.sched_getaffinity(0)),
        device=_device(method),
        devices=devices,
        elsewhere=_elsewhere(method, pool),
        elsewhere_basis=_basis(method),
        temporary=method.temporary(pool),
    )
    files.write_json(_path(pool, method, devices), asdict(total))
    return total


def known(pool: Pool, method: Method) -> Estimate | None:
    """The estimate that was made before for this pool, method, version and number of cores and devices, if any."""
    try:
        return Estimate(**files.read_json(_path(pool, method, _devices(pool, method, None))))
    except (OSError, ValueError, TypeError):
        return None


def measure(pool: Pool, *, progress: Progress = silent) -> tuple[list[Estimate], dict[str, str]]:
    """Measures on samples what the methods that can start on `pool` cost, as far as it isn't known; returns the estimates,
    kept with the pool for `known`, and why others can't be measured, by method."""
    entries = [entry(method.id, pool) for method in loadable()[0]]
    methods = [one.built for one in entries if not one.problem and known(pool, one.built) is None]
    estimates, problems = [], {}
    for number, method in enumerate(methods):
        progress(number, len(methods), method.title)
        try:
            estimates.append(estimate(pool, method))
        except InputError as error:
            problems[method.id] = str(error)
    progress(len(methods), len(methods), "measured")
    return estimates, problems


def duration(seconds: float) -> str:
    """`0.42` is "0.4 s", `75` "1.3 min", `8000` "2.2 h", `200000` "2.3 days"."""
    for unit, length, most in (("s", 1, 60), ("min", 60, 60), ("h", 3600, 48)):
        if seconds < most * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds / 86400:,.1f} days"


def _device(method: Method) -> str:
    """What a unit computes on: `cpu`, or a GPU's name."""
    return card() or "GPU" if method.resolved().get("device", "cpu") != "cpu" else "cpu"


def _devices(pool: Pool, method: Method, gpus: int | None) -> int:
    """How many devices share the units; no more than there are units."""
    if _device(method) == "cpu":
        return 1
    there = len(method.spread(gpus))
    return min(there, len(pool.fragments)) if type(method).units is Method.units else there


def _timed(pool: Pool, method: Method) -> float:
    begun = time.perf_counter()
    run(pool, method, column="estimated", replace=True, gpus=1 if _device(method) != "cpu" else None)
    return time.perf_counter() - begun


def _line(runs: list[tuple[int, float, float]]) -> tuple[float, float]:
    """Seconds at no work and seconds per work, from the smallest and the largest sample; never negative."""
    if not runs:
        return 0.0, 0.0
    (_, less, quick), (_, more, slow) = runs[0], runs[-1]
    if more <= less or slow <= quick:
        return 0.0, slow / more if more else 0.0
    pace = min((slow - quick) / (more - less), slow / more)
    return slow - pace * more, pace


@contextmanager
def _sampled(pool: Pool, method: Method, pairs: int) -> Iterator[Pool]:
    """A pool of `pairs` random pairs with the columns that a method may read; target sets are the pool's own."""
    rows = np.sort(np.random.default_rng(0).choice(len(pool), pairs, replace=False))
    names = [name for name, column in pool.columns.items() if column.kind != "embedding" or name in method.needs()]
    schema = pa.schema([pool.schema.field(name) for name in names])
    for name in names:
        about = pool.columns[name]
        place = schema.get_field_index(name)
        schema = schema.set(place, described(pa.schema([schema.field(name)]), kind=about.kind, made_by={}).field(0))
    folder = Path(tempfile.mkdtemp(prefix="poolscope-sample-"))
    try:
        root = str(pool.root.resolve())
        sample = Pool.create(folder / "pool", schema, {"source": "a sample", "root": root})
        for name in SHARED:
            if (pool.path / name).exists():
                (sample.path / name).symlink_to((pool.path / name).resolve())
        sample.append(pool.take(rows, names).cast(schema).to_batches(max_chunksize=8192))
        yield sample
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _path(pool: Pool, method: Method, devices: int) -> Path:
    subject = {
        "method": method.id, "parameters": method.parameters(), "rows": len(pool), "poolscope": __version__,
        "cores": len(os.sched_getaffinity(0)), "devices": devices, "device": _device(method), "needs": [name for name in method.needs() if name in pool.columns],
    }  # fmt: skip
    return pool.path / "estimates" / f"{digests.of_value(subject)[:16]}.json"


def _width(kind: pa.DataType) -> int:
    """Bytes a pair takes, about; a short word for text."""
    return 8 if pa.types.is_string(kind) else max(1, kind.bit_width // 8)


def on_cards(
    method: Method, pairs: int, dim: int, targets: int = 0, *, counts: Sequence[int] = COUNTS, bytes: int = 0
) -> dict[str, float]:
    """Seconds by `"A100"`, `"8 x A100"` and so on for every card of the table: what takes longer, its operations or
    reading `bytes` of embeddings from the disk as often as it does. Empty for a method that needs no device."""
    flop, once = method.flop(pairs, dim, targets), method.once(pairs)
    if not flop:
        return {}
    read = method.readings(pairs) * bytes / (1e9 * rates.table()["disk"]["gb_per_s"])
    return {
        f"{count} x {card}" if count > 1 else card: max(
            read, flop * (once + (1 - once) / count) / rates.on_card(method.arithmetic(), card).per_second
        )
        for card in rates.cards()
        for count in counts
    }


def _elsewhere(method: Method, pool: Pool) -> dict[str, float]:
    """The same for a method on a pool: with the dimension of the embeddings that it reads, and its target set."""
    read = [column for name in method.needs() if (column := pool.columns.get(name)) and column.dim]
    dim = max((column.dim or 0 for column in read), default=0)
    size = sum(2 * (column.dim or 0) for column in read) * len(pool)
    return on_cards(method, len(pool), dim, _targets(method, pool), bytes=size)


def _basis(method: Method) -> str:
    """Where `on_cards` has its numbers from."""
    share, disk = rates.table()["shares"][method.arithmetic()], rates.table()["disk"]
    return (
        f"from a table: {100 * share['share']:g} % of the data sheets' {share['of']} precision rate ({share['from']}), "
        f"{disk['gb_per_s']:g} GB/s of disk ({disk['from']})"
    )


def _targets(method: Method, pool: Pool) -> int:
    named = next((entry.name for entry in fields(method) if entry.metadata.get("of") == "target"), "")
    try:
        return len(load_target(pool, getattr(method, named), getattr(method, "model", ""))) if named else 0
    except InputError:
        return 0

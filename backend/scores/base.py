"""Method: how a score or flag column is made. The base owns reading and bookkeeping; a method is its maths."""

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa

from .. import devices
from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from .kernels import parameters
from .kernels.batch import Batch as Batch
from .kernels.parameters import param as param

MAIN = ""


@dataclass(frozen=True)
class Unit:
    """A work unit: rows `start` to `stop` of the pool, or the `rows` listed. Its id names its record."""

    id: str
    start: int = 0
    stop: int = 0
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return self.stop - self.start if self.rows is None else len(self.rows)


Each = Callable[[Pool, Sequence[Unit], Callable[[Pool, Unit], Any]], Iterator[tuple[Unit, Any]]]


def here(pool: Pool, units: Sequence[Unit], part: Callable[[Pool, Unit], Any]) -> Iterator[tuple[Unit, Any]]:
    """`part` of each unit, one after the other, in this process."""
    for unit in units:
        yield unit, part(pool, unit)


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to make a column. Constructors only store; the docstring gives equation, paper, shapes and cost.

    Pointwise methods implement `score`. Others override `units` and `compute`. A statistic of the whole pool is
    computed once in `prepare`; it must be small and picklable, for workers get it by value.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[Literal["score", "flag"]] = "score"
    formula: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    cost: ClassVar[str] = ""
    published: ClassVar[str] = ""
    order: ClassVar[int] = 1000
    """Its place in the catalogue; equal ones follow their ids."""
    recipes: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    """Ready recipes as data (name, note, scores, keep). Without one, here or in the library, the flag or the top 30 %."""
    inputs: ClassVar[tuple[str, ...]] = ()
    """The columns it reads; `{name}` stands for the value of a parameter, and what is empty then falls away."""
    extras: ClassVar[Mapping[str, pa.DataType]] = {}
    """The columns it makes beside the main one."""
    scan_rows: ClassVar[int] = 4096
    at_once: ClassVar[bool] = False
    """Whether each pair depends on all others, so that all are one unit."""
    shared: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Extra columns that mean the same whichever method makes them, and the parameters that they depend on."""

    def __post_init__(self) -> None:
        for entry in dataclasses.fields(self):
            parameters.check(type(self).id, entry, getattr(self, entry.name))

    def parameters(self) -> dict[str, Any]:
        """The parameters by name, as they go into a column's provenance."""
        return {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}

    def contents(self, pool: Pool) -> dict[str, str]:
        """Digests of what the parameters name besides columns: files, target sets, models, by the parameter's name.

        They are part of a column's provenance: another content under the same name makes the column anew, the same
        content under another name doesn't. Override it for what a parameter's `of` and `content` can't tell.
        """
        named = {entry.name: parameters.content(self, entry, pool) for entry in dataclasses.fields(self)}
        return {name: digest for name, digest in named.items() if digest}

    def resolved(self) -> dict[str, str]:
        """What each `auto` among the parameters means on this machine, by the parameter's name."""
        of = {entry.name: entry.metadata.get("of") for entry in dataclasses.fields(self)}
        return {name: devices.choose(getattr(self, name)) for name, what in of.items() if what == "device"}

    def spread(self, gpus: int | None = None) -> tuple[str, ...]:
        """The devices that its units are spread over, at most `gpus`; empty for a method that takes no device."""
        device = self._device()
        return devices.spread(device, gpus) if device else ()

    def slot(self, gpus: int | None = None) -> str:
        """What a job that runs it asks the queue for: all GPUs, or `gpus` of them, if it takes a device."""
        device = self._device()
        return devices.slot(device, gpus or max(1, devices.gpus())) if device else "cpu"

    def _device(self) -> str:
        fields = (entry for entry in dataclasses.fields(self) if entry.metadata.get("of") == "device")
        return next((str(getattr(self, entry.name)) for entry in fields), "")

    def needs(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(name for one in self.inputs if (name := one.format_map(vars(self))))

    def reads(self) -> tuple[str, ...]:
        """The columns that a batch of `score` holds: all that it needs, unless some are for `prepare` alone."""
        return self.needs()

    def outputs(self, pool: Pool) -> dict[str, pa.DataType]:
        """Columns it makes: the main one under the name `""`, extra ones under names of their own."""
        return {MAIN: pa.bool_() if self.kind == "flag" else pa.float32(), **self.extras}

    def check(self, pool: Pool) -> None:
        """Raises InputError if the pool lacks what the method needs, has it of another kind than its parameters say, or has
        no value in it, and for a device that is not here."""
        for name in self.needs():
            pool.require(name)
        kinds = parameters.kinds(self)
        for name in self.needs():
            pool.require(name, kinds.get(name))
            if not pool.filled(name):
                raise InputError(
                    f"{self.id} needs {name!r}, which is empty for every pair of pool {pool.name!r}; {_supply(name)}."
                )
        if device := self._device():
            devices.choose(device)

    def work(self, pairs: int) -> float:
        """How much there is to do on so many pairs, in any unit: what a sample cost is extrapolated by it."""
        return float(pairs)

    def flop(self, pairs: int, dim: int, targets: int = 0) -> float:
        """Floating-point operations that its device does for so many pairs with embeddings of `dim` numbers, against a
        target set of `targets` vectors; 0 for a method that needs no device."""
        return 0.0

    def arithmetic(self) -> str:
        """What its operations are on a GPU: `half` or `single` precision, or an `embedding`."""
        return "half"

    def readings(self, pairs: int) -> int:
        """How often the embeddings of so many pairs are read from the disk or written to it."""
        return 1

    def once(self, pairs: int) -> float:
        """The share of `work` that one device does before units are spread over all: training."""
        return 0.0

    def trial(self, sample: int, pairs: int) -> "Method":
        """The method as it is tried on `sample` of `pairs` pairs, where it would be too much or impossible on so few."""
        return self

    def training(self, pool: Pool) -> float:
        """Seconds of training that no sample shows."""
        return 0.0

    def recognised(self, state: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """Scores of sampled images with their own and with other captions, `(m,)` and `(k,)`, by a network of its own.

        They are its self-test; None for methods whose model is a column, or that have none.
        """
        return None

    def learnt(self, state: Any) -> Mapping[str, Any]:
        """What `prepare` learnt that the provenance keeps beside the findings, such as the weight of each input.

        `inputs` is drawn as a chart: a list of mappings that name a `column` with an `accuracy`, or with a `weight`.
        """
        return {}

    def findings(self, pool: Pool, tables: Iterable[pa.Table]) -> dict[str, Any]:
        """What to keep in the provenance of a finished column, from its units' tables; text under `warning` is shown."""
        return {}

    def missed(self, pair: Mapping[str, Any]) -> str:
        """Of a flag: by how much a pair that it drops missed it, from the pair's columns; empty if they don't tell."""
        return ""

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> Any:
        """A small statistic of the whole pool; None when the method needs none.

        `each` maps a function over units of the pool, wherever the engine runs them: `(pool, unit) -> part`, picklable
        as are its parts, which come back in the order of the units. One that needs a GPU has it as its `device`.
        """
        return None

    def stages(
        self, pool: Pool, units: Sequence[Unit], state: Any, *, folder: Path, progress: Progress, each: Each
    ) -> Generator[tuple[Sequence[Unit], Any], None, None]:
        """The units that have no record yet, in the parts in which they are computed, each part with its state.

        A method that first needs files beside the pool, or rounds of work by all workers, does that before it yields a
        part; what follows the `yield` is done once the part is computed, and in any case if an error ends it. `folder`,
        named by all that determines the column, stays until the column is there: what is kept in it needs not be made
        again after an interruption.
        """
        yield units, state

    def temporary(self, pool: Pool) -> int:
        """Bytes on the disk of the pool that the work takes at most, beside the column."""
        return 0

    def check_room(self, pool: Pool) -> None:
        """Raises InputError, before anything is computed, if that disk has less than the work can do with."""

    def score(self, batch: Batch, state: Any) -> np.ndarray | dict[str, Any]:
        """The column for a batch: `(n,)` float32 or bool, or a dict with extra columns; NaN = not scored."""
        raise TypeError(f"{type(self).__name__} is not pointwise; it overrides compute")

    def units(self, pool: Pool) -> list[Unit]:
        """The work units; together they hold every row once, or equally often: then a pair gets the mean of its values."""
        return whole(pool) if self.at_once else fragments(pool)

    def compute(self, pool: Pool, unit: Unit, state: Any, progress: Progress = silent) -> dict[str, Any]:
        """All columns for one unit, in the order of its rows: numpy arrays, or Arrow arrays for text."""
        parts: list[dict[str, Any]] = []
        seen = 0
        names = ["uid", *self.reads()]
        for rows in pool.scan(names, start=unit.start, stop=unit.stop, batch_size=self.scan_rows):
            score = self.score(Batch.from_arrow(rows), state)
            parts.append(score if isinstance(score, dict) else {MAIN: score})
            seen += rows.num_rows
            progress(seen, len(unit))
        return {name: _join([part[name] for part in parts]) for name in parts[0]} if parts else {}


def fragments(pool: Pool) -> list[Unit]:
    """One unit for each fragment of the pool."""
    return [Unit(f"{part.start}-{part.stop}", part.start, part.stop) for part in pool.fragments]


def whole(pool: Pool) -> list[Unit]:
    """One unit for all pairs, where each depends on all others; none for an empty pool."""
    return [Unit(f"all-{len(pool)}", 0, len(pool))] if len(pool) else []


def by_unit(
    pool: Pool, part: Callable[[Pool, Unit], Any], what: str, progress: Progress, each: Each,
    units: Sequence[Unit] | None = None,
) -> Iterator[tuple[Unit, Any]]:  # fmt: skip
    """`part` of each of the units, by default each fragment of the pool, as far as the progress says."""
    done = 0
    for unit, made in each(pool, fragments(pool) if units is None else units, part):
        done += len(unit)
        yield unit, made
        progress(done, len(pool), what)


def _join(parts: list[Any]) -> Any:
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else pa.concat_arrays(parts)


def _supply(name: str) -> str:
    """How a pool gets values for a column."""
    if name in ("width", "height"):
        return "import the pairs again so that images are opened, or add sizes with `poolscope import columns`"
    if name == "image":
        return "fetch the images with `poolscope fetch`, or import files that hold them"
    if name == "text":
        return "import the pairs with the column that holds their captions (--text)"
    return "make it again, or choose another column"

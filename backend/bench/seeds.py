"""The seeds that are still to be trained until a comparison is decided."""

import itertools
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .. import jobs
from ..runs import Run, runs
from .scales import SCALES
from .verdicts import Gap


@dataclass(frozen=True)
class MoreSeeds:
    """Further seeds of the recipe of `run`, with the same pool, scale and tasks."""

    run: str
    recipe: str
    scale: str
    argv: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def command(self) -> str:
        """A line for a shell that queues them all."""
        words = f"poolscope {shlex.join(self.argv)} --seed"
        if len(self.seeds) == 1:
            return f"{words} {self.seeds[0]} --detach"
        return f"for seed in {' '.join(map(str, self.seeds))}; do {words} $seed --detach; done"

    def start(self, device: str | None = None) -> list[int]:
        """Queues a job for each seed; returns the jobs' ids."""
        return [
            jobs.submit([*self.argv, "--seed", str(seed)], kind="train", device=device or jobs.slot(),
                        title=f"{self.recipe} · {self.scale} · seed {seed}")
            for seed in self.seeds
        ]  # fmt: skip


def missing_seeds(a: Sequence[str | Run], b: Sequence[str | Run], gap: Gap) -> list[MoreSeeds]:
    """What each side of `gap` lacks until it is decided, those that wait or train already left out.

    Empty if it is decided, if more than 200 seeds of each would be needed, if both sides are one recipe, or if a side
    can't be trained again as it was (only evaluated here, or with settings that differ from its scale's).
    """
    needed = 2 if gap.reach is None else gap.needed
    sides = [[Run.load(run) for run in side] for side in (a, b)]
    if gap.decided or needed is None or not all(_repeatable(side[0]) for side in sides):
        return []
    if _trained_on(sides[0][0]) == _trained_on(sides[1][0]):
        return []
    needs = [_of(side, needed) for side in sides]
    return [side for side in needs if side.seeds]


def _repeatable(run: Run) -> bool:
    return run.kind == "training" and not run.not_comparable and (run.path / "recipe.yaml").is_file()


def _of(side: Sequence[Run], needed: int) -> MoreSeeds:
    first = side[0]
    argv = ["train", str(first.path / "recipe.yaml"), "--scale", str(first.scale), "--pool", first.pool]
    suite = first.settings.get("tasks")
    if suite and first.scale in SCALES and suite != SCALES[first.scale].tasks:
        argv += ["--tasks", str(suite)]
    if first.track != "filtering":
        argv += ["--track", first.track]
    more = MoreSeeds(first.id, first.recipe, str(first.scale), tuple(argv), ())
    there, coming = _taken(first), _queued(more)
    free = (seed for seed in itertools.count() if seed not in there | coming)
    lacking = max(0, needed - len({run.seed for run in side} | coming))
    return replace(more, seeds=tuple(itertools.islice(free, lacking)))


def _taken(run: Run) -> set[int]:
    """The seeds with which the pairs of `run` were trained on at its scale, or are."""
    return {one.seed for one in runs() if _trained_on(one) == _trained_on(run)}


def _trained_on(run: Run) -> tuple[object, ...]:
    return run.scale, run.pool, run.subset_sha256, run.recipe


def _queued(more: MoreSeeds) -> set[int]:
    """The seeds that wait in a job of the same command line, or train in one."""
    known = [job.argv for job in jobs.all() if not job.finished]
    ahead = len(more.argv) + 1
    return {
        int(argv[ahead]) for argv in known
        if len(argv) == ahead + 1 and list(argv[:ahead]) == [*more.argv, "--seed"] and argv[ahead].isdigit()
    }  # fmt: skip

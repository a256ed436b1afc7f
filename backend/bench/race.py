"""A race: seeds dealt out where they decide, until the best recipe is known or the budget is spent."""

import hashlib
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices, paths
from ..errors import InputError
from ..number_format import percent
from ..progress import Progress, silent
from ..runs import Run, check_id
from ..workers.dispatch import finished
from .board import by_recipe, leaderboard
from .checks import preflight, refuse
from .cost import estimate
from .elimination import deal, one_look
from .kept import Kept
from .phase import titled
from .scales import scale_named
from .training import train

if TYPE_CHECKING:
    from ..pool import Pool
    from ..recipe import Recipe

MOST = 10
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


@dataclass(frozen=True)
class Entry:
    """A recipe in a race: its file, the pairs that it keeps, the seeds that were dealt to it, and the number of seeds
    after which it was surely behind (None: it is still in)."""

    recipe: str
    file: str
    kept: int
    dealt: int = 0
    out: int | None = None


@dataclass(frozen=True)
class Race(Kept):
    """`races/<id>.json` in the home. `budget` (None: no end) and `spent` are seconds of training and evaluation; `state` is
    `open`, `decided` or `budget spent`."""

    folder = "races"

    id: str
    scale: str
    pool: str
    entries: tuple[Entry, ...]
    confidence: float = 0.95
    most: int = MOST
    budget: float | None = None
    spent: float = 0.0
    trained: int = 0
    state: str = "open"
    job: str | None = None
    created: float = field(default_factory=time.time)

    def with_entry(self, name: str, **changed: Any) -> "Race":
        entries = tuple(replace(e, **changed) if e.recipe == name else e for e in self.entries)
        return replace(self, entries=entries)


@dataclass(frozen=True)
class Standing:
    """Where a race is: `best` has the best mean of those that are in, `tied` can't be told from it (yet)."""

    best: str | None
    tied: tuple[str, ...]
    behind: tuple[str, ...]
    means: dict[str, float | None]


def seconds(text: str) -> float:
    """`2h`, `90m`, `1h30m` or `45s` in seconds. Raises InputError for anything else, and for nothing at all."""
    match = _DURATION.fullmatch(text.strip())
    total = sum(float(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1))) if match else 0.0
    if not total > 0:
        raise InputError(f"budget {text!r} is no time: give hours, minutes or seconds, for example 2h, 90m or 1h30m")
    return total


def enter(
    pool: "Pool", recipes: "Sequence[Recipe]", *, scale: str, budget: float | None = None, confidence: float = 0.95,
    most: int = MOST, name: str | None = None, job: str | None = None,
) -> Race:  # fmt: skip
    """The race of these recipes, new or as far as it came before: the same command goes on with it, and `budget` is
    that of all times together.

    Raises InputError, before anything is trained, for fewer than two recipes, two of one name, a recipe that can't be
    trained on, or a name under which another race ran.
    """
    from ..recipe import ready, select

    if len(recipes) < 2:
        raise InputError(f"a race of {len(recipes)} recipe has nothing to decide; give two or more")
    names = [recipe.name for recipe in recipes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two recipes are called {twice!r}; give each a name of its own")
    if not 0.5 < confidence < 1:
        raise InputError(f"confidence is {confidence}; it must be above 0.5 and below 1, usually 0.95")
    if most < 2:
        raise InputError(f"at most {most} seeds of each decide nothing; allow 2 or more")
    wanted, where = scale_named(scale), str(pool.path.resolve())
    entries = []
    for recipe in recipes:
        selection = select(recipe, pool)
        try:
            refuse(preflight(selection.drawn, wanted, pool=pool))
        except InputError as error:
            raise InputError(f"{recipe.name}: {error}") from error
        entries.append(Entry(recipe.name, str(ready.keep(recipe)), selection.kept))
    subject = (scale, where, confidence, most, *(entry.file for entry in entries))
    identity = hashlib.sha256(repr(subject).encode()).hexdigest()[:10]
    race = Race(check_id(name or f"race-{identity}"), scale, where, tuple(entries), confidence, most, budget, job=job)
    if race.path.is_file():
        before = Race.load(race.id)
        same = [(e.recipe, e.file, e.kept) for e in before.entries] == [(e.recipe, e.file, e.kept) for e in entries]
        if not same or (before.scale, before.pool, before.confidence, before.most) != (scale, where, confidence, most):
            raise InputError(f"race {race.id!r} ran with other recipes or settings; choose another name with --as")
        race = replace(before, budget=budget, job=job, state="open")
    return race.save()


def go_on(race: Race, progress: Progress = silent, *, gpus: int | None = None) -> Race:
    """Trains what decides the race until it is decided or the next run would not fit the budget, which is the time of all
    runs together. The runs of a round are trained side by side, one on each GPU (at most `gpus`), else one after the
    other. Runs that are on the leaderboard already count and cost nothing."""
    places = devices.spread(most=gpus)
    bound = one_look(len(race.entries), race.most, race.confidence)
    while True:
        known = results(race)
        gone, dealt = deal(_dealt(race, known), {e.recipe for e in race.entries if e.out}, race.most, bound)
        for entry in race.entries:
            if entry.recipe in gone:
                race = race.with_entry(entry.recipe, out=entry.dealt)
        if not dealt:
            return replace(race, state="decided").save()
        for start in range(0, len(dealt), len(places)):
            names = dealt[start : start + len(places)]
            entries = [entry for name in names for entry in race.entries if entry.recipe == name]
            fresh = [entry for entry in entries if entry.dealt not in known[entry.recipe]]
            fitting = [
                entry
                for number, entry in enumerate(fresh, 1)
                if race.budget is None or race.spent + number * _expected(race, entry) <= race.budget
            ]
            race = _side_by_side(race, fitting, places, progress)
            for entry in entries:
                if entry in fitting or entry not in fresh:
                    race = race.with_entry(entry.recipe, dealt=entry.dealt + 1).save()
            if len(fitting) < len(fresh):
                return replace(race, state="budget spent").save()


def _side_by_side(race: Race, entries: Sequence[Entry], places: Sequence[str], progress: Progress) -> Race:
    """The race with one more run of each of these, each on a device of its own."""
    heat = _Heat(race, progress)
    for _ in finished(heat, entries, devices=places, threads=True):
        pass
    if heat.problem is not None:
        raise heat.problem
    known = results(heat.race)
    for entry in entries:
        if entry.dealt not in known[entry.recipe]:
            run_id = _run_id(race, entry)
            why = "; ".join(Run.load(run_id).not_comparable)
            raise RuntimeError(f"run {run_id} has no average over its tasks: {why}")
    return heat.race


def results(race: Race) -> dict[str, dict[int, float]]:
    """The averages by recipe and seed of the comparable runs on the leaderboard that belong to the race."""
    rows = leaderboard(race.scale, pool=race.pool, published=False, unfinished=False)
    suite = scale_named(race.scale).tasks
    mine = by_recipe([row for row in rows if row.suite == suite and row.average is not None])
    averages: dict[str, dict[int, float]] = {}
    for entry in race.entries:
        same = mine.get((entry.recipe, race.scale, race.pool, suite, entry.kept), [])
        averages[entry.recipe] = {row.seed or 0: float(row.average or 0.0) for row in same}
    return averages


def _dealt(race: Race, known: dict[str, dict[int, float]]) -> dict[str, np.ndarray]:
    dealt = {}
    for entry in race.entries:
        values = [known[entry.recipe].get(seed) for seed in range(entry.dealt)]
        lost = [seed for seed, value in enumerate(values) if value is None]
        if lost:
            raise InputError(f"the run of {entry.recipe!r} with seed {lost[0]} is not on the leaderboard any more; start the "
                             "race anew with another name (--as)")  # fmt: skip
        dealt[entry.recipe] = np.array(values, dtype=np.float64)
    return dealt


def _expected(race: Race, entry: Entry) -> float:
    """Seconds that the next run takes: as the race's runs so far, else as estimated."""
    return race.spent / race.trained if race.trained else estimate(entry.kept, race.scale).total_seconds


class _Heat:
    """Trains runs of a race, each on the device that its thread holds, and adds up what they take."""

    def __init__(self, race: Race, progress: Progress) -> None:
        self.race, self._progress, self._lock = race, progress, threading.Lock()
        self.problem: Exception | None = None

    def compute(self, entry: Entry) -> None:
        from ..pool import Pool

        race, run_id = self.race, _run_id(self.race, entry)
        there = (paths.runs() / run_id / "run.json").is_file()
        progress = titled(self._progress, f"{entry.recipe}, seed {entry.dealt}")
        begun = time.monotonic()
        run = None
        try:
            run = train(entry.file, Pool.open(race.pool), scale=race.scale, seed=entry.dealt, run_id=run_id, resume=there,
                        sweep=race.id, progress=progress)  # fmt: skip
        except Exception as error:  # the runs beside it are trained to their end first
            self.problem = self.problem or error
        finally:  # a stopped run costs what it took, too
            with self._lock:
                spent, count = self.race.spent + time.monotonic() - begun, self.race.trained + (run is not None)
                self.race = replace(self.race, spent=spent, trained=count).save()


def _run_id(race: Race, entry: Entry) -> str:
    place = next(place for place, other in enumerate(race.entries) if other.recipe == entry.recipe)
    return f"{race.id}-{place:02d}-s{entry.dealt}"


def standing(race: Race) -> Standing:
    """Best, tied and behind by the seeds that were dealt so far; unfinished, everybody who is in counts as tied."""
    known = results(race)
    means = {}
    for entry in race.entries:
        values = [known[entry.recipe][seed] for seed in range(entry.dealt) if seed in known[entry.recipe]]
        means[entry.recipe] = float(np.mean(values)) if values else None
    left = sorted((e.recipe for e in race.entries if not e.out), key=lambda name: -(means[name] or -np.inf))
    best = left[0] if left and means[left[0]] is not None else None
    behind = tuple(entry.recipe for entry in race.entries if entry.out)
    return Standing(best, tuple(name for name in left if name != best), behind, means)


def sentence(race: Race) -> str:
    """The state of a race in words: the best, how many can't be told from it, and what it spent."""
    now, runs = standing(race), sum(entry.dealt for entry in race.entries)
    spent = f"{runs} runs of the {len(race.entries) * race.most} of a full grid ({race.trained} trained here, {race.spent / 60:.0f} minutes)"
    if now.best is None:
        return f"nothing is known yet; {spent}"
    if race.state == "decided":
        tie = (
            f"{len(now.tied)} can't be told from it ({', '.join(now.tied)})" if now.tied else "all others are behind it"
        )
        return f"the best is {now.best}, {tie}, at {percent(race.confidence, 0)} confidence; {spent}"
    why = (
        "the next run does not fit the budget; give more with --budget"
        if race.state == "budget spent"
        else "it goes on"
    )
    return f"not decided: {now.best} leads, {len(now.tied)} may still be the best; {spent}; {why}"


def as_json(race: Race) -> dict[str, Any]:
    now, runs = standing(race), sum(entry.dealt for entry in race.entries)
    return {
        "race": race.id, "scale": race.scale, "pool": race.pool, "state": race.state, "confidence": race.confidence,
        "best": now.best, "tied": list(now.tied), "behind": list(now.behind), "runs": runs, "trained": race.trained,
        "full_grid": len(race.entries) * race.most, "seconds": round(race.spent, 1),
        "budget": race.budget,
        "recipes": [
            {"recipe": e.recipe, "kept": e.kept, "seeds": e.dealt, "mean": now.means[e.recipe], "out_after": e.out}
            for e in race.entries
        ],
    }  # fmt: skip

"""Workers: the same task on threads, spawned processes or a Ray cluster; units come back as they finish."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from ..errors import InputError

ENGINES = ("local", "ray")


class Work(Protocol):
    """A task that computes one unit, and leaves its record on the disk that all workers share or returns what came of
    it; picklable."""

    def compute(self, unit: Any) -> Any: ...


Unit = TypeVar("Unit")


def check_engine(engine: str) -> None:
    if engine not in ENGINES:
        raise InputError(f"engine {engine!r} is not known; allowed are {', '.join(ENGINES)}.")


def finished(
    task: Work,
    units: Sequence[Unit],
    *,
    engine: str = "local",
    workers: int = 1,
    address: str | None = None,
    threads: bool = False,
) -> Iterator[Unit]:
    """Computes all units and yields each once its record is there, in the order in which they finish.

    Local workers are processes, or `threads` where the work releases the interpreter anyway. Raises what a unit raised.
    """
    for unit, _ in _computed(task, units, engine, workers, address, threads):
        yield unit


def gathered(
    task: Work, units: Sequence[Unit], *, engine: str = "local", workers: int = 1, address: str | None = None
) -> Iterator[tuple[Unit, Any]]:
    """Computes all units and yields each with what came of it, in the order of `units`."""
    waiting: dict[int, tuple[Unit, Any]] = {}
    number = {id(unit): place for place, unit in enumerate(units)}
    following = 0
    for unit, made in _computed(task, units, engine, workers, address):
        waiting[number[id(unit)]] = (unit, made)
        while following in waiting:
            yield waiting.pop(following)
            following += 1


@contextmanager
def session(engine: str, workers: int, address: str | None) -> Iterator[None]:
    """Keeps one connection to a Ray cluster for everything inside; nothing for other engines."""
    if engine != "ray":
        yield
        return
    from .ray import connected

    with connected(workers, address):
        yield


def _computed(
    task: Work, units: Sequence[Unit], engine: str, workers: int, address: str | None, threads: bool = False
) -> Iterator[tuple[Unit, Any]]:
    check_engine(engine)
    if engine == "ray" and units:
        from .ray import compute_on_ray

        yield from compute_on_ray(task, units, workers=workers, address=address)
    elif workers <= 1 or len(units) <= 1:
        for unit in units:
            yield unit, task.compute(unit)
    elif threads:
        with ThreadPoolExecutor(min(workers, len(units))) as executor:
            yield from _completed(executor, task, units)
    else:
        # spawned, never forked: Lance's threads don't survive a fork
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(units)), mp_context=context) as executor:
            yield from _completed(executor, task, units)


def _completed(executor: Executor, task: Work, units: Sequence[Unit]) -> Iterator[tuple[Unit, Any]]:
    waiting = {executor.submit(task.compute, unit): unit for unit in units}
    try:
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise

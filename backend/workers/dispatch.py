"""Workers: the same task on threads, spawned processes or a Ray cluster; units come back as they finish."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol, TypeVar

from ..devices import hold
from ..errors import InputError
from ..processes import end_with

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
    devices: Sequence[str] = (),
) -> Iterator[Unit]:
    """Computes all units and yields each once its record is there, in the order in which they finish.

    Local workers are processes, or `threads` where the work releases the interpreter anyway; with several `devices`,
    each has a worker of its own, or several where there are more workers. Raises what a unit raised.
    """
    for unit, _ in _computed(task, units, engine, workers, address, threads, devices):
        yield unit


def gathered(
    task: Work,
    units: Sequence[Unit],
    *,
    engine: str = "local",
    workers: int = 1,
    address: str | None = None,
    devices: Sequence[str] = (),
) -> Iterator[tuple[Unit, Any]]:
    """Computes all units and yields each with what came of it, in the order of `units`."""
    waiting: dict[int, tuple[Unit, Any]] = {}
    number = {id(unit): place for place, unit in enumerate(units)}
    following = 0
    for unit, made in _computed(task, units, engine, workers, address, devices=devices):
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
    task: Work,
    units: Sequence[Unit],
    engine: str,
    workers: int,
    address: str | None,
    threads: bool = False,
    devices: Sequence[str] = (),
) -> Iterator[tuple[Unit, Any]]:
    check_engine(engine)
    if engine == "ray" and units:
        from .ray import compute_on_ray

        yield from compute_on_ray(task, units, workers=workers, address=address)
    elif len(devices) > 1 and len(units) > 1:
        yield from _on_devices(task, units, devices, workers, threads)
    elif workers <= 1 or len(units) <= 1:
        for unit in units:
            yield unit, task.compute(unit)
    elif threads:
        with ThreadPoolExecutor(min(workers, len(units))) as executor:
            yield from _completed(executor, task, units)
    else:
        with _processes(min(workers, len(units))) as executor:
            yield from _completed(executor, task, units)


def _processes(count: int, device: str | None = None) -> Executor:
    """Spawned, never forked, for Lance's threads don't survive a fork. They end with this process: by themselves they
    would wait for ever for the next unit of one that was killed."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, mp_context=spawn, initializer=_begin, initargs=(os.getpid(), device))


def _begin(parent: int, device: str | None) -> None:
    end_with(parent)
    if device is not None:
        hold(device)


def _completed(executor: Executor, task: Work, units: Sequence[Unit]) -> Iterator[tuple[Unit, Any]]:
    waiting = {executor.submit(task.compute, unit): unit for unit in units}
    try:
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise


def _on_devices(
    task: Work, units: Sequence[Unit], devices: Sequence[str], workers: int, threads: bool
) -> Iterator[tuple[Unit, Any]]:
    """A worker a device takes the next unit as soon as it is free, so that a slow one holds up nothing but its own."""
    executors: list[Executor] = []
    for number in range(min(max(workers, len(devices)), len(units))):
        device = devices[number % len(devices)]
        executors.append(
            ThreadPoolExecutor(1, initializer=hold, initargs=(device,)) if threads else _processes(1, device)
        )
    todo = iter(units)
    waiting: dict[Future[Any], tuple[Unit, Executor]] = {}

    def following(executor: Executor) -> None:
        for unit in islice(todo, 1):
            waiting[executor.submit(task.compute, unit)] = unit, executor

    try:
        for executor in executors:
            following(executor)
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                unit, executor = waiting.pop(future)
                made = future.result()
                following(executor)
                yield unit, made
    except BaseException:
        for executor in executors:
            executor.shutdown(wait=False, cancel_futures=True)
        raise
    for executor in executors:
        executor.shutdown()

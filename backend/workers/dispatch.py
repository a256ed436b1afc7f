"""Workers: the same task on threads, spawned processes or a Ray cluster; units come back as they finish."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
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
) -> Iterator[tuple[Unit, Any]]:
    """Computes all units and yields each with what came of it, once its record is there, in the order in which they finish.

    Local workers are processes, or `threads` where the work releases the interpreter anyway; with several `devices`,
    each has a worker of its own, or several where there are more workers. Raises what a unit raised.
    """
    check_engine(engine)
    size = max(workers, len(devices))
    if engine == "ray" and units:
        from .ray import compute_on_ray

        yield from compute_on_ray(task, units, workers=workers, address=address)
    elif size <= 1 or len(units) <= 1:
        for unit in units:
            yield unit, task.compute(unit)
    else:
        kept = _kept.get()
        if kept and not threads and (kept.size, kept.devices) == (size, tuple(devices)):
            yield from kept.compute(task, units)
            return
        crew = _Crew(size, tuple(devices), threads)
        yield from crew.compute(task, units)
        crew.leave()


def gathered(task: Work, units: Sequence[Unit], **where: Any) -> Iterator[tuple[Unit, Any]]:
    """The same in the order of `units`; `where` as `finished` takes it."""
    waiting: dict[int, tuple[Unit, Any]] = {}
    number = {id(unit): place for place, unit in enumerate(units)}
    following = 0
    for unit, result in finished(task, units, **where):
        waiting[number[id(unit)]] = (unit, result)
        while following in waiting:
            yield waiting.pop(following)
            following += 1


@contextmanager
def session(engine: str, workers: int = 1, address: str | None = None, devices: Sequence[str] = ()) -> Iterator[None]:
    """Keeps one connection to a Ray cluster, or the processes of this machine, for everything inside that asks for the
    same workers and devices: rounds of units don't start them anew."""
    if engine == "ray":
        from .ray import connected

        with connected(workers, address):
            yield
        return
    crew = _Crew(max(workers, len(devices)), tuple(devices))
    before = _kept.set(crew)
    try:
        yield
    except BaseException:
        crew.dismiss()
        raise
    finally:
        _kept.reset(before)
    crew.leave()


class _Crew:
    """Workers, each with a device if there are any, that take the next unit as soon as they are free, so that a slow one
    holds up nothing but its own. They are started when there is a unit for them."""

    def __init__(self, size: int, devices: tuple[str, ...], threads: bool = False) -> None:
        self.size, self.devices, self._threads = size, devices, threads
        self._workers: list[Executor] = []

    def compute(self, task: Work, units: Sequence[Unit]) -> Iterator[tuple[Unit, Any]]:
        """Each unit with what came of it; dismisses the workers if one fails, or if not all units are asked for."""
        todo = iter(units)
        waiting: dict[Future[Any], tuple[Unit, Executor]] = {}

        def following(worker: Executor) -> None:
            for unit in islice(todo, 1):
                waiting[worker.submit(task.compute, unit)] = unit, worker

        try:
            for worker in self._hired(len(units)):
                following(worker)
            while waiting:
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    unit, worker = waiting.pop(future)
                    result = future.result()
                    following(worker)
                    yield unit, result
        except BaseException:
            self.dismiss()
            raise

    def _hired(self, units: int) -> list[Executor]:
        while len(self._workers) < min(self.size, units):
            given = self.devices[len(self._workers) % len(self.devices)] if self.devices else None
            self._workers.append(_worker(given, self._threads))
        return self._workers[:units]

    def dismiss(self) -> None:
        """Ends without waiting for units that are being computed."""
        while self._workers:
            self._workers.pop().shutdown(wait=False, cancel_futures=True)

    def leave(self) -> None:
        while self._workers:
            self._workers.pop().shutdown()


_kept: ContextVar[_Crew | None] = ContextVar("kept", default=None)


def _worker(device: str | None, threads: bool) -> Executor:
    """A thread or a process, which holds `device`. Processes are spawned, never forked, for Lance's threads don't survive
    a fork; they end with this process: by themselves they would wait for ever for the next unit of one that was killed."""
    if threads:
        return ThreadPoolExecutor(1, initializer=hold, initargs=(device,)) if device else ThreadPoolExecutor(1)
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin, initargs=(os.getpid(), device))


def _begin(parent: int, device: str | None) -> None:
    end_with(parent)
    if device is not None:
        hold(device)

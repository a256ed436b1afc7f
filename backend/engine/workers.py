"""Workers: the same task on threads, spawned processes or a Ray cluster; units come back as they finish."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from typing import Any, Protocol, TypeVar

from backend.errors import InputError

ENGINES = ("local", "ray")


class Work(Protocol):
    """A task that computes one unit and leaves its record on the disk that all workers share; picklable."""

    def compute(self, unit: Any) -> None: ...


Unit = TypeVar("Unit")
Item = TypeVar("Item")
Result = TypeVar("Result")


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
    check_engine(engine)
    if engine == "ray" and units:
        from backend.engine.ray import compute_on_ray

        yield from compute_on_ray(task, units, workers=workers, address=address)
    elif workers <= 1 or len(units) <= 1:
        for unit in units:
            task.compute(unit)
            yield unit
    elif threads:
        with ThreadPoolExecutor(min(workers, len(units))) as executor:
            yield from _completed(executor, task, units)
    else:
        # spawned, never forked: Lance's threads don't survive a fork
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(units)), mp_context=context) as executor:
            yield from _completed(executor, task, units)


def _completed(executor: Executor, task: Work, units: Sequence[Unit]) -> Iterator[Unit]:
    waiting = {executor.submit(task.compute, unit): unit for unit in units}
    try:
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                future.result()
                yield waiting.pop(future)
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise


def in_order(work: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 2) -> Iterator[Result]:
    """`map` on threads that works at most a few items ahead, so that results don't pile up."""
    with ThreadPoolExecutor(threads) as executor:
        ahead: deque[Future[Result]] = deque()
        for item in items:
            ahead.append(executor.submit(work, item))
            if len(ahead) > 2 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

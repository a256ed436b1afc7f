"""Threads for work that waits for memory or the disk, and lets go of the interpreter while it does."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


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

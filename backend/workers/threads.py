"""Threads for work that waits for memory or the disk with the GIL released."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 2, ahead: int | None = None
) -> Iterator[Result]:
    """`map` on threads that works at most `ahead` items ahead (twice as many as threads), so that results don't pile up."""
    with ThreadPoolExecutor(threads) as executor:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(executor.submit(work, item))
            if len(waiting) > (ahead or 2 * threads):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def prefetched(items: Iterable[Item], *, depth: int = 2) -> Iterator[Item]:
    """The items in order; a thread takes up to `depth` of them from their iterator before they are asked for."""
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(1) as executor:
        waiting = deque(executor.submit(next, iterator, end) for _ in range(depth))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(executor.submit(next, iterator, end))
            yield item  # type: ignore[misc]  # not the mark of the end

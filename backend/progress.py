"""How a long function says how far it is."""

from typing import Protocol


class Progress(Protocol):
    def __call__(self, done: int, total: int, message: str = "", **figures: float) -> None:
        """`done` of `total` units; `figures` are live numbers such as `loss` or `samples_per_s`."""


def silent(done: int, total: int, message: str = "", **figures: float) -> None:
    """The progress that nobody watches."""

"""How a long function says how far it is."""

from typing import Protocol


class Progress(Protocol):
    def __call__(self, done: int, total: int, message: str = "", **figures: float) -> None:
        """`done` of `total` units; `figures` are live numbers such as `loss` or `samples_per_s`."""


def silent(done: int, total: int, message: str = "", **figures: float) -> None:
    """The progress that nobody watches."""


class Steps:
    """Turns the progress of each step into progress of the whole, in percent; `shares` is what each takes of it."""

    def __init__(self, shares: dict[str, float], progress: Progress) -> None:
        self._shares, self._progress, self._most = shares, progress, 0

    def of(self, step: str) -> Progress:
        names = list(self._shares)
        before = sum(self._shares[name] for name in names[: names.index(step)])

        def report(done: int, total: int, message: str = "", **figures: float) -> None:
            inside = done / total if total else 0.0
            self._most = max(self._most, round(100 * (before + self._shares[step] * inside)))
            self._progress(self._most, 100, message, **figures)

        return report

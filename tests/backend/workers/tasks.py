"""Tasks of the tests: apart from them, so that a worker that starts for one imports little."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from poolscope import devices


def node() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())


@dataclass(frozen=True)
class Where:
    """Leaves a file under a relative path and gives back where it ran and on which GPUs."""

    device: str
    out: Path = Path("out")

    def compute(self, unit: int) -> tuple[str, str | None, str]:
        self.out.mkdir(exist_ok=True)
        (self.out / f"{unit}").touch()
        return node(), os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ["POOLSCOPE_HOME"]


@dataclass(frozen=True)
class Process:
    """Gives back in which process and on which device it ran."""

    def compute(self, unit: int) -> tuple[int, str]:
        return os.getpid(), devices.choose()


@dataclass(frozen=True)
class Counted:
    directory: Path

    def compute(self, unit: int) -> None:
        (self.directory / f"{unit}").touch()


@dataclass(frozen=True)
class Wrong:
    """Raises `error`, or dies."""

    error: Exception | None = None

    def compute(self, unit: int) -> None:
        if self.error:
            raise self.error
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Slow:
    """A task whose worker is killed when it first computes unit 3; it notes on which node each unit was begun, once for
    each attempt."""

    directory: Path

    def compute(self, unit: int) -> int:
        begun = self.directory / f"{unit}"
        again = begun.exists()
        with begun.open("a") as file:
            file.write(f"{node()}\n")
        if unit == 3 and not again:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.3)
        return unit
